/**
 * Lanes: how many bodies are taken in at full speed at a time. A body that comes fast is had whole in a
 * few milliseconds, and written at once; a few at a time are as fast as all together, are in the
 * processor's caches, and take little memory.
 *
 * Whoever is slow must leave its lane: it would hold up the others.
 *
 * @module
 */

import { performance } from 'node:perf_hooks';
import { assertInteger } from '../../core/assert.ts';

/** Fewest bytes a second of a body in a lane, where the server has time to spare; and where it has none. */
const RATE = 8 * 2 ** 20;
const BUSY_RATE = 2 ** 20;
/** From which part of its time on the server is busy. */
const BUSY = 0.5;

/**
 * Tells bodies that hold up their lanes, by their bytes a second. Where the server itself has been behind
 * since this was called, little is held against them: whoever leaves a lane then makes it more behind.
 *
 * @param load - The part of its time that the server was at work. Default: that of the event loop.
 */
export function tooSlow(load: () => number = loopLoad()): (rate: number) => boolean {
  return (rate) => rate < BUSY_RATE || (rate < RATE && load() <= BUSY);
}

/** The part of its time, from now on, that the event loop is not waiting. */
function loopLoad(): () => number {
  const begun = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(begun).utilization;
}

/** Leaves a lane; once. */
export type Leave = () => void;

/** Lanes, and those who wait for one, in their order. */
export class Lanes {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(lanes: number) {
    this.#free = assertInteger('lanes', lanes, 1);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** When there is a lane. */
  async enter(): Promise<Leave> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((enter) => void this.#waiting.add(enter));
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#leave();
    };
  }

  /** Whoever waits longest has it next. */
  #leave(): void {
    for (const enter of this.#waiting) {
      this.#waiting.delete(enter);
      enter();
      return;
    }
    this.#free++;
  }
}
