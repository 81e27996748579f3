/**
 * The Piecewise mechanism for a number in [−1, 1], on a grid: a report is a cell of a wide interval,
 * more often one of a window around the value.
 *
 * Wang, Xiao, Yang, Zhao, Hui, Shin, Shin, Yu. "Collecting and analyzing multidimensional data with
 * local differential privacy", ICDE 2019, Alg. 2. The grid is ours.
 *
 * The paper's interval [−C, C] is cut into 2³² cells, and its window into a whole number W of them. A
 * report is uniform among the W cells with chance p, else uniform among the others, so two values give
 * one report with probabilities whose ratio is 1 or p(2³² − W)/((1 − p)W), of integers: the loss is
 * known exactly, and no report is a floating-point number. Which cell the window begins at is rounded at
 * random, which keeps the mean and, as a mixture of windows, the loss.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { assertEpsilon, defineScalarMean, isIndex, type MeanProtocol } from './protocol.ts';
import { scaleRandomly } from './rounding.ts';

/** Options of {@link piecewise}. */
export interface PiecewiseOptions {
  /** The ε aimed at, in (0, 20]. */
  readonly epsilon: number;
}

/** Cells of the interval. */
const CELLS = 2 ** 32;
/** Beyond it the window has too few cells to keep its share of them. */
const MAX_PIECEWISE_EPSILON = 20;

interface Windows {
  /** Cells W of the window. */
  readonly width: number;
  /** That the report is in the window. */
  readonly inside: Chance;
}

/**
 * Piecewise: with s = e^(ε/2), the window has a share 1/(s + 1) of the interval and is hit with chance
 * s/(s + 1). Variance next to x²/(s − 1) + (s + 3)/(3(s − 1)²). Best for ε above about 1.3.
 *
 * @throws {TypeError | RangeError} if epsilon is out of its range.
 */
export function piecewise({ epsilon }: PiecewiseOptions): MeanProtocol<number, number> {
  if (assertEpsilon(epsilon) > MAX_PIECEWISE_EPSILON) {
    throw new RangeError(`epsilon must be in (0, ${MAX_PIECEWISE_EPSILON}], got ${epsilon}`);
  }
  const share = 1 / (Math.exp(epsilon / 2) + 1);
  const width = Math.round(CELLS * share);
  const outside = numeratorOf(share);
  const inside = createChance((1n << 64n) - outside);
  const windows = { width, inside };
  const unit = 1 / meanOf(windows);
  return defineScalarMean({
    name: 'piecewise',
    epsilon: lossOf(inside.numerator * BigInt(CELLS - width), outside * BigInt(width)),
    randomise: (value, random) => drawCell(value, { ...windows, random }),
    isReport: (report): report is number => isIndex(report, CELLS),
    decode: (report) => unit * (report - (CELLS - 1) / 2),
    variance: (value) => unit ** 2 * secondMoment(value, windows) - value ** 2,
  });
}

function drawCell(
  value: number,
  { width, inside, random }: Windows & { readonly random: Random },
): number {
  const start = scaleRandomly((value + 1) / 2, { steps: CELLS - width, random });
  if (inside.happens(random)) return start + random.below(width);
  const other = random.below(CELLS - width);
  return other < start ? other : other + width;
}

/**
 * Mean of a report for the value 1, in cells from the middle. The window's middle is then at
 * u = (CELLS − W)/2; the other cells balance it around the middle of all, at −W·u/(CELLS − W).
 */
function meanOf({ width, inside }: Windows): number {
  const p = inside.probability;
  return (p * (CELLS - width) - (1 - p) * width) / 2;
}

/** Mean square of a report in cells from the middle, where the window's beginning is not rounded. */
function secondMoment(value: number, { width, inside }: Windows): number {
  const p = inside.probability;
  const middle = (value * (CELLS - width)) / 2;
  const square = middle ** 2 + (width ** 2 - 1) / 12;
  const others = ((CELLS * (CELLS ** 2 - 1)) / 12 - width * square) / (CELLS - width);
  return p * square + (1 - p) * others;
}
