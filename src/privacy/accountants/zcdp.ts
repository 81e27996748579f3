/**
 * Zero-concentrated differential privacy: one number, ρ, that adds up over releases, adaptive ones too.
 *
 * Bun, Steinke. "Concentrated differential privacy: simplifications, extensions, and lower bounds", TCC
 * 2016. Conversions: Canonne, Kamath, Steinke. "The discrete
 * Gaussian for differential privacy", 2020, Corollary 13.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { PrivacyError } from '../../core/errors.ts';
import { assertSameRelation, checkEvent, type PrivacyEvent, type Relation } from '../event.ts';
import { type Accountant, assertDelta, assertEpsilon } from './accountant.ts';
import { leastThat } from './bisect.ts';
import { epsilonAt, logDeltaAt } from './conversion.ts';
import { curveOf, treeHeight } from './curve.ts';

/** The least ε that ρ-zCDP proves at δ; 0 for ρ = 0. */
export function zcdpEpsilon(rho: number, delta: number): number {
  assertRho(rho);
  assertDelta(delta);
  if (rho === 0) return 0;
  // dε/dα = ρ + ln(δα)/(α−1)²: falls and then rises, and vanishes where δ·α < 1.
  const rises = (excess: number) => excess * excess * rho + Math.log(delta * (1 + excess)) >= 0;
  const excess = leastThat(rises, { low: 0, high: 1 / delta });
  const order = 1 + excess;
  return Math.max(0, epsilonAt(order, excess * order * rho, delta));
}

/** The least δ that ρ-zCDP proves at ε ≥ 0; 0 for ρ = 0. */
export function zcdpDelta(rho: number, epsilon: number): number {
  assertRho(rho);
  assertEpsilon(epsilon);
  if (rho === 0) return 0;
  // d ln δ/dα = (2α−1)·ρ − ε + ln(1 − 1/α): rises in α, from −∞.
  const rises = (excess: number) =>
    (1 + 2 * excess) * rho - epsilon + Math.log(excess / (1 + excess)) >= 0;
  let high = 1;
  while (!rises(high)) high *= 2;
  const excess = leastThat(rises, { low: 0, high });
  const order = 1 + excess;
  return Math.min(1, Math.exp(logDeltaAt(order, excess * order * rho, epsilon)));
}

/** The largest ρ that proves (ε, δ): the safe end of a bracket of neighbouring numbers. */
export function zcdpBudget(epsilon: number, delta: number): number {
  assertPositive('epsilon', epsilon);
  assertDelta(delta);
  let [low, high] = [epsilon, epsilon];
  while (zcdpDelta(low, epsilon) > delta) low /= 2;
  while (zcdpDelta(high, epsilon) <= delta) high *= 2;
  // The condition holds up to some ρ: look for the least of −ρ.
  return -leastThat((minus) => zcdpDelta(-minus, epsilon) <= delta, { low: -high, high: -low });
}

/** An accountant of one number. Good as a budget: it holds for parameters chosen on the way too. */
export class ZcdpAccountant implements Accountant {
  readonly name = 'zcdp';
  #rho = 0;
  #relation: Relation | undefined;

  /** What was spent. */
  get rho(): number {
    return this.#rho;
  }

  compose(event: PrivacyEvent, count = 1): void {
    assertInteger('count', count, 1);
    const rho = rhoOf(checkEvent(event));
    this.#relation = assertSameRelation(event, this.#relation);
    this.#rho += count * rho;
  }

  epsilon(delta: number): number {
    return zcdpEpsilon(this.#rho, delta);
  }

  delta(epsilon: number): number {
    return zcdpDelta(this.#rho, epsilon);
  }
}

/** ρ of one release. */
function rhoOf(event: PrivacyEvent): number {
  const { mechanism, sampling } = event;
  if (sampling.kind !== 'none') {
    throw new PrivacyError('unsupported', `zcdp gains nothing by ${sampling.kind} sampling`);
  }
  switch (mechanism.kind) {
    case 'zcdp':
      return mechanism.rho;
    case 'gaussian':
      return 0.5 / mechanism.noiseMultiplier ** 2;
    case 'discrete-gaussian':
      return 0.5 * (mechanism.sensitivity / mechanism.sigma) ** 2;
    case 'tree':
      return (0.5 * treeHeight(mechanism.steps)) / mechanism.noiseMultiplier ** 2;
    case 'laplace':
    case 'discrete-laplace':
    case 'randomized-response':
      return 0.5 * curveOf(event).pureEpsilon ** 2;
    case 'skellam':
    case 'distributed-discrete-gaussian':
      throw new PrivacyError('unsupported', `zcdp has no bound for ${mechanism.kind}: rdp has one`);
    default:
      return mechanism satisfies never;
  }
}

function assertRho(rho: number): number {
  if (!(rho >= 0)) throw new RangeError(`rho must be 0 or above, got ${rho}`);
  return rho;
}
