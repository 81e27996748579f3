/**
 * SHA-256 of chunks by another thread: the server's own reads connections meanwhile.
 *
 * @module
 */

import type { SpawnedWorker, WorkerSpawner } from '../../core/spawn.ts';
import type { ChunkMemory } from './chunk-memory.ts';
import { workerScript } from './hash-worker.gen.ts';
import { sha256 } from './sha256.ts';

/** What is to be hashed: a number for the answer, bytes that come before, and a range of the memory. */
export type HashRequest = readonly [id: number, prefix: Uint8Array, at: number, length: number];
/** What was found. */
export type HashAnswer = readonly [id: number, hash: Uint8Array];

/** Fewer bytes are hashed before a message has been sent. */
const LEAST_BYTES = 64 * 2 ** 10;

interface Pending {
  readonly prefix: Uint8Array;
  readonly bytes: Uint8Array;
  readonly resolve: (hash: Uint8Array) => void;
}

/** A thread that is started when there is something to hash. */
export class HashThread {
  readonly #memory: ChunkMemory;
  readonly #spawner: WorkerSpawner;
  readonly #pending = new Map<number, Pending>();
  /** `undefined` before there was work, `null` once the thread has failed. */
  #worker: SpawnedWorker | null | undefined;
  #last = 0;

  constructor(memory: ChunkMemory, spawner: WorkerSpawner) {
    this.#memory = memory;
    this.#spawner = spawner;
  }

  /** SHA-256 of `prefix` and `bytes`, which do not change meanwhile. 32 bytes */
  async hash(prefix: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
    const isFar = bytes.length >= LEAST_BYTES && this.#memory.has(bytes);
    const worker = isFar ? this.#started() : undefined;
    if (worker === undefined) return sha256(prefix, bytes);
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#pending.set(id, { prefix, bytes, resolve });
      worker.hold(true);
      const request: HashRequest = [id, prefix, bytes.byteOffset, bytes.length];
      worker.post(request);
    });
  }

  /** Ends the thread; what it has not answered is hashed here. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.end();
    this.#settle();
  }

  #started(): SpawnedWorker | undefined {
    if (this.#worker !== undefined) return this.#worker ?? undefined;
    try {
      this.#worker = this.#spawner.spawn(workerScript, {
        onMessage: (message) => this.#take(message as HashAnswer),
        onFailure: () => this.#fail(),
      });
      this.#worker.post(this.#memory.buffer);
      return this.#worker;
    } catch {
      this.#fail();
      return undefined;
    }
  }

  #take([id, hash]: HashAnswer): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.resolve(new Uint8Array(hash));
    if (this.#pending.size === 0) this.#worker?.hold(false);
  }

  /** From now on this thread hashes for itself. */
  #fail(): void {
    void this.#worker?.end().catch(() => {});
    this.#worker = null;
    this.#settle();
  }

  #settle(): void {
    for (const { prefix, bytes, resolve } of this.#pending.values()) resolve(sha256(prefix, bytes));
    this.#pending.clear();
  }
}
