/**
 * Laplace noise on a number in [−1, 1], on a grid: the value is rounded to a multiple of 1/G at random,
 * and noise of the two-sided geometric law is added in integers.
 *
 * Dwork, McSherry, Nissim, Smith. "Calibrating noise to sensitivity in private data analysis", TCC
 * 2006; Ghosh, Roughgarden, Sundararajan. "Universally utility-maximizing privacy mechanisms", STOC
 * 2009, for the geometric law.
 *
 * The magnitude is drawn bit by bit: bits of a geometric variable are independent, bit j with odds
 * e^(−a·2^j), and one more coin tells whether it reaches 2^J at all. All of them are tossed every time
 * with integer thresholds out of 2¹²⁸. A value that the last coin sends beyond 2^J is clamped, with
 * the rest, to ±(2^J − G): there the report is the same whatever lies beyond, so the range is finite
 * without a report that only some values can give.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { assertEpsilon, defineScalarMean, type MeanProtocol } from './protocol.ts';
import { scaleRandomly } from './rounding.ts';

/** Options of {@link gridLaplace}. */
export interface GridLaplaceOptions {
  /** The ε aimed at, in (0, 20]. */
  readonly epsilon: number;
}

/** Beyond it the last coin's chance would be too coarse out of 2¹²⁸. */
const MAX_LAPLACE_EPSILON = 20;
/** J: bits of a magnitude. */
const MAGNITUDE_BITS = 24;
/** Clamping moves the mean by less than e⁻⁴⁰ of the noise's scale. */
const CLAMP_EXPONENT = 40;
/** A bound on the relative error of `lossOf`, both ways. */
const LOSS_ERROR = 2 ** -47;

/** The law of a magnitude: bits, lowest first, and whether it is beyond them. */
interface Magnitude {
  readonly bits: readonly Chance[];
  readonly beyond: Chance;
}

/**
 * Laplace of scale 2/ε. A report is an integer, in units of 1/G of a value. Variance next to 8/ε².
 *
 * @throws {TypeError | RangeError} if epsilon is out of its range.
 */
export function gridLaplace({ epsilon }: GridLaplaceOptions): MeanProtocol<number, number> {
  if (assertEpsilon(epsilon) > MAX_LAPLACE_EPSILON) {
    throw new RangeError(`epsilon must be in (0, ${MAX_LAPLACE_EPSILON}], got ${epsilon}`);
  }
  const reach = 2 ** MAGNITUDE_BITS;
  // So that rate·(reach − 2G) is 40: as fine a grid as the range allows.
  const grid = Math.max(1, Math.floor((epsilon * reach) / (2 * (epsilon + CLAMP_EXPONENT))));
  const rate = epsilon / (2 * grid);
  const magnitude = magnitudeOf(rate);
  const limit = reach - grid;
  return defineScalarMean({
    name: 'laplace',
    epsilon: 2 * grid * rate + deviation(magnitude, rate),
    randomise: (value, random) => {
      const point = scaleRandomly((value + 1) / 2, { steps: 2 * grid, random }) - grid;
      const noisy = point + drawNoise(magnitude, random);
      return Math.max(-limit, Math.min(limit, noisy));
    },
    isReport: (report): report is number =>
      Number.isInteger(report) && Math.abs(report as number) <= limit,
    decode: (report) => report / grid,
    variance: (value) => {
      const place = value * grid - Math.floor(value * grid);
      const noise = (2 * Math.exp(-rate)) / Math.expm1(-rate) ** 2;
      return (noise + place * (1 - place)) / grid ** 2;
    },
  });
}

/** P(m) ∝ e^(−rate·m), m ≥ 0, by its bits. */
function magnitudeOf(rate: number): Magnitude {
  const bits = Array.from({ length: MAGNITUDE_BITS }, (_, j) =>
    createChance(numeratorOf(1 / (1 + Math.exp(rate * 2 ** j)), 4), 4),
  );
  const beyond = createChance(numeratorOf(Math.exp(-rate * 2 ** MAGNITUDE_BITS), 4), 4);
  return { bits, beyond };
}

/**
 * How much the rounded coins may add to ε. Weights of two magnitudes that differ by D ≤ 2G have a
 * log-ratio of Σ ±λⱼ over the bits in which they differ, λⱼ the log-odds of bit j, where rate·D is the
 * same sum over rate·2^j. So it is at most rate·D + Σ |λⱼ − rate·2^j|. The part beyond counts as one
 * more bit: continued as a geometric law of its own, it is a law of which clamping is post-processing.
 */
function deviation({ bits, beyond }: Magnitude, rate: number): number {
  const odds = bits.map(({ numerator, whole }) => lossOf(whole - numerator, numerator));
  odds.push(lossOf(beyond.whole, beyond.numerator));
  return odds.reduce((sum, loss, j) => sum + Math.abs(loss - rate * 2 ** j) + LOSS_ERROR * loss, 0);
}

/** Two-sided noise. A minus zero is drawn anew, or 0 would count twice. */
function drawNoise({ bits, beyond }: Magnitude, random: Random): number {
  for (;;) {
    const isNegative = (random.uint32() & 1) === 1;
    let magnitude = beyond.happens(random) ? 2 ** MAGNITUDE_BITS : 0;
    for (const [j, bit] of bits.entries()) magnitude += bit.happens(random) ? 2 ** j : 0;
    if (magnitude > 0 || !isNegative) return isNegative ? -magnitude : magnitude;
  }
}
