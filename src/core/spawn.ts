/**
 * What threads ask of a platform: interfaces only. `spawn-node.ts` and `spawn-browser.ts` alone know
 * what a worker is.
 *
 * @module
 */

/** A worker, as whoever gives it work sees it. */
export interface SpawnedWorker {
  /** Sends a message; what it holds is copied, shared memory is shared, buffers of `moved` go over. */
  post(message: unknown, moved?: readonly ArrayBuffer[]): void;
  /** While `busy`, the worker keeps its process alive, where there is one. At first it does not. */
  hold(busy: boolean): void;
  /** Ends it, whatever it does; nothing is heard of it from then on. */
  end(): Promise<void>;
}

/** What is heard of a worker. */
export interface WorkerEvents {
  onMessage(message: unknown): void;
  /** It could not be started, threw where nobody catches, or is gone. Called at most once. */
  onFailure(reason: Error): void;
}

/** How a platform starts workers. */
export interface WorkerSpawner {
  /** Threads that run at once here; undefined where workers cannot share memory. */
  parallelism(): number | undefined;
  /**
   * Starts a worker on the text of a classic script, which finds its port as `self`.
   *
   * @throws {Error} where the platform refuses at once; others refuse by `onFailure`.
   */
  spawn(script: string, events: WorkerEvents): SpawnedWorker;
}
