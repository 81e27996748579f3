/**
 * Global step: an update that points against where the model has just gone.
 *
 * @module
 */

import type { Detector } from '../detector.ts';
import { cosinesTo } from '../geometry.ts';
import { measuresOf } from './direction.ts';

/** Score: the cosine to the last step of the global model. Deviation: the same, negated. */
export const globalStep: Detector = {
  name: 'global-step',
  looksAt: 'angle to the last step of the global model',
  paper: 'Muñoz-González et al. 2019, arXiv:1909.05125',
  threshold: 0.8,
  examine({ step, norms }) {
    if (step === undefined || norms.length < 3) return undefined;
    return measuresOf(cosinesTo(step, norms), 'the last step of the model');
  },
};
