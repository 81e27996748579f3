/**
 * Which chunks of an upload have arrived, and their hashes, in a file beside the data: a crash of the
 * program loses none of it.
 *
 * A head names the upload, and is followed by 32 bytes for each chunk: zeros until it has arrived, then
 * the hash of its leaf. Writes are not synced: after a loss of power the map may be behind the data, or
 * ahead of it, so that what it says is held against the data before it counts.
 *
 * @module
 */

import { type FileHandle, open } from 'node:fs/promises';
import { parsed, Writer } from '../../secagg/bytes.ts';
import { isZero, KEY_BYTES, sameBytes } from '../../secagg/suite.ts';
import { type ChunkPlan, chunkCount } from '../merkle.ts';
import { readAt, writeAt } from './files.ts';
import { sha256 } from './sha256.ts';

/** What an upload must become. */
export interface UploadPlan extends ChunkPlan {
  /** Merkle root over its chunks. 32 bytes */
  readonly root: Uint8Array;
}

const MAGIC = new TextEncoder().encode('aggregis upload 1\n');
/** Magic, length, chunk size, root. */
const PLAN_BYTES = MAGIC.length + 16 + KEY_BYTES;
/** The plan, and its hash. */
const HEAD_BYTES = PLAN_BYTES + KEY_BYTES;
/** The name of the blob that the data became, and the hash of that; zeros before. */
const SEAL_BYTES = 2 * KEY_BYTES;

/** The file, open. */
export class ChunkMap {
  readonly plan: UploadPlan;
  /** Hashes of leaves by chunk; `undefined` where none has arrived. */
  readonly leaves: (Uint8Array | undefined)[];
  #missing: number;
  #sealed: Uint8Array | undefined;
  readonly #handle: FileHandle;

  private constructor(
    handle: FileHandle,
    { plan, leaves, sealed }: { plan: UploadPlan; leaves: Uint8Array[]; sealed: Uint8Array },
  ) {
    this.#handle = handle;
    this.plan = plan;
    this.leaves = leaves.map((leaf) => (isZero(leaf) ? undefined : leaf));
    this.#missing = this.leaves.filter((leaf) => leaf === undefined).length;
    const isSealed = sameBytes(sealed.subarray(KEY_BYTES), sha256(sealed.subarray(0, KEY_BYTES)));
    this.#sealed = isSealed ? sealed.slice(0, KEY_BYTES) : undefined;
  }

  /** Makes a map without chunks. */
  static async create(path: string, plan: UploadPlan): Promise<ChunkMap> {
    const leaves = Array.from({ length: chunkCount(plan) }, () => new Uint8Array(KEY_BYTES));
    const own = new Writer(PLAN_BYTES)
      .bytes(MAGIC)
      .u64(plan.length)
      .u64(plan.chunkSize)
      .bytes(plan.root)
      .end();
    const handle = await open(path, 'wx+', 0o600);
    try {
      // All of its bytes: there is room for hashes whenever chunks come.
      const bytes = new Uint8Array(HEAD_BYTES + SEAL_BYTES + leaves.length * KEY_BYTES);
      bytes.set(own);
      bytes.set(sha256(own), PLAN_BYTES);
      await writeAt(handle, bytes, 0);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new ChunkMap(handle, { plan, leaves, sealed: new Uint8Array(SEAL_BYTES) });
  }

  /** The map at `path`, or `undefined` if it is not whole. */
  static async open(path: string): Promise<ChunkMap | undefined> {
    const handle = await open(path, 'r+');
    const content = await read(handle).catch(() => undefined);
    if (content !== undefined) return new ChunkMap(handle, content);
    await handle.close();
    return undefined;
  }

  /** How many have not arrived. */
  get missing(): number {
    return this.#missing;
  }

  /** Name of the blob that the data became, if it did. 32 bytes */
  get sealed(): Uint8Array | undefined {
    return this.#sealed;
  }

  /** Notes that a chunk is there, or with `undefined` that it is not. */
  async mark(index: number, leaf: Uint8Array | undefined): Promise<void> {
    const at = HEAD_BYTES + SEAL_BYTES + index * KEY_BYTES;
    await writeAt(this.#handle, leaf ?? new Uint8Array(KEY_BYTES), at);
    if ((this.leaves[index] === undefined) !== (leaf === undefined)) {
      this.#missing += leaf === undefined ? 1 : -1;
    }
    this.leaves[index] = leaf;
  }

  /** Notes what the data is about to become. */
  async seal(name: Uint8Array): Promise<void> {
    const both = new Writer(SEAL_BYTES).bytes(name).bytes(sha256(name)).end();
    await writeAt(this.#handle, both, HEAD_BYTES);
    this.#sealed = name;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function read(
  handle: FileHandle,
): Promise<{ plan: UploadPlan; leaves: Uint8Array[]; sealed: Uint8Array } | undefined> {
  const head = new Uint8Array(HEAD_BYTES + SEAL_BYTES);
  if (!(await readAt(handle, head, 0))) return undefined;
  const content = parsed(head, (reader) => {
    const own = reader.view(PLAN_BYTES);
    const isWhole = sameBytes(reader.view(KEY_BYTES), sha256(own));
    return isWhole ? { plan: planIn(own), sealed: reader.bytes(SEAL_BYTES) } : undefined;
  });
  if (content?.plan === undefined) return undefined;
  const hashes = new Uint8Array(chunkCount(content.plan) * KEY_BYTES);
  if (!(await readAt(handle, hashes, head.length))) return undefined;
  const leaves = Array.from({ length: hashes.length / KEY_BYTES }, (_, i) =>
    hashes.slice(i * KEY_BYTES, (i + 1) * KEY_BYTES),
  );
  return { plan: content.plan, sealed: content.sealed, leaves };
}

function planIn(bytes: Uint8Array): UploadPlan | undefined {
  return parsed(bytes, (reader) => {
    const isMap = sameBytes(reader.view(MAGIC.length), MAGIC);
    const [length, chunkSize] = [reader.u64(), reader.u64()];
    const root = reader.bytes(KEY_BYTES);
    return isMap && length >= 1 && chunkSize >= 1 ? { length, chunkSize, root } : undefined;
  });
}
