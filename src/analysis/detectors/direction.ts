/**
 * Direction: an update that points away from where the round goes.
 *
 * @module
 */

import type { Detector, Measure } from '../detector.ts';

/**
 * Score: the cosine to the geometric median of the round. Deviation: the same, negated. How far below the
 * others it is says little: a client with a label of its own is far below, and honest; but it does not go
 * straight the other way.
 */
export const direction: Detector = {
  name: 'direction',
  looksAt: 'angle to the geometric median of the round',
  paper: 'Pillutla et al. 2022',
  threshold: 0.85,
  examine({ agreement }) {
    return agreement.length < 3
      ? undefined
      : measuresOf(agreement, 'the geometric median of the round');
  },
};

/** Measures of cosines: the lower the worse. */
export function measuresOf(cosines: Float64Array, to: string): Measure[] {
  return Array.from(cosines, (score) => ({
    score,
    deviation: -score,
    words: `has cosine ${score.toFixed(2)} to ${to}`,
  }));
}
