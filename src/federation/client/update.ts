/**
 * An update as bytes: a safetensors file with the tensors of the model, in a number type of the wire,
 * and a signed statement of what it is.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import { FederationError } from '../../core/errors.ts';
import { LITTLE_ENDIAN } from '../../formats/dtype.ts';
import { narrowToBrainFloats, narrowToHalves } from '../../formats/narrow.ts';
import { quote } from '../../formats/quote.ts';
import { planSafetensors } from '../../formats/safetensors.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import type { Identity } from '../identity.ts';
import { chunkCount, merkleRootOf } from '../merkle.ts';
import { type MASKED, type SignedStatement, signStatement, statementId } from '../statement.ts';
import type { RoundTerms } from './answers.ts';
import type { Tensors } from './model.ts';

/** Number types that this client writes. */
export const WIRE_DTYPES: readonly WireDtype[] = ['F32', 'F16', 'BF16'];

/** A number type of update files that this client writes. */
export type WireDtype = 'F32' | 'F16' | 'BF16';

/** What training gives. */
export interface LocalUpdate {
  /**
   * The difference that training made: for each tensor of the model as many values, row-major. What the
   * model was plus this is what it became.
   */
  readonly difference: ReadonlyMap<string, Float32Array> | Readonly<Record<string, Float32Array>>;
  /** Samples that it was computed on. >= 1 */
  readonly samples: number;
  /** The norm that it was clipped to, if it was. */
  readonly clipNorm?: number;
}

/** An update that is ready to be sent. */
export interface PreparedUpdate {
  readonly file: Uint8Array;
  readonly signed: SignedStatement;
  /** SHA-256 of the statement, in lower-case hex: the update's name. */
  readonly id: string;
  readonly chunks: number;
}

/** Of the types that the round takes, the one that is wished for, or the first that is known. */
export function chooseDtype(taken: readonly string[], wish?: WireDtype): WireDtype {
  const known = taken.filter((dtype): dtype is WireDtype =>
    (WIRE_DTYPES as readonly string[]).includes(dtype),
  );
  if (wish !== undefined && known.includes(wish)) return wish;
  if (known[0] !== undefined) return known[0];
  const message = `the round takes ${taken.join(', ')}; this client writes ${WIRE_DTYPES.join(', ')}`;
  throw new FederationError('protocol', message);
}

/** Options of {@link updateFile}. */
export interface UpdateFileOptions {
  readonly dtype: WireDtype;
  /** Whether NaN and infinities are sent: every server's screen turns them away. Default false. */
  readonly nonFinite?: boolean;
}

/**
 * The file of an update.
 *
 * @throws {FederationError} `bad-update` that names the tensor which is missing, too many, of a wrong
 *   length, or holds what the type cannot.
 */
export function updateFile(
  model: Tensors,
  update: LocalUpdate,
  { dtype, nonFinite = false }: UpdateFileOptions,
): Uint8Array {
  if (!LITTLE_ENDIAN) throw new FederationError('bad-update', 'needs a little-endian machine');
  const given = differenceOf(update);
  const stranger = [...given.keys()].find((name) => !model.has(name));
  if (stranger !== undefined) throw badUpdate(stranger, 'the model has no such tensor');
  const infos = [...model].map(([name, { shape }]) => ({ name, dtype, shape }));
  const { head, tensors } = planSafetensors(infos);
  const file = new Uint8Array(tensors.at(-1)?.to ?? head.length);
  file.set(head);
  for (const { name, from } of tensors) {
    const values = given.get(name);
    const needed = model.get(name)!.values.length;
    if (!(values instanceof Float32Array) || values.length !== needed) {
      const came = values instanceof Float32Array ? `${values.length}` : show(values);
      throw badUpdate(name, `needs a Float32Array of ${needed}, got ${came}`);
    }
    const written = narrowed(values, dtype);
    const wrong = nonFinite ? undefined : firstWrong(values, written, dtype);
    if (wrong !== undefined) throw badUpdate(name, wrong);
    file.set(new Uint8Array(written.buffer, written.byteOffset, written.byteLength), from);
  }
  return file;
}

function differenceOf({ difference }: LocalUpdate): ReadonlyMap<string, Float32Array> {
  if (difference instanceof Map) return difference;
  if (typeof difference === 'object' && difference !== null) {
    return new Map(Object.entries(difference));
  }
  const message = `the difference must hold tensors by name, got ${show(difference)}`;
  throw new FederationError('bad-update', message);
}

function narrowed(values: Float32Array, dtype: WireDtype): Float32Array | Uint16Array {
  if (dtype === 'F32') return values;
  const narrow = new Uint16Array(values.length);
  (dtype === 'F16' ? narrowToHalves : narrowToBrainFloats)(values, narrow);
  return narrow;
}

/** What keeps the values from being sent, in words. */
function firstWrong(
  values: Float32Array,
  written: Float32Array | Uint16Array,
  dtype: WireDtype,
): string | undefined {
  const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) return `entry ${i} is ${value}: has training diverged?`;
    if (dtype !== 'F32' && (written[i]! & infinity) === infinity) {
      return `entry ${i} is ${value}, beyond the range of ${dtype}`;
    }
  }
  return undefined;
}

function badUpdate(name: string, what: string): FederationError {
  return new FederationError('bad-update', `tensor ${quote(name)}: ${what}`);
}

/** What a statement is made on, beside the round's terms. */
export interface StatementOptions {
  readonly run: string;
  readonly identity: Identity;
  readonly crypto: Pick<CryptoProvider, 'sha256'>;
  /** By the server's clock. Milliseconds since 1970 */
  readonly now: number;
  readonly dtype: WireDtype | typeof MASKED;
}

/** Statements last so long at most, in milliseconds: servers take a day. */
const LIFETIME_MS = 12 * 3600 * 1000;

/** The file with its signed statement. */
export async function prepareUpdate(
  file: Uint8Array,
  update: Pick<LocalUpdate, 'samples' | 'clipNorm'>,
  options: StatementOptions & { readonly terms: RoundTerms },
): Promise<PreparedUpdate> {
  const { terms, run, identity, crypto, now, dtype } = options;
  const { chunkSize } = terms;
  const clipNorm = update.clipNorm ?? terms.clipNorm;
  const statement = {
    run,
    round: terms.round,
    model: terms.model,
    client: identity.id,
    dtype,
    length: file.length,
    chunkSize,
    root: hex(merkleRootOf(file, chunkSize, (...parts) => crypto.sha256(...parts))),
    samples: samplesOf(update.samples),
    ...(clipNorm !== undefined && { clipNorm }),
    expires: Math.max(now, Math.min(terms.deadline, now + LIFETIME_MS)),
  };
  const signed = await signStatement(statement, identity);
  const chunks = chunkCount({ length: file.length, chunkSize });
  return { file, signed, id: statementId(statement, crypto), chunks };
}

function samplesOf(samples: number): number {
  try {
    return assertInteger('samples', samples, 1);
  } catch (cause) {
    throw new FederationError('bad-update', (cause as Error).message, { cause });
  }
}

/** A signed statement as it is sent. */
export function statementJson({ statement, signature }: SignedStatement): Record<string, unknown> {
  const { model, ...rest } = statement;
  return { ...rest, baseModel: model, signature: hex(signature) };
}
