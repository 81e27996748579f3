/**
 * The list of detectors.
 *
 * @module
 */

import type { Detector } from '../detector.ts';
import { cluster } from './cluster.ts';
import { direction } from './direction.ts';
import { foolsGold } from './fools-gold.ts';
import { globalStep } from './global-step.ts';
import { history } from './history.ts';
import { neighbours } from './neighbours.ts';
import { norm } from './norm.ts';
import { root } from './root.ts';
import { signs } from './signs.ts';
import { spectral } from './spectral.ts';

/**
 * Every detector, one line each: a line here enters it in `inspect`, the command line and the
 * calibration.
 */
export const detectors: readonly Detector[] = [
  neighbours,
  direction,
  globalStep,
  norm,
  history,
  spectral,
  cluster,
  foolsGold,
  signs,
  root,
];
