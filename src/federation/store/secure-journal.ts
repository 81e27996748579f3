/**
 * What a round under masks has taken in, in the order in which it did: a server that is killed takes the
 * same in again, and is where it was. One file for each round, gone when the round is over.
 *
 * It holds what clients sent and when, so boxes and revealed shares: what a server learns anyway, and
 * what nobody needs any more once there is a sum. Of masked inputs it has names alone; they are blobs.
 *
 * A record is its length (4 bytes), kind (1), time (8) and content, and the SHA-256 of the record
 * before's and all of that: whatever a crash cut short is not a record.
 *
 * @module
 */

import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import { joined, KEY_BYTES, sameBytes, u32le, u64le } from '../../secagg/suite.ts';
import { readAt, syncFolder, writeAt, writing } from './files.ts';
import { sha256 } from './sha256.ts';

/** What happened: the configuration began it, time went by, a message came, a masked input came. */
export const RECORD_KINDS = ['config', 'tick', 'message', 'masked'] as const;

/** Something that a round took in. */
export interface SecureRecord {
  readonly kind: (typeof RECORD_KINDS)[number];
  /** When, in milliseconds: as the server of the round was told. */
  readonly at: number;
  /** The configuration or message; the name of the blob of a masked input, 32 bytes; empty for time. */
  readonly bytes: Uint8Array;
}

const HEAD_BYTES = 4 + 1 + 8;
const SUFFIX = '.secure';

/** The journal of one round, open. */
export class SecureJournal {
  readonly #path: string;
  readonly #handle: FileHandle;
  #at: number;
  #hash: Uint8Array;
  #waiting: Uint8Array[] = [];
  #writing: Promise<void> | undefined;

  private constructor(
    path: string,
    { handle, at, hash }: { handle: FileHandle; at: number; hash: Uint8Array },
  ) {
    this.#path = path;
    this.#handle = handle;
    this.#at = at;
    this.#hash = hash;
  }

  /** The journal of a round and what it holds; empty if there was none. */
  static async open(
    folder: string,
    round: number,
  ): Promise<{ readonly journal: SecureJournal; readonly records: readonly SecureRecord[] }> {
    const path = join(folder, `${round}${SUFFIX}`);
    return writing(path, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(path, 'a+', 0o600);
      await handle.close();
      await syncFolder(folder);
      const own = await open(path, 'r+');
      const { records, at, hash } = await recordsIn(own);
      await own.truncate(at);
      return { journal: new SecureJournal(path, { handle: own, at, hash }), records };
    });
  }

  /** Removes the journals of all rounds but one. */
  static async sweep(folder: string, except?: number): Promise<void> {
    const files = await readdir(folder).catch(() => []);
    const over = files.filter((name) => name.endsWith(SUFFIX) && name !== `${except}${SUFFIX}`);
    for (const name of over) await rm(join(folder, name), { force: true });
  }

  /**
   * Adds a record. When the promise is kept, it is on the disk, with all that were added before. Those
   * that wait are written together.
   *
   * @throws {StoreError} `disk-full`; after any failure, at every call.
   */
  append({ kind, at, bytes }: SecureRecord): Promise<void> {
    const body = joined(
      u32le(bytes.length),
      Uint8Array.of(RECORD_KINDS.indexOf(kind)),
      u64le(at),
      bytes,
    );
    this.#hash = sha256(this.#hash, body);
    this.#waiting.push(body, this.#hash);
    // Whatever came while the last were written goes next, in one piece.
    const before = this.#writing ?? Promise.resolve();
    this.#writing = before.then(() => this.#write());
    return this.#writing;
  }

  /** Lets go of the file; it stays. */
  async close(): Promise<void> {
    await this.#writing?.catch(() => {});
    await this.#handle.close().catch(() => {});
  }

  /** The round is over: nothing of it is kept. */
  async remove(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true });
  }

  async #write(): Promise<void> {
    const bytes = joined(...this.#waiting.splice(0));
    if (bytes.length === 0) return;
    await writing(this.#path, async () => {
      await writeAt(this.#handle, bytes, this.#at);
      this.#at += bytes.length;
      await this.#handle.datasync();
    });
  }
}

async function recordsIn(
  handle: FileHandle,
): Promise<{ readonly records: SecureRecord[]; readonly at: number; readonly hash: Uint8Array }> {
  const records: SecureRecord[] = [];
  const { size } = await handle.stat();
  let at = 0;
  let hash: Uint8Array = new Uint8Array(KEY_BYTES);
  for (;;) {
    const found = await recordAt(handle, { at, size });
    if (found === undefined) return { records, at, hash };
    const next = sha256(hash, found.body);
    if (!sameBytes(next, found.hash)) return { records, at, hash };
    records.push(recordOf(found.body));
    at += found.body.length + KEY_BYTES;
    hash = next;
  }
}

async function recordAt(
  handle: FileHandle,
  { at, size }: { readonly at: number; readonly size: number },
): Promise<{ readonly body: Uint8Array; readonly hash: Uint8Array } | undefined> {
  const head = new Uint8Array(HEAD_BYTES);
  if (!(await readAt(handle, head, at))) return undefined;
  const length = HEAD_BYTES + new DataView(head.buffer).getUint32(0, true);
  // A length that was cut short may say anything.
  if (at + length + KEY_BYTES > size) return undefined;
  const bytes = new Uint8Array(length + KEY_BYTES);
  if (!(await readAt(handle, bytes, at))) return undefined;
  return { body: bytes.subarray(0, length), hash: bytes.subarray(length) };
}

function recordOf(body: Uint8Array): SecureRecord {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const kind = RECORD_KINDS[view.getUint8(4)];
  if (kind === undefined) throw new StoreError('damaged', 'a journal holds a record of no kind');
  const at = Number(view.getBigUint64(5, true));
  return { kind, at, bytes: body.slice(HEAD_BYTES) };
}
