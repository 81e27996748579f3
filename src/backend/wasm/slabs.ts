/**
 * Slabs: arrays for rows that are copied and for outputs, used again when their last user is gone. A
 * new array costs a pass over its memory before anything is in it.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';

/** An array, and how many tiles look at it. */
export interface Slab {
  readonly data: Float32Array;
  /** Entries in use, from the start. */
  readonly length: number;
  /** Whether it holds rows that may be wanted again after an evaluation. */
  readonly kept: boolean;
  users: number;
}

/** Freed arrays that wait for their next use are at most so many. */
const MAX_SPARE = 4;

/** Gives and takes back slabs. */
export class Slabs {
  readonly #shared: boolean;
  readonly #spareBytes: number;
  /** Newest last. */
  #spare: Float32Array[] = [];

  /**
   * `shared`: arrays lie in memory that all threads see. `spareBytes`: those that wait for their next
   * use are no larger together.
   */
  constructor({ shared, spareBytes }: { readonly shared: boolean; readonly spareBytes: number }) {
    this.#shared = shared;
    this.#spareBytes = spareBytes;
  }

  /**
   * A slab with one user. What it holds is anything.
   *
   * @throws {BackendError} `out-of-memory`.
   */
  take(length: number, { kept = false }: { readonly kept?: boolean } = {}): Slab {
    return { data: this.#reuse(length) ?? this.#allocate(length), length, kept, users: 1 };
  }

  retain(slab: Slab): void {
    slab.users++;
  }

  release(slab: Slab): void {
    slab.users--;
    if (slab.users > 0) return;
    this.#spare.push(slab.data);
    while (this.#spare.length > MAX_SPARE || bytesOf(this.#spare) > this.#spareBytes) {
      this.#spare.shift();
    }
  }

  /** Lets go of the arrays that wait. */
  dropSpare(): void {
    this.#spare = [];
  }

  /** The smallest array that waits and fits, unless more than half of it would lie idle. */
  #reuse(length: number): Float32Array | undefined {
    let best = -1;
    for (const [i, { length: size }] of this.#spare.entries()) {
      if (size < length || size > 2 * length) continue;
      if (best < 0 || size < this.#spare[best]!.length) best = i;
    }
    return best < 0 ? undefined : this.#spare.splice(best, 1)[0];
  }

  #allocate(length: number): Float32Array {
    try {
      return this.#make(length);
    } catch {
      // What waits is in the way.
      this.dropSpare();
    }
    try {
      return this.#make(length);
    } catch (cause) {
      // A shorter tile may fit.
      throw new BackendError('out-of-memory', `no room for ${4 * length} bytes`, { cause });
    }
  }

  #make(length: number): Float32Array {
    const shared = this.#shared;
    return shared ? new Float32Array(new SharedArrayBuffer(4 * length)) : new Float32Array(length);
  }
}

function bytesOf(arrays: readonly Float32Array[]): number {
  return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
