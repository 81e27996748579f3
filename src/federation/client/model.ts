/**
 * A model as it comes from a server: its bytes are those that were announced, or it is none.
 *
 * @module
 */

import { FederationError } from '../../core/errors.ts';
import { bytesSource } from '../../formats/byte-source.ts';
import { countOf, isFloat, readFloats } from '../../formats/dtype.ts';
import { readSafetensorsHeader } from '../../formats/safetensors.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import { bodyParts, type Http, Transient } from './http.ts';
import type { Session } from './session.ts';

/** A tensor in memory. */
export interface Tensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

/** The floating-point tensors of a model, by name. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** A model: what can be trained of it, and the file. */
export interface Model {
  /** SHA-256 of the file, in lower-case hex. */
  readonly sha256: string;
  readonly tensors: Tensors;
  /** The safetensors file, for whoever needs the rest of it. */
  readonly file: Uint8Array;
}

/** Downloads that may end in other bytes than were announced. */
const ATTEMPTS = 3;
/** A server that is slower than that is not waited for. Bytes in a second */
const SLOWEST = 16 * 2 ** 10;
const LEAST_TIMEOUT_MS = 30_000;

/** A file of a server. */
export interface Wanted {
  readonly sha256: string;
  readonly bytes: number;
}

/** The way to it. */
export interface Via {
  readonly http: Http;
  readonly session: Session;
  readonly crypto: Pick<CryptoProvider, 'sha256'>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The model of that name. What a cut connection has brought is not fetched again.
 *
 * @throws {FederationError} `wrong-model` if its bytes have another hash, three times over; `protocol`
 *   if it is no safetensors file.
 */
export async function downloadModel(wanted: Wanted, via: Via): Promise<Model> {
  return readModel(await downloadFile(wanted, via), wanted.sha256);
}

/** A file whose bytes have the hash that they should have. @throws as {@link downloadModel}. */
export async function downloadFile(wanted: Wanted, via: Via): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt++) {
    const file = await download(wanted, via);
    const came = hex(via.crypto.sha256(file));
    if (came === wanted.sha256) return file;
    if (attempt === ATTEMPTS) {
      const message = `model ${wanted.sha256} came with the hash ${came}, ${ATTEMPTS} times`;
      throw new FederationError('wrong-model', message);
    }
  }
}

async function download(
  { sha256, bytes }: Wanted,
  { http, session, signal }: Via,
): Promise<Uint8Array> {
  const path = `/v1/models/${sha256}`;
  const file = new Uint8Array(bytes);
  let have = 0;
  const timeoutMs = LEAST_TIMEOUT_MS + (bytes / SLOWEST) * 1000;
  const call = { method: 'GET', path, signal, timeoutMs } as const;
  await http.persist(call, (inner) =>
    session.withToken(inner, async (headers) => {
      const range = have > 0 ? { range: `bytes=${have}-` } : {};
      const asked = {
        ...call,
        headers: { accept: 'application/octet-stream', ...headers, ...range },
      };
      const response = await http.open(asked, inner);
      // Whoever does not know ranges begins anew.
      if (response.status !== 206) have = 0;
      for await (const part of bodyParts(response, inner)) {
        if (have + part.length > bytes) {
          throw new FederationError('protocol', `${path}: more than the ${bytes} bytes announced`);
        }
        file.set(part, have);
        have += part.length;
      }
      if (have < bytes) throw new Transient(`ended after ${have} of ${bytes} bytes`);
    }),
  );
  return file;
}

/**
 * What a safetensors file holds. Tensors that are no numbers with a point are in the file alone.
 *
 * @throws {FormatError} if it is none.
 */
export async function readModel(file: Uint8Array, sha256: string): Promise<Model> {
  const source = bytesSource(`model ${sha256.slice(0, 12)}`, file);
  const { tensors: entries } = await readSafetensorsHeader(source);
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, from } of entries.values()) {
    if (!isFloat(dtype)) continue;
    const values = new Float32Array(countOf(shape)!);
    await readFloats(source, from, { dtype, into: values });
    tensors.set(name, { shape, values });
  }
  return { sha256, tensors, file };
}
