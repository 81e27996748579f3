/**
 * An update on its way: declared, sent in chunks, committed. Whatever is cut or lost on the way is sent
 * again, and nothing that has arrived is.
 *
 * @module
 */

import { FederationError } from '../../core/errors.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { hex } from '../../secagg/suite.ts';
import { chunkRange, leafHash } from '../merkle.ts';
import { readReceipt, readStatus, type UploadStatus } from './answers.ts';
import type { Session } from './session.ts';
import { type PreparedUpdate, statementJson } from './update.ts';

/** What an upload needs. */
export interface UploadOptions {
  readonly session: Session;
  readonly crypto: Pick<CryptoProvider, 'sha256'>;
  /** Most chunks at once; the server's credit may allow fewer. */
  readonly parallel: number;
  readonly signal?: AbortSignal | undefined;
  /** Called as chunks arrive. */
  readonly onProgress?: ((sent: number, chunks: number) => void) | undefined;
}

/** That an update counts. */
export interface Receipt {
  /** Merkle root over the chunks of the file, in lower-case hex, as the server stored it. */
  readonly root: string;
  /** Place of the event in the server's log. */
  readonly event: number;
}

/** Passes over the missing chunks without a new one having arrived. */
const IDLE_PASSES = 3;
/** A chunk that is slower is given up and sent again. Bytes in a second */
const SLOWEST = 8 * 2 ** 10;
const LEAST_TIMEOUT_MS = 30_000;

/**
 * Brings an update to the server. May be called again with the same update, from another process too:
 * it goes on where it was.
 *
 * @throws {FederationError} `refused` if the server does not take it: `wrong-round`, `round-closed`, …
 */
export async function upload(prepared: PreparedUpdate, options: UploadOptions): Promise<Receipt> {
  const sending = new Sending(prepared, options);
  let status = await sending.declare();
  let idle = 0;
  while (!status.isCommitted) {
    const before = status.missing.length;
    await sending.send(status);
    try {
      return await sending.commit();
    } catch (error) {
      if (!isRefusal(error, COMMIT_AGAIN)) throw error;
      status =
        error.refusal === 'no-such-update' ? await sending.declare() : await sending.status();
      idle = status.missing.length < before ? 0 : idle + 1;
      if (idle === IDLE_PASSES) throw error;
    }
  }
  return sending.commit();
}

/** Refusals of a commit after which the server is asked what it has. */
const COMMIT_AGAIN = ['incomplete', 'wrong-root', 'no-such-update', 'replay'];
/** Refusals of a chunk that was changed on its way, or that this client has sent twice at once. */
const CHUNK_AGAIN = ['wrong-digest', 'superseded'];
const CHUNK_ATTEMPTS = 3;

class Sending {
  readonly #update: PreparedUpdate;
  readonly #options: UploadOptions;
  #credit = Number.POSITIVE_INFINITY;
  #name: string;

  constructor(update: PreparedUpdate, options: UploadOptions) {
    this.#update = update;
    this.#options = options;
    this.#name = update.id;
  }

  async declare(): Promise<UploadStatus> {
    const { signed, chunks } = this.#update;
    const { session, signal } = this.#options;
    const path = `/v1/rounds/${signed.statement.round}/updates`;
    const json = statementJson(signed);
    const { body } = await session.send({ method: 'POST', path, json, signal });
    return this.#noted(readStatus(body, chunks));
  }

  async status(): Promise<UploadStatus> {
    const { session, signal } = this.#options;
    const { body } = await session.send({ method: 'GET', path: this.#path(), signal });
    return this.#noted(readStatus(body, this.#update.chunks));
  }

  async commit(): Promise<Receipt> {
    const { session, signal } = this.#options;
    const path = `${this.#path()}/commit`;
    const { body } = await session.send({ method: 'POST', path, signal, timeoutMs: 120_000 });
    return readReceipt(body);
  }

  /** Sends what is missing, several chunks at once. Ends with the first that is refused. */
  async send({ missing }: UploadStatus): Promise<void> {
    const { chunks, signed } = this.#update;
    const { parallel, signal, onProgress } = this.#options;
    const allowed = Math.floor(this.#credit / signed.statement.chunkSize);
    const lanes = Math.max(1, Math.min(parallel, allowed, missing.length));
    const waiting = [...missing];
    const stop = new AbortController();
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    let left = missing.length;
    const lane = async (): Promise<void> => {
      for (let k = waiting.shift(); k !== undefined; k = waiting.shift()) {
        await this.#sendChunk(k, either);
        onProgress?.(chunks - --left, chunks);
      }
    };
    const ends = Array.from({ length: lanes }, () =>
      lane().catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    );
    // All have ended before anything is made of it: nothing goes on behind the caller's back.
    await Promise.allSettled(ends);
    await Promise.all(ends);
  }

  async #sendChunk(index: number, signal: AbortSignal): Promise<void> {
    const { file, signed } = this.#update;
    const { session, crypto } = this.#options;
    const { from, to } = chunkRange(signed.statement, index);
    const bytes = file.subarray(from, to);
    const headers = {
      'content-type': 'application/octet-stream',
      'merkle-leaf': hex(leafHash(bytes, crypto.sha256)),
    };
    const path = `${this.#path()}/chunks/${index}`;
    const timeoutMs = LEAST_TIMEOUT_MS + (bytes.length / SLOWEST) * 1000;
    for (let attempt = 1; ; attempt++) {
      try {
        await session.send({ method: 'PUT', path, bytes, headers, signal, timeoutMs });
        return;
      } catch (error) {
        const again = attempt < CHUNK_ATTEMPTS && isRefusal(error, CHUNK_AGAIN);
        if (!again) throw error;
      }
    }
  }

  #noted(status: UploadStatus): UploadStatus {
    this.#name = status.update;
    if (status.credit !== undefined) this.#credit = status.credit;
    return status;
  }

  #path(): string {
    return `/v1/updates/${this.#name}`;
  }
}

function isRefusal(
  error: unknown,
  codes: readonly string[],
): error is FederationError & { readonly refusal: string } {
  return (
    error instanceof FederationError && error.refusal !== undefined && codes.includes(error.refusal)
  );
}
