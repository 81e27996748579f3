/**
 * What the mechanisms of local differential privacy have in common: each client randomises its own
 * value and sends a report; whoever sees the reports, the server too, learns little of any one value,
 * and much of all of them together.
 *
 * The server's estimates are unbiased for the integer probabilities really used, and they are raw:
 * a share may come out below 0 or above 1, a mean beyond its range. Clipping or normalising them is a
 * step of its own, and biased.
 *
 * @module
 */

import { assertFinite, assertInteger, assertPositive, show } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';

/** Shares of words 0 … `values` − 1 among clients that hold one each. */
export interface FrequencyProtocol<Report> {
  /** Short and stable: `k-rr`, `oue`, … */
  readonly name: string;
  /** How many words there are. */
  readonly values: number;
  /**
   * The achieved ε: the worst log-ratio between the probabilities of one report under two words, of
   * the rounded probabilities, itself rounded up. May exceed the ε asked for by about 2⁻⁴⁰ of it.
   */
  readonly epsilon: number;
  /** Chances that a report supports its own word, and any other one. */
  readonly support: SupportChances;
  /**
   * A report of the word `value`.
   *
   * @param random - From `createRandom` with 32 bytes of the platform's CSPRNG, new for each client;
   *   an integer seed is for simulation.
   * @throws {TypeError | RangeError} unless `value` is one of the words.
   */
  randomise(value: number, random: Random): Report;
  /** Whether this may be a report: what a server asks of what a client sent. */
  isReport(report: unknown): report is Report;
  /**
   * An unbiased estimate of each word's share.
   *
   * @throws {RangeError} if there is no report, or one of them is none.
   */
  estimate(reports: Iterable<Report>): Float64Array;
  /** Variance of the estimate of a word whose true share is `share`, from so many reports. */
  variance(options: { readonly reports: number; readonly share?: number }): number;
}

/** The chance that a report supports the word it was made of, and some other word. */
export interface SupportChances {
  readonly own: number;
  readonly other: number;
}

/** The mean of values, numbers in [−1, 1] or vectors, that clients hold one of each. */
export interface MeanProtocol<Value, Report> {
  /** Short and stable: `duchi`, `piecewise`, … */
  readonly name: string;
  /** The achieved ε, as in {@link FrequencyProtocol}. */
  readonly epsilon: number;
  /**
   * A report of `value`.
   *
   * @param random - As in {@link FrequencyProtocol.randomise}.
   * @throws {TypeError | RangeError} unless `value` is in the protocol's domain.
   */
  randomise(value: Value, random: Random): Report;
  /** Whether this may be a report. */
  isReport(report: unknown): report is Report;
  /** The unbiased value of one report. */
  decode(report: Report): Value;
  /** The mean of the decoded reports. @throws {RangeError} if there is none, or one of them is none. */
  estimate(reports: Iterable<Report>): Value;
  /** Variance of `decode`, by coordinate, for a client that holds `value`. */
  variance(value: Value): Value;
}

/** The part of a frequency protocol that differs. */
export interface FrequencyParts<Report> {
  readonly name: string;
  readonly values: number;
  readonly epsilon: number;
  readonly support: SupportChances;
  randomise(value: number, random: Random): Report;
  isReport(report: unknown): report is Report;
  /** Adds 1 to the count of each word that the report supports. */
  count(report: Report, counts: Float64Array): void;
}

/** A whole protocol from what differs, with checks. */
export function defineFrequency<Report>(parts: FrequencyParts<Report>): FrequencyProtocol<Report> {
  const { name, values, epsilon, support } = parts;
  return {
    name,
    values,
    epsilon,
    support,
    isReport: parts.isReport,
    randomise: (value, random) => parts.randomise(assertWord(value, values), random),
    estimate: (reports) => {
      const counts = new Float64Array(values);
      const n = eachReport(reports, parts, (report) => parts.count(report, counts));
      return counts.map((count) => (count / n - support.other) / (support.own - support.other));
    },
    variance: ({ reports, share = 0 }) => shareVariance(support, { reports, share }),
  };
}

/** What differs between mean protocols of numbers. */
export interface ScalarMeanParts<Report> {
  readonly name: string;
  readonly epsilon: number;
  randomise(value: number, random: Random): Report;
  isReport(report: unknown): report is Report;
  decode(report: Report): number;
  variance(value: number): number;
}

/** A mean protocol of numbers in [−1, 1], with checks. */
export function defineScalarMean<Report>(
  parts: ScalarMeanParts<Report>,
): MeanProtocol<number, Report> {
  return {
    name: parts.name,
    epsilon: parts.epsilon,
    isReport: parts.isReport,
    randomise: (value, random) => parts.randomise(assertUnit(value), random),
    decode: (report) => parts.decode(report),
    estimate: (reports) => {
      let sum = 0;
      const n = eachReport(reports, parts, (report) => {
        sum += parts.decode(report);
      });
      return sum / n;
    },
    variance: (value) => parts.variance(assertUnit(value)),
  };
}

/** Calls `take` for each report, all checked; how many there were. */
export function eachReport<Report>(
  reports: Iterable<Report>,
  protocol: { readonly name: string; isReport(report: unknown): report is Report },
  take: (report: Report) => void,
): number {
  let n = 0;
  for (const report of reports) {
    if (!protocol.isReport(report)) {
      throw new RangeError(
        `reports[${n}] must be a report of ${protocol.name}, got ${show(report)}`,
      );
    }
    take(report);
    n++;
  }
  if (n === 0) throw new RangeError('reports must be at least one, got none');
  return n;
}

/**
 * Counts of supporters are sums of independent coins: of `share`·n with the chance p of their own word
 * and the rest with q; the estimate divides the count by n·(p − q).
 */
function shareVariance(
  { own: p, other: q }: SupportChances,
  { reports, share }: { readonly reports: number; readonly share: number },
): number {
  assertInteger('reports', reports, 1);
  if (!(share >= 0 && share <= 1))
    throw new RangeError(`share must be in [0, 1], got ${show(share)}`);
  return (share * p * (1 - p) + (1 - share) * q * (1 - q)) / (reports * (p - q) ** 2);
}

/** Largest ε of a local mechanism: e^ε beyond it could not be told from 2⁶⁴. */
const MAX_EPSILON = 40;

/** @throws {TypeError | RangeError} unless 0 < epsilon ≤ 40. */
export function assertEpsilon(epsilon: number): number {
  assertPositive('epsilon', epsilon);
  if (epsilon > MAX_EPSILON) {
    throw new RangeError(`epsilon must be in (0, ${MAX_EPSILON}], got ${epsilon}`);
  }
  return epsilon;
}

function assertWord(value: number, values: number): number {
  return assertInteger('value', value, 0, values - 1);
}

/** @throws {TypeError | RangeError} unless −1 ≤ value ≤ 1. */
export function assertUnit(value: number): number {
  assertFinite('value', value);
  if (value < -1 || value > 1) throw new RangeError(`value must be in [-1, 1], got ${value}`);
  return value;
}

/** Whether this is an integer in [0, end). */
export function isIndex(value: unknown, end: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < end;
}
