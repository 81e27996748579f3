/**
 * An update on its way in: chunks at their places, in any order, as often as they come.
 *
 * Whoever sends a chunk anew takes over from a request that still writes it: that one may hang on a
 * connection that is long dead.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { StoreError } from '../../core/errors.ts';
import { Turns } from '../../core/turn.ts';
import type { ByteSource } from '../../formats/byte-source.ts';
import { type FileSource, handleSource } from '../../formats/node-files.ts';
import { encodeBitmap } from '../../secagg/bitmap.ts';
import { hex, sameBytes } from '../../secagg/suite.ts';
import { chunkRange, LEAF_PREFIX, merkleRoot } from '../merkle.ts';
import { type Answer, granted, type Refusal, refused } from '../refusals.ts';
import type { StoredBlob } from './blobs.ts';
import type { ChunkMap, UploadPlan } from './chunk-map.ts';
import type { DirectWrites } from './direct-writes.ts';
import type { OnStep } from './faults.ts';
import { readAt, writeAllAt, writing } from './files.ts';
import type { HashThread } from './hash-thread.ts';
import { sha256 } from './sha256.ts';

/** Bytes as they arrive: a request, or an array of pieces, some of them together. */
export type Pieces = AsyncIterable<Piece> | Iterable<Piece>;
type Piece = Uint8Array | readonly Uint8Array[];

/** What is said of a chunk beforehand. */
export interface ChunkOptions {
  /** SHA-256 of its bytes, which they must have. 32 bytes */
  readonly digest?: Uint8Array;
  /** Its leaf of the tree, which saves the work of a digest. 32 bytes */
  readonly leaf?: Uint8Array;
}

/**
 * Why bytes are not what was wanted, if they are not. The source is read until the promise is kept, and not
 * closed.
 */
export type Check = (source: ByteSource) => Promise<Refusal | undefined>;

/** What an upload stands on. @internal */
export interface UploadParts {
  readonly id: string;
  /** Of the data. */
  readonly path: string;
  readonly map: ChunkMap;
  /** Open data; `undefined` if it is a blob already. */
  readonly data: FileHandle | undefined;
  readonly direct: DirectWrites;
  readonly hashes: HashThread;
  readonly onStep: OnStep;
  /** Whether a name is that of a file, by its SHA-256. */
  readonly isFile: (name: string) => Promise<boolean>;
  /** Makes the data the blob of that name. */
  readonly adopt: (path: string, name: string) => Promise<void>;
  /** The blob of that name. */
  readonly blob: (name: string) => Promise<FileSource>;
}

/** Who writes a chunk. */
interface Writing {
  owner: symbol;
  /** Its writes, one after another. */
  turn: Promise<unknown>;
}

/** Bytes that are read at one time. */
const READ_BYTES = 2 ** 20;

/** An upload that is open; made by `Uploads`. */
export class Upload {
  readonly id: string;
  readonly #parts: UploadParts;
  readonly #writing = new Map<number, Writing>();
  /** Chunks that were hashed as they came; of others, which came before a crash, there is only the map. */
  readonly #seen = new Set<number>();
  #data: FileHandle | undefined;
  /** The same file, opened once there is a chunk that is worth it. */
  #direct: Promise<FileHandle | undefined> | undefined;
  #isSealed: boolean;
  #failure: unknown;
  #sealing: Promise<Answer<StoredBlob>> | undefined;

  /** @internal */
  constructor(parts: UploadParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.#data = parts.data;
    this.#isSealed = parts.data === undefined;
  }

  get plan(): UploadPlan {
    return this.#parts.map.plan;
  }

  /** How many chunks there will be. */
  get chunks(): number {
    return this.#parts.map.leaves.length;
  }

  /** How many have not arrived. */
  get missing(): number {
    return this.#parts.map.missing;
  }

  /** Which have arrived: chunk i is bit i mod 8 of byte ⌊i/8⌋. */
  get arrived(): Uint8Array {
    const there = this.#parts.map.leaves.flatMap((leaf, i) => (leaf === undefined ? [] : [i]));
    return encodeBitmap(there, this.chunks);
  }

