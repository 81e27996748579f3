/**
 * From a promise to parameters: the least noise, or the most rounds, that an accountant can prove.
 *
 * @module
 */

import { assertPositive } from '../core/assert.ts';
import { PrivacyError } from '../core/errors.ts';
import { type Accountant, assertDelta } from './accountants/accountant.ts';

/** What is promised, and who has to prove it. */
export interface Target {
  /** Above 0. */
  readonly epsilon: number;
  /** In (0, 1). */
  readonly delta: number;
  /** A new accountant, with nothing spent. */
  readonly accountant: () => Accountant;
}

/** How {@link calibrateNoise} searches. */
export interface NoiseSearch {
  /** The result is at most this share above noise that is too little. Default 2⁻³⁰. */
  readonly tolerance?: number;
}

/** Noise that keeps a promise, and what it comes to. */
export interface CalibratedNoise {
  readonly noiseMultiplier: number;
  /** What the accountant says of it, no more than was promised. */
  readonly epsilon: number;
}

/** A number of rounds that keeps a promise, and what it comes to. */
export interface CalibratedSteps {
  readonly steps: number;
  /** What the accountant says of it, no more than was promised. */
  readonly epsilon: number;
}

const TOLERANCE = 2 ** -30;
/** More change no number. */
const MAX_HALVINGS = 64;
/** Noise beyond these is no use, or none. */
const LEAST_NOISE = 2 ** -20;
const MOST_NOISE = 2 ** 40;

/**
 * The least noise multiplier with which everything that `compose` adds keeps (ε, δ). The accountant has
 * proved what is returned. Some fifteen accountings, fifty at most.
 *
 * @param compose - Adds all releases of a plan, with this noise multiplier, to a new accountant.
 * @throws {PrivacyError} `over-budget` if no noise is enough.
 * @throws {RangeError | TypeError} if ε or δ is out of range.
 */
export function calibrateNoise(
  compose: (accountant: Accountant, noiseMultiplier: number) => void,
  { tolerance = TOLERANCE, ...target }: Target & NoiseSearch,
): CalibratedNoise {
  assertPositive('tolerance', tolerance);
  const epsilonOf = proving(target);
  const epsilonWith = (z: number) => epsilonOf((accountant) => compose(accountant, z));
  /** Above 0 where noise is too little; about straight over z where it is 0. */
  const lack = (z: number) => Math.log(epsilonWith(z) / target.epsilon);
  const first = firstThat((z) => lack(z) <= 0, { start: 1, most: MOST_NOISE });
  if (first === undefined) throw overBudget(target, `noise multiplier up to ${MOST_NOISE}`);
  let [low, high] = [first / 2, first];
  while (low > LEAST_NOISE && lack(low) <= 0) [low, high] = [low / 2, low];
  const noiseMultiplier = rootFromAbove(lack, { low, high, tolerance: tolerance * low });
  return { noiseMultiplier, epsilon: epsilonWith(noiseMultiplier) };
}

/** Estimates are moved by this share of the bracket, squared, towards its middle: both ends come near. */
const TRUNCATION = 0.2;

/**
 * A point where a falling function is 0 or less, no more than the tolerance above one where it is not, or
 * above `low`. What is returned was tested.
 *
 * Oliveira, Takahashi. "An enhancement of the bisection method average performance preserving minmax
 * optimality", ACM TOMS 2020: secants, kept so near the middle that there is never more than one
 * evaluation over what halving takes; some ten for a smooth function.
 */
function rootFromAbove(
  value: (x: number) => number,
  bracket: { readonly low: number; readonly high: number; readonly tolerance: number },
): number {
  const { tolerance } = bracket;
  let { low, high } = bracket;
  const width = high - low;
  let [atLow, atHigh] = [value(low), value(high)];
  const most = Math.min(Math.ceil(Math.log2(width / tolerance)), MAX_HALVINGS) + 1;
  for (let i = 0; i < most && high - low > tolerance; i++) {
    const half = (high - low) / 2;
    const middle = low + half;
    // How far from the middle the next point may be, if all others were to be halvings.
    const room = Math.max(0, (tolerance / 2) * 2 ** (most - i) - half);
    const secant = (atLow * high - atHigh * low) / (atLow - atHigh);
    const aside = Number.isFinite(secant) ? middle - secant : 0;
    const truncated = Math.max(0, Math.abs(aside) - (TRUNCATION * (high - low) ** 2) / width);
    const x = middle - Math.sign(aside) * Math.min(truncated, room);
    if (x <= low || x >= high) break;
    const at = value(x);
    if (at <= 0) [high, atHigh] = [x, at];
    else [low, atLow] = [x, at];
  }
  return high;
}

/** More rounds than that, as 10⁹ a second for a century, are as good as any number. */
const MOST_STEPS = 2 ** 50;

/**
 * The most times that an event may take place within (ε, δ), up to 2⁵⁰. The accountant has proved what is
 * returned.
 *
 * @param compose - Adds so many rounds to a new accountant.
 * @throws {PrivacyError} `over-budget` if one round is too much.
 * @throws {RangeError | TypeError} if ε or δ is out of range.
 */
export function calibrateSteps(
  compose: (accountant: Accountant, steps: number) => void,
  target: Target,
): CalibratedSteps {
  const epsilonOf = proving(target);
  const epsilonAfter = (steps: number) => epsilonOf((accountant) => compose(accountant, steps));
  const fails = (steps: number) => !(epsilonAfter(steps) <= target.epsilon);
  if (fails(1)) throw overBudget(target, 'number of steps');
  let high = firstThat(fails, { start: 2, most: MOST_STEPS });
  if (high === undefined) return { steps: MOST_STEPS, epsilon: epsilonAfter(MOST_STEPS) };
  let low = high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fails(middle)) high = middle;
    else low = middle;
  }
  return { steps: low, epsilon: epsilonAfter(low) };
}

/** ε of a plan by an accountant of its own; checks the target once. */
function proving({
  epsilon,
  delta,
  accountant,
}: Target): (compose: (accountant: Accountant) => void) => number {
  assertPositive('epsilon', epsilon);
  assertDelta(delta);
  return (compose) => {
    const fresh = accountant();
    compose(fresh);
    return fresh.epsilon(delta);
  };
}

/** The first of start, 2·start, 4·start … that meets a condition. */
function firstThat(
  holds: (value: number) => boolean,
  { start, most }: { start: number; most: number },
): number | undefined {
  for (let value = start; value <= most; value *= 2) {
    if (holds(value)) return value;
  }
  return undefined;
}

function overBudget({ epsilon, delta }: Target, what: string): PrivacyError {
  return new PrivacyError('over-budget', `no ${what} keeps epsilon ${epsilon} at delta ${delta}`);
}
