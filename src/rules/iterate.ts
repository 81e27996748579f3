/**
 * Iterations x ← next(x) of which very many may be asked for.
 *
 * @module
 */

import { Turns } from '../core/turn.ts';

/** How often, and until when. */
export interface Iterations {
  /** Steps, 0 or more. */
  readonly steps: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What `steps` steps from `start` lead to, to the bit, with fewer steps where that can be known: a step
 * depends on nothing but its vector. So once a vector is met again, after some period, all that came
 * after it comes again, and whole periods need not be walked. In f64 an iteration that converges ends
 * like that, at a fixed point or going round in the last digits.
 *
 * The vector to be met again is renewed after 1, 2, 4, 8, … steps: the first of these that lies on the
 * cycle and is at least a period from the next finds it. (Brent. "An improved Monte Carlo factorization
 * algorithm", BIT 1980.)
 *
 * @throws The signal's reason, within some 50 ms of its being aborted.
 */
export async function iterate(
  start: Float64Array,
  next: (x: Float64Array) => Float64Array,
  { steps, signal }: Iterations,
): Promise<Float64Array> {
  const turns = new Turns(signal);
  let x = start;
  let known = { x: start, step: 0 };
  let left = steps;
  for (let step = 1; left > 0; step++) {
    if (turns.due) await turns.take();
    x = next(x);
    left--;
    if (isEqual(x, known.x)) left %= step - known.step;
    if (step === 2 * known.step || step === 1) known = { x, step };
  }
  return x;
}

/** Whether all bits are the same: 0 and −0 may lead to different places. */
function isEqual(a: Float64Array, b: Float64Array): boolean {
  return a.every((value, i) => Object.is(value, b[i]));
}