  /** Whether all of it is a blob. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /**
   * Takes a chunk. When the promise is kept, a crash of the program does not lose it. One that is there
   * already may come again; with other bytes it is a conflict.
   *
   * @throws {RangeError} if there is no such chunk.
   * @throws {StoreError} `disk-full`.
   * @throws whatever the pieces throw: then the chunk has not arrived.
   */
  async write(index: number, pieces: Pieces, options: ChunkOptions = {}): Promise<Answer<void>> {
    const { from, to } = chunkRange(this.plan, index);
    const known = this.#parts.map.leaves[index];
    const leaf = createHash('sha256').update(LEAF_PREFIX);
    const digest = options.digest && createHash('sha256');
    const writing_ = known === undefined ? this.#takeOver(index) : undefined;
    let length = 0;
    let whole: Promise<Uint8Array> | undefined;
    for await (const piece of pieces) {
      const parts = piece instanceof Uint8Array ? [piece] : piece;
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      if (bytes > to - from - length) return wrongLength(index, to - from);
      const isWhole = digest === undefined && parts.length === 1 && bytes === to - from;
      if (isWhole) whole = this.#parts.hashes.hash(LEAF_PREFIX, parts[0]!);
      else for (const hash of [leaf, digest]) for (const part of parts) hash?.update(part);
      const at = from + length;
      const isMine = await writing_?.(async (data) => {
        await this.#put(data, parts, at);
        this.#parts.onStep('chunk.piece-written');
      });
      if (isMine === false) return superseded(index);
      length += bytes;
    }
    if (length !== to - from) return wrongLength(index, to - from);
    const own = (await whole) ?? new Uint8Array(leaf.digest());
    const found = digest && new Uint8Array(digest.digest());
    const wrong =
      digestRefusal(index, found, options.digest) ?? digestRefusal(index, own, options.leaf);
    if (wrong !== undefined) return wrong;
    if (known !== undefined) return sameBytes(known, own) ? granted(undefined) : conflict(index);
    this.#parts.onStep('chunk.written');
    const isMine = await writing_!(async () => {
      await this.#parts.map.mark(index, own);
      this.#seen.add(index);
    });
    if (!isMine) return superseded(index);
    this.#parts.onStep('chunk.marked');
    return granted(undefined);
  }

