/**
 * Uploads that are open: two files for each, its data and the map of what has arrived.
 *
 * @module
 */

import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { assertInteger } from '../../core/assert.ts';
import { nodeSpawner } from '../../core/spawn-node.ts';
import { hex, sameBytes } from '../../secagg/suite.ts';
import { type Answer, granted, refused } from '../refusals.ts';
import type { Blobs } from './blobs.ts';
import { ChunkMap, type UploadPlan } from './chunk-map.ts';
import { ChunkMemory } from './chunk-memory.ts';
import { DirectWrites } from './direct-writes.ts';
import type { OnStep } from './faults.ts';
import { removeFile, writing } from './files.ts';
import { HashThread } from './hash-thread.ts';
import { Room } from './room.ts';
import { Upload } from './upload.ts';

/** Ids of uploads: names of files on every system. */
const ID = /^[0-9a-z][0-9a-z-]{0,63}$/;
/** Most chunks of an upload: what a map of 32 MiB holds. */
export const MAX_CHUNKS: number = 2 ** 20;

/** The folder of uploads. */
export class Uploads {
  readonly #folder: string;
  readonly #blobs: Blobs;
  readonly #onStep: OnStep;
  /** Where chunks are best taken in. */
  readonly memory: ChunkMemory = new ChunkMemory();
  readonly #direct = new DirectWrites(this.memory);
  readonly #hashes = new HashThread(this.memory, nodeSpawner);
  readonly #open = new Map<string, Upload>();
  readonly #room: Room;
  /** What is asked of an id, one after another. */
  readonly #turns = new Map<string, Promise<unknown>>();

  /** @internal */
  constructor(folder: string, { blobs, onStep }: { blobs: Blobs; onStep: OnStep }) {
    this.#folder = folder;
    this.#blobs = blobs;
    this.#onStep = onStep;
    this.#room = new Room(folder, () =>
      this.all.reduce((bytes, { missing, plan }) => bytes + missing * plan.chunkSize, 0),
    );
  }

  /** The upload of that id, if it was begun. */
  get(id: string): Upload | undefined {
    return this.#open.get(id);
  }

  /** All that were begun. */
  get all(): readonly Upload[] {
    return [...this.#open.values()];
  }

  /**
   * Begins an upload, or goes on with it. Another plan under the same id is a conflict.
   *
   * @param id - Up to 64 lower-case letters, digits and hyphens: the id of its statement.
   * @throws {TypeError | RangeError} if the id or plan is none.
   * @throws {StoreError} `disk-full` if there is no room for what is still to come.
   */
  begin(id: string, plan: UploadPlan): Promise<Answer<Upload>> {
    checkId(id);
    assertInteger('chunkSize', plan.chunkSize, 1);
    assertInteger('length', plan.length, 1, plan.chunkSize * MAX_CHUNKS);
    return this.#inTurn(id, async () => {
      const known = this.#open.get(id);
      if (known !== undefined) {
        return isSame(known.plan, plan)
          ? granted(known)
          : refused(
              'conflict',
              `the upload ${id} was begun with another length, chunk size or root`,
            );
      }
      return this.#room.keep(plan.length, async () => granted(await this.#create(id, plan)));
    });
  }

  /** Removes what is left of an upload: after its event is in the log, or when it is given up. */
  async forget(id: string): Promise<void> {
    await this.#inTurn(checkId(id), async () => {
      const upload = this.#open.get(id);
      await upload?.close();
      this.#open.delete(id);
      await this.#remove(id, upload);
      this.#onStep('upload.forgotten');
    });
  }

  /**
   * Finds what was begun before, and removes what is none. How many files were removed.
   *
   * @internal
   */
  async recover(): Promise<number> {
    const files = await readdir(this.#folder);
    const ids = new Set(files.map((name) => name.replace(/\.[a-z]+$/, '')));
    let removed = 0;
    for (const id of ids) {
      const upload = await this.#find(id);
      if (upload !== undefined) {
        this.#open.set(id, upload);
        continue;
      }
      removed += files.filter((name) => name.startsWith(`${id}.`)).length;
      await this.#remove(id);
      this.#onStep('sweep.removed');
    }
    return removed;
  }

  /** Names of blobs that uploads became. @internal */
  async sealed(): Promise<Set<string>> {
    const verdicts = await Promise.all(
      this.all.filter(({ isSealed }) => isSealed).map((upload) => upload.seal()),
    );
    return new Set(verdicts.flatMap((verdict) => (verdict.ok ? [verdict.value.name] : [])));
  }

  /** @internal */
  async close(): Promise<void> {
    await Promise.all(this.#turns.values());
    await Promise.all(this.all.map((upload) => upload.close()));
    this.#open.clear();
    await this.#hashes.close();
  }

  async #create(id: string, plan: UploadPlan): Promise<Upload> {
    const { map: mapPath, data: dataPath } = this.#paths(id);
    return writing(dataPath, async () => {
      let map: ChunkMap | undefined;
      try {
        map = await ChunkMap.create(mapPath, plan);
        this.#onStep('upload.map-written');
        const data = await open(dataPath, 'wx+', 0o600);
        this.#onStep('upload.data-made');
        return this.#made(id, map, data);
      } catch (error) {
        await map?.close();
        await this.#remove(id);
        throw error;
      }
    });
  }

  async #find(id: string): Promise<Upload | undefined> {
    const { map: mapPath, data: dataPath } = this.#paths(id);
    const map = ID.test(id) ? await ChunkMap.open(mapPath).catch(() => undefined) : undefined;
    if (map === undefined) return undefined;
    const data = await open(dataPath, 'r+').catch(() => undefined);
    const isBlob = map.sealed !== undefined && (await this.#blobs.has(hex(map.sealed)));
    if (data !== undefined || isBlob) return this.#made(id, map, data);
    await map.close();
    return undefined;
  }

  #made(id: string, map: ChunkMap, data: FileHandle | undefined): Upload {
    const upload = new Upload({
      id,
      path: this.#paths(id).data,
      map,
      data,
      direct: this.#direct,
      hashes: this.#hashes,
      onStep: this.#onStep,
      isFile: (name) => this.#blobs.isFile(name),
      adopt: (path, name) => this.#blobs.adopt(path, name),
      blob: (name) => this.#blobs.open(name),
    });
    this.#open.set(id, upload);
    return upload;
  }

  /** Removes its files: of one that became a blob there is only the map. */
  async #remove(id: string, upload?: Upload): Promise<void> {
    const { map, data } = this.#paths(id);
    if (upload?.isSealed !== true) await removeFile(data);
    await removeFile(map);
  }

  #paths(id: string): { readonly data: string; readonly map: string } {
    return { data: join(this.#folder, `${id}.data`), map: join(this.#folder, `${id}.map`) };
  }

  #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(id, settled);
    void settled.then(() => {
      if (this.#turns.get(id) === settled) this.#turns.delete(id);
    });
    return turn;
  }
}

function checkId(id: string): string {
  if (typeof id === 'string' && ID.test(id)) return id;
  throw new TypeError(`id must be up to 64 lower-case letters, digits and hyphens, got ${id}`);
}

function isSame(a: UploadPlan, b: UploadPlan): boolean {
  return a.length === b.length && a.chunkSize === b.chunkSize && sameBytes(a.root, b.root);
}
