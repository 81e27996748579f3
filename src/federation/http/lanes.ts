/**
 * Lanes: how many bodies are taken in at full speed at a time. A body that comes fast is had whole in a
 * few milliseconds, and written at once; a few at a time are as fast as all together, are in the
 * processor's caches, and take little memory.
 *
 * Whoever is slow must leave its lane: it would hold up the others.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';

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
