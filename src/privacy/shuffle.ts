/**
 * Amplification by shuffling: what the reports of n clients cost together, where each is ε₀-locally
 * private and nobody sees who sent which.
 *
 * Feldman, McMillan, Talwar. "Hiding among the clones: a simple and nearly optimal analysis of privacy
 * amplification by shuffling", FOCS 2021: Theorem 3.1 for the closed form, Theorem 3.2 for the pair of
 * laws behind the numerical one.
 *
 * Both hold for one round in which every client uses the same ε₀-local mechanism, or any of several
 * that are each ε₀-local, and for replacing one client's value. They rest on the shuffler: on one that
 * tells, nothing is gained.
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../core/assert.ts';
import { PrivacyError } from '../core/errors.ts';
import { binomialMass } from './binomial.ts';

/** Reports that are shuffled. */
export interface ShuffledReports {
  /** n: reports, one from each client, ≥ 2. */
  readonly reports: number;
  /** ε₀ of each report, as achieved, in (0, 40]. */
  readonly localEpsilon: number;
}

/** Largest local ε: beyond it clones are too rare for any amplification. */
const MAX_LOCAL_EPSILON = 40;
/**
 * About how many terms one δ may take. A number of clones C takes some √C of them; where there are too
 * many numbers, neighbours share a bound.
 */
const TERMS = 2 ** 20;
/** Least and most groups of numbers: with 256 of them, sharing costs less than 1 % of δ. */
const GROUPS: { readonly min: number; readonly max: number } = { min: 256, max: 4096 };
/** Part of δ that goes to numbers of clones too few to be looked at. */
const TAIL_SHARE = 2 ** -20;
/**
 * What is added to sums, relatively: at most 2¹⁷ positive terms by recurrence, each step of which errs
 * by 2⁻⁵², and masses that err by 10⁻¹².
 */
const ROUNDING = 1e-9;

/**
 * The closed form: ε = ln(1 + (1 − e^−ε₀)/(1 + e^(−ε₀−ε₁))·(a + c)), a = 8·√(e^ε₀·ln(4/δ)/n),
 * c = 8·e^ε₀/n, ε₁ = ln(1 + a + c). An upper bound, looser than {@link shuffledEpsilon} by a factor of
 * two to five.
 *
 * @param delta - In (0, 1).
 * @throws {PrivacyError} `unsupported` unless ε₀ ≤ ln(n/(16·ln(4/δ))), where the theorem ends.
 */
export function shuffledEpsilonClosedForm(shuffled: ShuffledReports, delta: number): number {
  const { reports: n, localEpsilon } = checkShuffled(shuffled);
  assertDelta(delta);
  const most = Math.log(n / (16 * Math.log(4 / delta)));
  if (localEpsilon > most) {
    throw new PrivacyError(
      'unsupported',
      `the closed form needs localEpsilon ≤ ln(n/(16·ln(4/δ))) = ${most} for n = ${n} and ` +
        `δ = ${delta}, got ${localEpsilon}`,
    );
  }
  const e0 = Math.exp(localEpsilon);
  const gain = 8 * Math.sqrt((e0 * Math.log(4 / delta)) / n) + (8 * e0) / n;
  // e^(−ε₀−ε₁) = 1/(e^ε₀·(1 + a + c)).
  const share = -Math.expm1(-localEpsilon) / (1 + 1 / (e0 * (1 + gain)));
  return Math.min(localEpsilon, Math.log1p(share * gain) * (1 + 2 ** -48));
}

/**
 * The numerical bound: the least ε, rounded up, at which {@link shuffledDelta} is no more than `delta`.
 * Never above ε₀. Found by bisection, the safe end of a bracket of width 10⁻⁹ relative.
 *
 * @param delta - In (0, 1).
 */
