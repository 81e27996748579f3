/**
 * Taking times: warm-ups, then rounds in which every contender has a turn. Contenders that are to be
 * compared take turns, so that whatever else the machine does slows all of them alike.
 *
 * @module
 */

import { type Spread, spreadOf } from './statistics.ts';

/** How often things are run. */
export interface Repeats {
  /** Rounds after the warm-up, at least 1. */
  readonly rounds: number;
  /**
   * A contender that has run for so many seconds, warm-up counted, takes part in no further round;
   * one it always runs.
   */
  readonly seconds: number;
  /** Ends everything before the next run; what waits for the times rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Something that is timed. What gives a number tells its seconds itself, where what surrounds the work
 * (a message to another process) is not to count; all else is timed from outside.
 */
export type Run = () => Promise<unknown>;

/**
 * Warm-ups before the first time that counts, at most: code is compiled as it runs, and memory of what
 * was timed before is given back meanwhile …
 */
export const WARM_UPS = 10;
/** … but no more once they have taken so many seconds. */
const LONG = 1;
/**
 * A turn among several begins with a run that does not count, unless runs take more seconds than this:
 * caches hold what another left there, and that is a time of neither.
 */
const BRIEF = 0.25;

/** Times of one thing. */
export async function measure(run: Run, repeats: Repeats): Promise<Spread> {
  const [spread] = await race([run], repeats);
  return spread!;
}

/** Times of several things that take turns, in the order given. */
export async function race(runs: readonly Run[], repeats: Repeats): Promise<Spread[]> {
  const contenders = runs.map((run) => ({ run, times: [] as number[], spent: 0, last: 0 }));
  for (let round = -WARM_UPS; round < Math.max(1, repeats.rounds); round++) {
    for (const contender of contenders) {
      if (round > -WARM_UPS && round < 0 && contender.spent > LONG) continue;
      if (round > 0 && contender.spent > repeats.seconds) continue;
      const again = round >= 0 && runs.length > 1 && contender.last < BRIEF;
      for (let run = again ? 0 : 1; run < 2; run++) {
        repeats.signal?.throwIfAborted();
        contender.last = await secondsOf(contender.run);
        contender.spent += contender.last;
      }
      if (round >= 0) contender.times.push(contender.last);
    }
  }
  return contenders.map(({ times }) => spreadOf(times));
}

async function secondsOf(run: Run): Promise<number> {
  const start = performance.now();
  const told = await run();
  return typeof told === 'number' ? told : (performance.now() - start) / 1000;
}
