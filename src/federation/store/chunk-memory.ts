/**
 * Memory that chunks are taken in: a place for each that comes at full speed. Bytes are put there once, and
 * are hashed by another thread and written to disk from where they lie.
 *
 * It is shared between threads, and begins at a page, as direct writes want it: arrays of JavaScript lie
 * anywhere, memories of WebAssembly do not.
 *
 * @module
 */

/** Room for the largest chunk that the protocol knows. */
const PLACE_BYTES = 4 * 2 ** 20;
const PAGE_BYTES = 2 ** 16;

/** A place, until it is given back. */
export interface Place {
  /** All of it; what it held before is still there. */
  readonly bytes: Uint8Array;
  /** However often that is said, it is given back once. */
  readonly giveBack: () => void;
}

/** Places for chunks. */
export class ChunkMemory {
  /** As many as chunks are taken in at full speed at a time. */
  static readonly PLACES = 16;
  /** Not touched, and so not taken from the system, until it is needed. */
  #buffer: SharedArrayBuffer | undefined;
  readonly #free: number[] = Array.from({ length: ChunkMemory.PLACES }, (_, place) => place);

  /** All of it, once there was a place. */
  get buffer(): SharedArrayBuffer | undefined {
    return this.#buffer;
  }

  /** A place, if there is one, and memory for it. */
  take(): Place | undefined {
    const buffer = this.#allocated();
    const place = buffer && this.#free.pop();
    if (place === undefined) return undefined;
    let isTaken = true;
    const giveBack = (): void => {
      if (isTaken) this.#free.push(place);
      isTaken = false;
    };
    return { bytes: new Uint8Array(buffer!, place * PLACE_BYTES, PLACE_BYTES), giveBack };
  }

  /** Whether these bytes lie in it. */
  has(bytes: Uint8Array): boolean {
    return bytes.buffer === this.#buffer;
  }

  #allocated(): SharedArrayBuffer | undefined {
    const pages = (ChunkMemory.PLACES * PLACE_BYTES) / PAGE_BYTES;
    try {
      // What is shared must say how large it may grow: not at all.
      this.#buffer ??= new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
        .buffer as unknown as SharedArrayBuffer;
    } catch {
      // Where the system gives no more, chunks are taken in without.
    }
    return this.#buffer;
  }
}