export function shuffledEpsilon(shuffled: ShuffledReports, delta: number): number {
  const { localEpsilon } = checkShuffled(shuffled);
  assertDelta(delta);
  const clones = cloneGroups(shuffled, delta * TAIL_SHARE);
  let low = 0;
  let high = localEpsilon;
  while (high - low > 1e-9 * high) {
    const middle = (low + high) / 2;
    if (deltaOf(middle, { clones, localEpsilon }) <= delta) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The least δ that the clones prove at `epsilon`, rounded up; 0 from ε₀ on. In [0, 1]. Certified up to
 * the platform's `exp` and `log`: all sums are of positive terms, their rounding is added.
 *
 * @param epsilon - ≥ 0.
 */
export function shuffledDelta(shuffled: ShuffledReports, epsilon: number): number {
  const { localEpsilon } = checkShuffled(shuffled);
  if (!(epsilon >= 0)) throw new RangeError(`epsilon must be at least 0, got ${show(epsilon)}`);
  return deltaOf(epsilon, { clones: cloneGroups(shuffled, 1e-30), localEpsilon });
}

/** So many clones, or some more, with this probability. */
interface CloneGroup {
  readonly clones: number;
  readonly mass: number;
}

interface CloneLaw {
  readonly groups: readonly CloneGroup[];
  /** At least the probability of all that is in no group. */
  readonly rest: number;
}

/**
 * The number of clones, C, binomial with n − 1 trials of chance e^−ε₀. Neighbouring numbers are put
 * together under the least of them: one more clone is a fair coin added to either law, and never
 * raises δ.
 *
 * @param tail - Mass that may be left out on either side; it counts as δ.
 */
function cloneGroups({ reports, localEpsilon }: ShuffledReports, tail: number): CloneLaw {
  const law = { trials: reports - 1, chance: Math.exp(-localEpsilon) };
  const mean = law.trials * law.chance;
  // Chernoff: P(C ≤ mean − t) ≤ exp(−t²/(2·mean)), and above it exp(−t²/(2·(mean + t/3))).
  const log = Math.log(1 / tail);
  const first = Math.max(0, Math.ceil(mean - Math.sqrt(2 * mean * log)));
  const last = Math.min(law.trials, Math.ceil(mean + Math.sqrt(2 * mean * log) + log));
  const most = Math.min(GROUPS.max, Math.max(GROUPS.min, TERMS / Math.sqrt(mean + 1)));
  const step = Math.ceil((last - first + 1) / most);
  const groups: CloneGroup[] = [];
  for (let clones = first; clones <= last; clones += step) {
    let mass = 0;
    for (let c = clones; c < Math.min(last + 1, clones + step); c++) mass += binomialMass(c, law);
    groups.push({ clones, mass });
  }
  return { groups, rest: first > 0 || last < law.trials ? 2 * tail : 0 };
}

/**
 * The hockey stick at e^ε of the two laws. With C clones of which A ~ Bin(C, 1/2) say 0, the victim
 * adds one to that side with chance w = e^ε₀/(e^ε₀ + 1) under P, and with 1 − w under Q. C is seen, as
 * the reports' number, so δ is the mean over C of its δ given C.
 */
function deltaOf(
  epsilon: number,
  { clones, localEpsilon }: { readonly clones: CloneLaw; readonly localEpsilon: number },
): number {
  if (epsilon >= localEpsilon) return 0;
  // P(a) − e^ε·Q(a) = P(A = a − 1)·up − P(A = a)·down, up = w − e^ε·(1 − w), down = e^ε·w − (1 − w).
  const whole = Math.exp(localEpsilon) + 1;
  const up = (Math.exp(epsilon) * Math.expm1(localEpsilon - epsilon)) / whole;
  const down = Math.expm1(localEpsilon + epsilon) / whole;
  let sum = 0;
  for (const group of clones.groups) {
    sum += group.mass * deltaGiven(group.clones, { up, down });
  }
  return Math.min(1, sum * (1 + ROUNDING) + clones.rest);
}

/**
 * Σ over a of max(0, P(A = a − 1)·up − P(A = a)·down), A binomial with `clones` fair trials. The terms
 * are positive from one a on, since their ratio grows with a; they are added from there to where the
 * rest, which falls at least as fast as a geometric series, no longer counts.
 */
function deltaGiven(clones: number, { up, down }: { up: number; down: number }): number {
  // P(A = a − 1)/P(A = a) = a/(C − a + 1) ≥ down/up.
  const first = Math.max(1, Math.floor(((clones + 1) * down) / (up + down)));
  const law = { trials: clones, chance: 0.5 };
  // The mass at a − 1, from which that at a follows. Where it is too small for a double, so is δ.
  let before = binomialMass(first - 1, law);
  let sum = 0;
  for (let a = first; a <= clones + 1; a++) {
    const mass = (before * (clones - a + 1)) / a;
    const term = before * up - mass * down;
    if (term > 0) sum += term;
    // Beyond, masses fall by mass/before or faster: what is left is below before·up/(1 − that).
    if (before * up * a <= sum * (2 * a - clones - 1) * 1e-12) break;
    before = mass;
  }
  return sum;
}

function checkShuffled(shuffled: ShuffledReports): ShuffledReports {
  assertInteger('reports', shuffled.reports, 2);
  assertPositive('localEpsilon', shuffled.localEpsilon);
  if (shuffled.localEpsilon > MAX_LOCAL_EPSILON) {
    throw new RangeError(
      `localEpsilon must be in (0, ${MAX_LOCAL_EPSILON}], got ${shuffled.localEpsilon}`,
    );
  }
  return shuffled;
}

function assertDelta(delta: number): number {
  if (!(delta > 0 && delta < 1)) {
    throw new RangeError(`delta must be in (0, 1), got ${show(delta)}`);
  }
  return delta;
}
