/**
 * History: an update that is unlike what its client has sent before.
 *
 * @module
 */

import type { Detector, Measure, Scene } from '../detector.ts';
import { type ClientMemory, relativeNorm, sketchCosine } from '../memory.ts';
import { bounded, type Moments, medianOf, standardDeviation } from '../statistics.ts';

/** Rounds that a client is known for before it is held against its past. */
const LEAST_ROUNDS = 4;
/** A client's own spread is taken as no less: of logarithms of norms, and of cosines. */
const LEAST_SPREADS = { norm: 0.2, cosine: 0.15 };

/**
 * Score: the deviation. It is the largest of three: how far the norm, measured by the round's median
 * norm, is from what it used to be; how far the cosine to the round's direction has fallen; and how far
 * the cosine to the sum of all that the client had sent has. In standard deviations of its own past.
 */
export const history: Detector = {
  name: 'history',
  looksAt: 'norm and direction, beside those of the client’s own past',
  paper: '–',
  threshold: 9,
  examine(scene) {
    const { past, norms } = scene;
    if (past === undefined) return undefined;
    const median = medianOf(norms);
    return past.memories.map((memory, i) => {
      if (memory === undefined || memory.norms.count < LEAST_ROUNDS) return undefined;
      return worstOf(memory, { scene, median, i });
    });
  },
};

function worstOf(
  memory: ClientMemory,
  { scene, median, i }: { scene: Scene; median: number; i: number },
): Measure {
  const norm = relativeNorm(scene.norms[i]!, median);
  const toRound = scene.agreement[i]!;
  const toSelf = sketchCosine(scene.past!.sketches[i]!, memory.sum);
  const { relativeNorms, agreements, selfAgreements } = memory;
  const found = [
    {
      deviation: Math.abs(deviation(norm, relativeNorms, LEAST_SPREADS.norm)),
      words:
        `has ${Math.exp(norm).toPrecision(3)} times the usual norm where its past has ` +
        `${Math.exp(relativeNorms.mean).toPrecision(3)}`,
    },
    {
      deviation: -deviation(toRound, agreements, LEAST_SPREADS.cosine),
      words:
        `has cosine ${toRound.toFixed(2)} to the round where its past has ` +
        agreements.mean.toFixed(2),
    },
    {
      deviation: -deviation(toSelf, selfAgreements, LEAST_SPREADS.cosine),
      words:
        `has cosine ${toSelf.toFixed(2)} to what it sent before, where ` +
        `${selfAgreements.mean.toFixed(2)} is its habit`,
    },
  ];
  const worst = found.reduce((a, b) => (b.deviation > a.deviation ? b : a));
  return { ...worst, score: worst.deviation };
}

function deviation(value: number, past: Moments, floor: number): number {
  return bounded((value - past.mean) / Math.max(standardDeviation(past), floor));
}
