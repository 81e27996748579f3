/**
 * Norm: an update that is much longer or shorter than most.
 *
 * The robust z-score: Iglewicz, Hoaglin. "How to detect and handle outliers", ASQC 1993.
 *
 * @module
 */

import type { Detector } from '../detector.ts';
import { relativeNorm } from '../memory.ts';
import { deviationsOf, medianOf } from '../statistics.ts';

/** Logarithms spread by no less: norms that differ by a tenth are alike. */
const LEAST_SPREAD = 0.1;

/**
 * Score: the norm. Deviation: the robust z of its logarithm, so that a tenth of the usual norm is as far
 * out as ten times; positive in both cases.
 */
export const norm: Detector = {
  name: 'norm',
  looksAt: 'length of the update',
  paper: 'Iglewicz and Hoaglin 1993',
  threshold: 14,
  examine({ norms }) {
    if (norms.length < 3) return undefined;
    const median = medianOf(norms);
    const relative = norms.map((norm) => relativeNorm(norm, median));
    const deviations = deviationsOf(relative, LEAST_SPREAD);
    return Array.from(norms, (score, i) => ({
      score,
      deviation: Math.abs(deviations[i]!),
      words: `has norm ${score.toPrecision(4)} where ${median.toPrecision(4)} is usual`,
    }));
  },
};
