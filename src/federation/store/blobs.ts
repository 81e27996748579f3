/**
 * Files that never change, named by what they hold: models by their SHA-256, updates by the Merkle root
 * over their chunks, which was signed. A name that the log mentions stands for these bytes and no others.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../../core/errors.ts';
import type { Append } from '../../formats/byte-source.ts';
import { type FileSource, fileSource } from '../../formats/node-files.ts';
import { hex } from '../../secagg/suite.ts';
import { chunkCount, chunkRange, LEAF_PREFIX, merkleRoot } from '../merkle.ts';
import type { OnStep } from './faults.ts';
import { syncFolder, writeAt, writing } from './files.ts';
import { sha256 } from './sha256.ts';
import { shared } from './shared-work.ts';

/** A blob that is there for good. */
export interface StoredBlob {
  /** SHA-256 of its bytes, or their Merkle root, in lower-case hex. */
  readonly name: string;
  readonly size: number;
}

/** SHA-256 in lower-case hex. */
export const BLOB_NAME: RegExp = /^[0-9a-f]{64}$/;
const INCOMING = '.incoming-';
/** Bytes that are read at one time. */
const READ_BYTES = 2 ** 20;

/** The folder of blobs. */
export class Blobs {
  readonly folder: string;
  readonly #onStep: OnStep;
  /** Makes the names stay that files were given before. @internal */
  readonly sync: () => Promise<void>;

  /** @internal */
  constructor(folder: string, onStep: OnStep) {
    this.folder = folder;
    this.#onStep = onStep;
    this.sync = shared(() => syncFolder(folder));
  }

  /**
   * Keeps what `body` appends. When the promise is kept, it is there for good; until then, and whenever
   * anything fails, it is not there.
   *
   * @throws {StoreError} `disk-full`.
   * @throws whatever `body` throws.
   */
  async put(body: (append: Append) => Promise<void>): Promise<StoredBlob> {
    const path = join(this.folder, `${INCOMING}${randomUUID()}`);
    return writing(path, async () => {
      const handle = await open(path, 'wx', 0o600);
      try {
        const blob = await this.#write(handle, body);
        await this.adopt(path, blob.name);
        return blob;
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      } finally {
        await handle.close();
      }
    });
  }

  /** Keeps bytes in memory. */
  putBytes(bytes: Uint8Array): Promise<StoredBlob> {
    return this.put((append) => append(bytes));
  }

  /**
   * Makes a file of the same file system the blob of that name. The file is synced, and holds what the
   * name says: this is the caller's business.
   *
   * @internal
   */
  async adopt(path: string, name: string): Promise<void> {
    // One that is there already has the same bytes, or was damaged: now it is whole.
    await rename(path, this.#path(name));
    this.#onStep('blob.renamed');
    await this.sync();
    this.#onStep('blob.folder-synced');
  }

  /**
   * Whether a name is that of a file by its SHA-256. A file that begins with the byte of a leaf or of a branch
   * has the hash that an update made of the rest would have as its root: its place is taken.
   *
   * @internal
   */
  async isFile(name: string): Promise<boolean> {
    // Seldom so; to ask at once takes a few microseconds, to wait for another thread's answer a hundred.
    if (!existsSync(this.#path(name))) return false;
    await using source = await this.open(name);
    return hex(await hashOf(source, { from: 0, to: source.size })) === name;
  }

  /** Whether it is there. */
  async has(name: string): Promise<boolean> {
    return (await stat(this.#path(name)).catch(() => undefined)) !== undefined;
  }

  /** For reading by range. @throws {StoreError} `damaged` if it is not there. */
  async open(name: string): Promise<FileSource> {
    try {
      return await fileSource(this.#path(name));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      throw new StoreError('damaged', `${this.folder}: the blob ${name} is not there`, { cause });
    }
  }

  /**
   * Reads all of it. The name of an update is a Merkle root: its chunk size is needed.
   *
   * @throws {StoreError} `damaged` if it is not there or not what its name says.
   */
  async verify(name: string, { chunkSize }: { readonly chunkSize?: number } = {}): Promise<void> {
    await using source = await this.open(name);
    const found = hex(
      chunkSize === undefined
        ? await hashOf(source, { from: 0, to: source.size })
        : await rootOf(source, chunkSize),
    );
    if (found !== name) {
      throw new StoreError('damaged', `${this.folder}: the blob ${name} has the hash ${found}`);
    }
  }

  /** All names. */
  async names(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => BLOB_NAME.test(name)).sort();
  }

  /**
   * Removes what nobody needs: unfinished files, and blobs that `isKept` does not know. How many.
   *
   * @internal
   */
  async sweep(isKept: (name: string) => boolean): Promise<number> {
    const orphans = (await readdir(this.folder)).filter((name) =>
      BLOB_NAME.test(name) ? !isKept(name) : name.startsWith(INCOMING),
    );
    for (const name of orphans) {
      await rm(join(this.folder, name), { force: true });
      this.#onStep('sweep.removed');
    }
    return orphans.length;
  }

  async #write(handle: FileHandle, body: (append: Append) => Promise<void>): Promise<StoredBlob> {
    const hash = createHash('sha256');
    let size = 0;
    await body(async (bytes) => {
      await writeAt(handle, bytes, size);
      hash.update(bytes);
      size += bytes.length;
    });
    this.#onStep('blob.written');
    await handle.datasync();
    this.#onStep('blob.synced');
    return { name: hash.digest('hex'), size };
  }

  #path(name: string): string {
    if (!BLOB_NAME.test(name)) throw new TypeError(`name must be a SHA-256 in hex, got ${name}`);
    return join(this.folder, name);
  }
}

async function rootOf(source: FileSource, chunkSize: number): Promise<Uint8Array> {
  const plan = { length: source.size, chunkSize };
  const leaves: Uint8Array[] = [];
  for (let k = 0; k < chunkCount(plan); k++) {
    leaves.push(await hashOf(source, { ...chunkRange(plan, k), prefix: LEAF_PREFIX }));
  }
  return merkleRoot(leaves, sha256);
}

/** Of a range of bytes, behind others. */
async function hashOf(
  source: FileSource,
  {
    from,
    to,
    prefix = new Uint8Array(0),
  }: { readonly from: number; readonly to: number; readonly prefix?: Uint8Array },
): Promise<Uint8Array> {
  const hash = createHash('sha256').update(prefix);
  for (let at = from; at < to; at += READ_BYTES) {
    hash.update(await source.read(at, Math.min(at + READ_BYTES, to)));
  }
  return new Uint8Array(hash.digest());
}
