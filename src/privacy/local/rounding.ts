/**
 * Numbers onto integer grids, rounded at random so that the mean stays.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';
import { createChance } from './chance.ts';

/** What a share of the way is counted in; a double in [0, 1] loses at most half of one. */
const FRACTION = 2 ** 52;

/**
 * An integer in 0 … `steps` with mean `share`·`steps`, one of the two next to it. The share counts as
 * the nearest multiple of 2⁻⁵², the rest is integers. Takes two words.
 *
 * @param share - In [0, 1].
 */
export function scaleRandomly(
  share: number,
  { steps, random }: { readonly steps: number; readonly random: Random },
): number {
  const product = BigInt(Math.round(share * FRACTION)) * BigInt(steps);
  const whole = product / BigInt(FRACTION);
  const rest = product % BigInt(FRACTION);
  const isUp = createChance(rest << 12n).happens(random);
  return Number(whole) + Number(isUp);
}
