/**
 * Sign flip: the honest mean, turned round and scaled.
 *
 * Li, Xu, Chen, Giannakis, Ling. "RSA: Byzantine-robust stochastic aggregation methods", AAAI 2019.
 *
 * @module
 */

import { assertFinite } from '../core/assert.ts';
import { type Attack, meanWeights } from './attack.ts';

/** Options of {@link signFlip}. */
export interface SignFlipOptions {
  /** How much longer than the honest mean. Default 1. */
  readonly scale?: number;
}

/** −scale · mean of the honest rows, from every attacker. */
export function signFlip({ scale = 1 }: SignFlipOptions = {}): Attack {
  assertFinite('scale', scale);
  return {
    name: 'sign-flip',
    async craft(honest, ops) {
      const value = ops.combine([meanWeights(honest.rows, -scale)], honest);
      return { value, factor: scale };
    },
  };
}
