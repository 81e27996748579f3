/**
 * Inner-product manipulation: a little of the honest mean, turned round. With a small τ the rows
 * stay close to the honest ones, yet the aggregate may end up pointing away from their mean.
 *
 * Xie, Koyejo, Gupta. "Fall of empires: breaking Byzantine-tolerant SGD by inner product
 * manipulation", UAI 2019. arXiv:1903.03936
 *
 * @module
 */

import { assertFinite } from '../core/assert.ts';
import { type Attack, meanWeights } from './attack.ts';

/** Options of {@link ipm}. */
export interface IpmOptions {
  /** The paper's ε. */
  readonly tau: number;
}

/** −τ · mean of the honest rows, from every attacker. */
export function ipm({ tau }: IpmOptions): Attack {
  assertFinite('tau', tau);
  return {
    name: 'ipm',
    async craft(honest, ops) {
      const value = ops.combine([meanWeights(honest.rows, -tau)], honest);
      return { value, factor: tau };
    },
  };
}
