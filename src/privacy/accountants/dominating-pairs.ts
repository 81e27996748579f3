/**
 * Pairs of laws that dominate what an event's outputs look like on two neighbouring inputs: as losses,
 * one for each order of the two. An event for which no pair is proven is refused.
 *
 * Zhu, Dong, Wang. "Optimal accounting of differential privacy via characteristic function", AISTATS
 * 2022: pairs compose (Theorem 10), and what sampling makes of them (Theorem 11).
 *
 * @module
 */

import { PrivacyError } from '../../core/errors.ts';
import type { PrivacyEvent } from '../event.ts';
import {
  gaussianLoss,
  sampledGaussianAddLoss,
  sampledGaussianRemoveLoss,
} from './gaussian-loss.ts';
import { NO_LOSS, type PrivacyLoss } from './privacy-loss.ts';

/** The losses of an event, in either order of the two inputs. Both bounds must hold together. */
export interface PairLosses {
  /** From the input with the unit to the one without. */
  readonly remove: PrivacyLoss;
  /** From the input without the unit to the one with it; the same object where they agree. */
  readonly add: PrivacyLoss;
}

/** @throws {PrivacyError} `unsupported` if no dominating pair is known, saying why. */
export function dominatingPairs({ mechanism, sampling, relation }: PrivacyEvent): PairLosses {
  if (mechanism.kind !== 'gaussian') throw unsupported(`a ${mechanism.kind} mechanism`);
  if (sampling.kind === 'none') return both(gaussianLoss(mechanism.noiseMultiplier));
  if (sampling.kind !== 'poisson') throw unsupported(`${sampling.kind} sampling`);
  if (relation === 'replace-one') throw unsupported('Poisson sampling under replace-one');
  if (sampling.rate === 0) return both(NO_LOSS);
  if (sampling.rate === 1) return both(gaussianLoss(mechanism.noiseMultiplier));
  return {
    remove: sampledGaussianRemoveLoss(mechanism.noiseMultiplier, sampling.rate),
    add: sampledGaussianAddLoss(mechanism.noiseMultiplier, sampling.rate),
  };
}

function both(loss: PrivacyLoss): PairLosses {
  return { remove: loss, add: loss };
}

function unsupported(what: string): PrivacyError {
  return new PrivacyError('unsupported', `the PLD accountant knows no dominating pair for ${what}`);
}
