/**
 * FedProx: a term of the clients’ loss that holds local models near the one of the round. The server
 * does with it what it does without: it goes with any optimiser.
 *
 * Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith. "Federated optimization in heterogeneous networks",
 * MLSys 2020.
 *
 * @module
 */

import { assertFinite } from '../../core/assert.ts';

/** What the term is made of. */
export interface ProximalTerm {
  /** The client’s parameters, w. */
  readonly parameters: Float32Array | Float64Array;
  /** The model of the round, w_t: where the client began. */
  readonly global: Float32Array;
  /** μ, at least 0. */
  readonly mu: number;
}

/** The term’s value, (μ/2)·‖w − w_t‖²: the norm is squared. */
export function proximalLoss(term: ProximalTerm): number {
  const { parameters, global, mu } = checked(term);
  let sum = 0;
  for (let j = 0; j < parameters.length; j++) sum += (parameters[j]! - global[j]!) ** 2;
  return (mu / 2) * sum;
}

/**
 * Adds the term’s gradient, μ·(w − w_t), to that of the client’s loss, in place.
 *
 * @throws {TypeError | RangeError} if lengths differ or μ is negative.
 */
export function addProximalGradient(
  gradient: Float32Array | Float64Array,
  term: ProximalTerm,
): void {
  const { parameters, global, mu } = checked(term);
  if (gradient.length !== parameters.length) {
    throw new RangeError(`gradient must have ${parameters.length} entries, got ${gradient.length}`);
  }
  for (let j = 0; j < gradient.length; j++) {
    gradient[j] = gradient[j]! + mu * (parameters[j]! - global[j]!);
  }
}

function checked(term: ProximalTerm): ProximalTerm {
  const { parameters, global, mu } = term;
  if (assertFinite('mu', mu) < 0) throw new RangeError(`mu must be at least 0, got ${mu}`);
  if (parameters.length === global.length) return term;
  throw new RangeError(`parameters must have ${global.length} entries, got ${parameters.length}`);
}