  /**
   * Makes a blob of it, if all chunks have arrived and have the root, and `check` finds nothing. When the
   * promise is kept, it is there for good. May be asked for again.
   *
   * @throws {StoreError} `disk-full`.
   * @throws whatever `check` throws.
   */
  seal(check?: Check): Promise<Answer<StoredBlob>> {
    this.#sealing ??= this.#seal(check).finally(() => {
      this.#sealing = undefined;
    });
    return this.#sealing;
  }

  /** @internal */
  async close(): Promise<void> {
    await this.#sealing?.catch(() => {});
    await Promise.all([...this.#writing.values()].map(({ turn }) => turn));
    const data = this.#data;
    this.#data = undefined;
    await data?.close();
    await this.#closeDirect();
    await this.#parts.map.close();
  }

  /** Work on the data as long as nobody else takes the chunk over: whether it was done. */
  #takeOver(index: number): (work: (data: FileHandle) => Promise<void>) => Promise<boolean> {
    const slot = this.#writing.get(index) ?? { owner: Symbol(), turn: Promise.resolve() };
    const me = Symbol();
    slot.owner = me;
    this.#writing.set(index, slot);
    return async (work) => {
      const done = slot.turn.then(async () => {
        if (slot.owner !== me) return false;
        if (this.#data === undefined) throw closed(this.id);
        const data = this.#data;
        await writing(this.#parts.path, () => work(data));
        return true;
      });
      slot.turn = done.catch(() => {});
      return done;
    };
  }

  /** Writes at a place: directly as far as that goes, the rest through the cache. */
  async #put(data: FileHandle, parts: readonly Uint8Array[], at: number): Promise<void> {
    const { direct, path } = this.#parts;
    const [bytes] = parts;
    let done = 0;
    if (parts.length === 1 && direct.canTake(bytes!, at)) {
      this.#direct ??= direct.open(path);
      const handle = await this.#direct;
      if (handle !== undefined) done = await direct.write(handle, bytes!, at);
    }
    await writeAllAt(data, after(parts, done), at + done);
  }

  async #closeDirect(): Promise<void> {
    const direct = this.#direct;
    this.#direct = undefined;
    await (await direct)?.close();
  }

  async #seal(check?: Check): Promise<Answer<StoredBlob>> {
    const { map, path, adopt, isFile, onStep } = this.#parts;
    const size = this.plan.length;
    const data = this.#data;
    if (this.#isSealed) return this.#sealedBefore(check);
    if (data === undefined) throw closed(this.id);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.missing > 0) return incomplete(this.missing, this.chunks);
    await this.#readUnseen(data);
    if (this.missing > 0) return incomplete(this.missing, this.chunks);
    const root = merkleRoot(map.leaves as Uint8Array[], sha256);
    if (!sameBytes(root, this.plan.root)) {
      return refused(
        'wrong-root',
        `the chunks have the root ${hex(root)}, ${hex(this.plan.root)} was signed`,
      );
    }
    const name = hex(root);
    if (await isFile(name)) {
      return refused('wrong-root', `the root ${name} is the SHA-256 of a file of this run`);
    }
    const refusal = await check?.(handleSource(path, data, size));
    if (refusal !== undefined) return { ok: false, refusal };
    await writing(path, async () => {
      await this.#sync(data);
      onStep('upload.synced');
      await map.seal(root);
      onStep('upload.sealed');
      await adopt(path, name);
    });
    this.#isSealed = true;
    this.#data = undefined;
    await data.close();
    await this.#closeDirect();
    return granted({ name, size });
  }

  /** A crash may have come between the blob and what its caller made of it. */
  async #sealedBefore(check?: Check): Promise<Answer<StoredBlob>> {
    const name = hex(this.#parts.map.sealed!);
    const blob = granted({ name, size: this.plan.length });
    if (check === undefined) return blob;
    await using source = await this.#parts.blob(name);
    const refusal = await check(source);
    return refusal === undefined ? blob : { ok: false, refusal };
  }

  /** Once syncing has failed, the system may have dropped what was not written: asking again would lie. */
  async #sync(data: FileHandle): Promise<void> {
    try {
      await data.datasync();
    } catch (cause) {
      const what = `the upload ${this.id} could not be synced: forget it, and have it sent anew`;
      this.#failure = new StoreError('failed', what, { cause });
      throw cause;
    }
  }

  /** Reads what nobody has hashed. Chunks that are not what the map says are marked as missing. */
  async #readUnseen(data: FileHandle): Promise<void> {
    const { leaves } = this.#parts.map;
    if (this.#seen.size === this.chunks) return;
    const piece = new Uint8Array(Math.min(READ_BYTES, this.plan.chunkSize));
    const turns = new Turns();
    for (let index = 0; index < this.chunks; index++) {
      if (this.#seen.has(index)) continue;
      const { from, to } = chunkRange(this.plan, index);
      const leaf = createHash('sha256').update(LEAF_PREFIX);
      for (let at = from; at < to; at += piece.length) {
        if (turns.due) await turns.take();
        const part = piece.subarray(0, Math.min(piece.length, to - at));
        if (!(await readAt(data, part, at))) part.fill(0);
        leaf.update(part);
      }
      const isRight = sameBytes(new Uint8Array(leaf.digest()), leaves[index]!);
      if (isRight) this.#seen.add(index);
      else await this.#parts.map.mark(index, undefined);
    }
  }
}

/** What is left of some arrays behind so many bytes. */
function after(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  if (bytes === 0) return parts;
  let left = bytes;
  return parts.flatMap((part) => {
    const skipped = Math.min(left, part.length);
    left -= skipped;
    return skipped === part.length ? [] : [part.subarray(skipped)];
  });
}

function digestRefusal(
  index: number,
  found: Uint8Array | undefined,
  wanted: Uint8Array | undefined,
): { ok: false; refusal: Refusal } | undefined {
  if (found === undefined || wanted === undefined || sameBytes(found, wanted)) return undefined;
  return refused('wrong-digest', `chunk ${index} hashes to ${hex(found)}, it says ${hex(wanted)}`);
}

function wrongLength(index: number, wanted: number): Answer<never> {
  return refused('wrong-length', `chunk ${index} must have ${wanted} bytes`);
}

function conflict(index: number): Answer<never> {
  return refused('conflict', `chunk ${index} has arrived before, with other bytes`);
}

function superseded(index: number): Answer<never> {
  return refused('superseded', `chunk ${index} is being sent by another request`);
}

function incomplete(missing: number, chunks: number): Answer<never> {
  return refused('incomplete', `${missing} of ${chunks} chunks have not arrived`);
}

function closed(id: string): StoreError {
  return new StoreError('closed', `the upload ${id} is closed`);
}
