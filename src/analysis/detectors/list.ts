/**
 * The list of detectors.
 *
 * @module
 */

import type { Detector } from '../detector.ts';
import { direction } from './direction.ts';
import { globalStep } from './global-step.ts';
import { history } from './history.ts';
import { neighbours } from './neighbours.ts';
import { norm } from './norm.ts';

/** Every detector, one line each: a line here enters it in `inspect`, the command line and the calibration. */
export const detectors: readonly Detector[] = [neighbours, direction, globalStep, norm, history];
