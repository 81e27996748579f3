/**
 * Duchi's mechanism for a vector of numbers in [−1, 1]: a report is a sign for each coordinate, and ε is
 * that of the whole vector.
 *
 * Duchi, Jordan, Wainwright. "Minimax optimal procedures for locally private estimation", JASA 2018,
 * §4.2.3; constants as in Wang et al., ICDE 2019, Alg. 3.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { part } from './duchi.ts';
import { assertEpsilon, assertUnit, eachReport, type MeanProtocol } from './protocol.ts';

/** Options of {@link duchiVector}. */
export interface DuchiVectorOptions {
  /** The ε aimed at for all coordinates together, in (0, 40]. */
  readonly epsilon: number;
  /** Coordinates d, 1 … 2²⁴. */
  readonly dimensions: number;
}

const MAX_DIMENSIONS = 2 ** 24;

/**
 * Duchi d-D: a random corner v of the cube with mean x, then a report uniform among the corners t with
 * ⟨t, v⟩ ≥ 0, with chance p next to e^ε/(e^ε + 1), or else among those with ⟨t, v⟩ ≤ 0. Decoded to B·t;
 * each coordinate's variance is B² − x², B about √(πd/2)·(e^ε + 1)/(e^ε − 1).
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function duchiVector({
  epsilon,
  dimensions,
}: DuchiVectorOptions): MeanProtocol<Float64Array, Int8Array> {
  assertEpsilon(epsilon);
  assertInteger('dimensions', dimensions, 1, MAX_DIMENSIONS);
  const against = numeratorOf(1 / (Math.exp(epsilon) + 1));
  const along = createChance((1n << 64n) - against);
  const size = cornerFactor(dimensions) * (2 ** 64 / Number(along.numerator - against));
  const parts = {
    name: 'duchi-vector',
    isReport: (report: unknown): report is Int8Array => isCorner(report, dimensions),
  };
  return {
    ...parts,
    epsilon: lossOf(along.numerator, against),
    randomise: (value, random) =>
      randomCorner(cornerOf(assertVector(value, dimensions), random), { along, random }),
    decode: (report) => Float64Array.from(report, (sign) => sign * size),
    estimate: (reports) => {
      const sum = new Float64Array(dimensions);
      const n = eachReport(reports, parts, (report) => {
        for (let j = 0; j < dimensions; j++) sum[j]! += report[j]!;
      });
      return sum.map((signs) => (signs * size) / n);
    },
    variance: (value) => assertVector(value, dimensions).map((x) => size ** 2 - x ** 2),
  };
}

/** A corner of the cube, each sign by itself, with mean `value`. */
function cornerOf(value: Float64Array, random: Random): Int8Array {
  return Int8Array.from(value, (x) => (createChance(part(x, 1n << 64n)).happens(random) ? 1 : -1));
}

/**
 * Uniform among the corners on one closed side of v. Corners are tried until one lies there: which v it
 * is does not change how many are needed, since turning v turns all corners.
 */
function randomCorner(
  v: Int8Array,
  { along, random }: { readonly along: Chance; readonly random: Random },
): Int8Array {
  const side = along.happens(random) ? 1 : -1;
  const corner = new Int8Array(v.length);
  for (;;) {
    const product = drawCorner(corner, { v, random });
    if (product * side >= 0) return corner;
  }
}

/** Fills `corner` with fair signs, a bit of the stream for each; its product with v. */
function drawCorner(
  corner: Int8Array,
  { v, random }: { readonly v: Int8Array; readonly random: Random },
): number {
  let bits = 0;
  let product = 0;
  for (let j = 0; j < corner.length; j++) {
    bits = j % 32 === 0 ? random.uint32() : bits >>> 1;
    corner[j] = (bits & 1) === 1 ? 1 : -1;
    product += corner[j]! * v[j]!;
  }
  return product;
}

/**
 * C: what a corner uniform on one side of v must be multiplied with to have mean v. With the central
 * term m = binom(2h, h)/4^h it is 1/m for d = 2h + 1, and (1 + m)/m for d = 2h, where corners with
 * product 0 belong to both sides.
 */
function cornerFactor(dimensions: number): number {
  const h = Math.floor(dimensions / 2);
  let central = 1;
  for (let i = 1; i <= h; i++) central *= (2 * i - 1) / (2 * i);
  return dimensions % 2 === 1 ? 1 / central : (1 + central) / central;
}

function assertVector(value: Float64Array, dimensions: number): Float64Array {
  if (!(value instanceof Float64Array) || value.length !== dimensions) {
    throw new TypeError(
      `value must be a Float64Array of ${dimensions} numbers, got ${show(value)}`,
    );
  }
  for (const x of value) assertUnit(x);
  return value;
}

function isCorner(report: unknown, dimensions: number): report is Int8Array {
  return (
    report instanceof Int8Array &&
    report.length === dimensions &&
    report.every((sign) => sign === 1 || sign === -1)
  );
}
