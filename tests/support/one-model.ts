/**
 * A private training under attack whose model has the same bits on every backend, in Node and in a
 * browser: a fifth of the clients attack, the rule is NNM + trimmed mean, noise is of a seed.
 *
 * @module
 */

import { Engine } from '../../src/backend/engine.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { namedAttack, namedRule } from '../../src/lab/named.ts';
import { halvedImages, studyPrivacy } from '../../src/lab/private-study.ts';
import { streamOf } from '../../src/lab/sampling.ts';

/** SHA-256 of the model after three rounds: found on the reference, and expected everywhere. */
export const ONE_MODEL = '193643ace6558d8f82185d23cd8554483de5b9f5355b81b231a91d36e2df5530';

/** The SHA-256 that a backend comes to. */
export async function modelOn(backend: Backend): Promise<string> {
  const random = streamOf(7, 'data');
  const { rules } = await studyPrivacy({
    data: {
      source: 'drawn digits',
      train: halvedImages(drawDigits(600, random)),
      test: halvedImages(drawDigits(50, random)),
    },
    population: 60,
    cohort: 30,
    attackers: 12,
    attack: namedAttack('sign-flip:scale=4'),
    rules: [namedRule('nnm:f=8+trimmed-mean:f=8')],
    rounds: 3,
    clipNorm: 1,
    epsilon: 8,
    delta: 1e-5,
    seed: 7,
    backend,
    attackOn: new Engine(new ReferenceKernels()),
  });
  return rules[0]!.withNoise.model;
}
