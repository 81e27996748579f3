/**
 * PrivUnit for unit vectors, by ranks: the report is one of N public random directions, more often one
 * of the K that are nearest to the vector.
 *
 * Bhowmick, Duchi, Freudiger, Kapoor, Rogers. "Protection against reconstruction and its applications in
 * private federated learning", 2018 (PrivUnit: a random direction, more often from a cap around the
 * vector). Directions from public randomness: Shah, Chen, Ballé, Kairouz, Theis. "Optimal compression of
 * locally differentially private mechanisms", AISTATS 2022.
 *
 * A direction drawn in floating point has no known privacy loss: which of them can occur depends on the
 * vector. Here the directions come from a public seed that knows nothing of the vector, and what is drawn
 * in secret is an index. The cap is the K best of N, a number that is the same for every vector, so the
 * loss is ln(p(N − K)/((1 − p)K)), of integers, for every seed. Rounding can change which directions are
 * the nearest, never the loss.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import { createRandom, type Random } from '../../core/random.ts';
import { binomialMass } from '../binomial.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { assertEpsilon, eachReport, isIndex, type MeanProtocol } from './protocol.ts';

/** Options of {@link privUnit}. */
export interface PrivUnitOptions {
  /** The ε aimed at, in (0, 12]. */
  readonly epsilon: number;
  /** Coordinates d, 2 … 2²⁴. */
  readonly dimensions: number;
  /** Directions N, 2 … 2¹⁶; about 4e^ε lose little. Default that, between 256 and 2¹⁴. */
  readonly candidates?: number;
}

/** Which of the directions of a public seed, four words, was drawn. */
export interface DirectionReport {
  readonly seed: readonly number[];
  readonly index: number;
}

const MAX_PRIV_UNIT_EPSILON = 12;
const MAX_CANDIDATES = 2 ** 16;
const SEED_WORDS = 4;
/** How far a norm may be from 1. */
const NORM_TOLERANCE = 1e-6;

/**
 * PrivUnit by ranks. Decoded to the direction over m, its mean length along the vector, computed to
 * about 10⁻⁶ of it. K is the one of least variance. A report takes N·d normal numbers, decoding d.
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function privUnit(options: PrivUnitOptions): MeanProtocol<Float64Array, DirectionReport> {
  const law = bestLaw(checkOptions(options));
  const { dimensions, candidates, inside, outside, cap, along, square } = law;
  const parts = {
    name: 'priv-unit',
    isReport: (report: unknown): report is DirectionReport => isDirection(report, candidates),
  };
  const decode = ({ seed, index }: DirectionReport): Float64Array =>
    direction(seed, { index, dimensions }).map((x) => x / along);
  return {
    ...parts,
    epsilon: lossOf(inside.numerator * BigInt(candidates - cap), outside * BigInt(cap)),
    decode,
    randomise: (value, random) => drawIndex(assertUnitVector(value, dimensions), { law, random }),
    estimate: (reports) => {
      const sum = new Float64Array(dimensions);
      const n = eachReport(reports, parts, (report) => {
        const one = decode(report);
        for (let j = 0; j < dimensions; j++) sum[j]! += one[j]!;
      });
      return sum.map((x) => x / n);
    },
    // The square across the vector is shared evenly by d − 1 coordinates.
    variance: (value) =>
      assertUnitVector(value, dimensions).map((x) => {
        const across = ((1 - x * x) * (1 - square)) / (dimensions - 1);
        return (x * x * square + across) / along ** 2 - x * x;
      }),
  };
}

interface Checked {
  readonly epsilon: number;
  readonly dimensions: number;
  readonly candidates: number;
}

/** How an index is drawn, and what its direction is like in the mean. */
interface IndexLaw extends Checked {
  /** K. */
  readonly cap: number;
  /** That the index is one of the K nearest. */
  readonly inside: Chance;
  /** Numerator of the rest. */
  readonly outside: bigint;
  /** Mean of ⟨direction, vector⟩, m. */
  readonly along: number;
  /** Mean of ⟨direction, vector⟩². */
  readonly square: number;
}

function checkOptions({ epsilon, dimensions, candidates }: PrivUnitOptions): Checked {
  if (assertEpsilon(epsilon) > MAX_PRIV_UNIT_EPSILON) {
    throw new RangeError(`epsilon must be in (0, ${MAX_PRIV_UNIT_EPSILON}], got ${epsilon}`);
  }
  assertInteger('dimensions', dimensions, 2, 2 ** 24);
  const enough = Math.min(2 ** 14, Math.max(256, Math.ceil(4 * Math.exp(epsilon))));
  return {
    epsilon,
    dimensions,
    candidates: assertInteger('candidates', candidates ?? enough, 2, MAX_CANDIDATES),
  };
}

/** The law of the cap size for which a report tells most: tried by quarters of powers of two. */
function bestLaw(checked: Checked): IndexLaw {
  const products = productLaw(checked.dimensions);
  let best: { cap: number; gain: number } = { cap: 1, gain: 0 };
  for (let size = 1; size < checked.candidates; size *= 2 ** 0.25) {
    const cap = Math.floor(size);
    const gain = capMean(products, cap / checked.candidates) * advantage(cap, checked);
    if (gain > best.gain) best = { cap, gain };
  }
  return lawOf(best.cap, { ...checked, products });
}

/** p − (1 − p)K/(N − K): how much more often a direction of the cap is drawn, times K. */
function advantage(cap: number, { epsilon, candidates }: Checked): number {
  const odds = cap * Math.exp(epsilon);
  return (cap * Math.expm1(epsilon)) / (odds + candidates - cap);
}

function lawOf(
  cap: number,
  { products, ...checked }: Checked & { readonly products: ProductLaw },
): IndexLaw {
  const { epsilon, dimensions, candidates } = checked;
  const others = candidates - cap;
  const outside = numeratorOf(others / (cap * Math.exp(epsilon) + others));
  const inside = createChance((1n << 64n) - outside);
  const p = inside.probability;
  const nearest = meansOfNearest(products, { cap, candidates });
  // The K nearest and the others have together the moments of N free directions: 0 and 1/d.
  const along = nearest.product * (p - ((1 - p) * cap) / others);
  const rest = (candidates / dimensions - cap * nearest.square) / others;
  return { ...checked, cap, inside, outside, along, square: p * nearest.square + (1 - p) * rest };
}

/** The law of t = ⟨z, u⟩ for a uniform direction z, on nodes; t falls. */
interface ProductLaw {
  readonly product: Float64Array;
  readonly mass: Float64Array;
  /** P(product > t). */
  readonly above: Float64Array;
}

const NODES = 8192;
/** Standard deviations, 1/√d, of the angle that are looked at: beyond is less than 10⁻³⁰. */
const REACH = 12;

/** The angle φ to u has density ∝ sin^(d−2) φ; t = cos φ. */
function productLaw(dimensions: number): ProductLaw {
  const half = Math.min(Math.PI / 2, REACH / Math.sqrt(dimensions));
  const product = new Float64Array(NODES);
  const mass = new Float64Array(NODES);
  for (let i = 0; i < NODES; i++) {
    // From the right angle; sin of the angle itself is the cosine of this.
    const offset = half * (1 - (2 * i + 1) / NODES);
    product[i] = Math.sin(offset);
    mass[i] = Math.cos(offset) ** (dimensions - 2);
  }
  const total = mass.reduce((a, b) => a + b);
  let sum = 0;
  const above = mass.map((value, i) => {
    mass[i] = value / total;
    sum += mass[i]!;
    // Half of a node's own mass lies above its middle.
    return sum - mass[i]! / 2;
  });
  return { product, mass, above };
}

/** Mean product of the nearest share of all directions; where many are drawn, of the K best of N. */
function capMean({ product, mass }: ProductLaw, share: number): number {
  let left = share;
  let sum = 0;
  for (let i = 0; i < product.length && left > 0; i++) {
    const taken = Math.min(left, mass[i]!);
    sum += taken * product[i]!;
    left -= taken;
  }
  return sum / share;
}

/**
 * Mean product, and mean square, of the K best of N independent directions: one with product t is among
 * them if fewer than K of the N − 1 others are above t.
 */
function meansOfNearest(
  { product, mass, above }: ProductLaw,
  { cap, candidates }: { readonly cap: number; readonly candidates: number },
): { readonly product: number; readonly square: number } {
  const sums = { weight: 0, product: 0, square: 0 };
  for (let i = 0; i < product.length; i++) {
    const weight = mass[i]! * fewerThan(cap, { trials: candidates - 1, chance: above[i]! });
    sums.weight += weight;
    sums.product += weight * product[i]!;
    sums.square += weight * product[i]! ** 2;
  }
  return { product: sums.product / sums.weight, square: sums.square / sums.weight };
}

/** P(X < k), X binomial: from the mass at k − 1 down, or from k up, whichever sum is the smaller. */
function fewerThan(k: number, law: { readonly trials: number; readonly chance: number }): number {
  const { trials, chance } = law;
  const odds = chance / (1 - chance);
  const isLow = k - 1 < trials * chance;
  let place = isLow ? k - 1 : k;
  let mass = binomialMass(place, law);
  let sum = 0;
  while (mass > sum * 2 ** -54) {
    sum += mass;
    mass *= isLow ? place / ((trials - place + 1) * odds) : ((trials - place) * odds) / (place + 1);
    place += isLow ? -1 : 1;
  }
  return isLow ? sum : 1 - sum;
}

function drawIndex(
  value: Float64Array,
  { law, random }: { readonly law: IndexLaw; readonly random: Random },
): DirectionReport {
  const { dimensions, candidates, cap, inside } = law;
  const seed = Array.from({ length: SEED_WORDS }, () => random.uint32());
  const products = Float64Array.from({ length: candidates }, (_, index) => {
    const z = direction(seed, { index, dimensions });
    return z.reduce((sum, x, j) => sum + x * value[j]!, 0);
  });
  const order = Array.from(products.keys()).sort((a, b) => products[b]! - products[a]! || a - b);
  const rank = inside.happens(random) ? random.below(cap) : cap + random.below(candidates - cap);
  return { seed, index: order[rank]! };
}

/** Direction `index` of a public seed: normal numbers from a stream of its own, to length 1. */
function direction(
  seed: readonly number[],
  { index, dimensions }: { readonly index: number; readonly dimensions: number },
): Float64Array {
  const key = new Uint8Array(32);
  const words = new DataView(key.buffer);
  for (const [i, word] of [...seed, index].entries()) words.setUint32(4 * i, word, true);
  const random = createRandom(key);
  const z = Float64Array.from({ length: dimensions }, () => random.normal());
  const norm = Math.sqrt(z.reduce((sum, x) => sum + x * x, 0));
  return z.map((x) => x / norm);
}

function assertUnitVector(value: Float64Array, dimensions: number): Float64Array {
  if (!(value instanceof Float64Array) || value.length !== dimensions) {
    throw new TypeError(
      `value must be a Float64Array of ${dimensions} numbers, got ${show(value)}`,
    );
  }
  const norm = Math.sqrt(value.reduce((sum, x) => sum + x * x, 0));
  if (!(Math.abs(norm - 1) <= NORM_TOLERANCE)) {
    throw new RangeError(`value must have norm 1, got ${norm}`);
  }
  return value;
}

function isDirection(report: unknown, candidates: number): report is DirectionReport {
  if (typeof report !== 'object' || report === null) return false;
  const { seed, index } = report as { seed?: unknown; index?: unknown };
  return (
    Array.isArray(seed) &&
    seed.length === SEED_WORDS &&
    seed.every((word) => isIndex(word, 2 ** 32)) &&
    isIndex(index, candidates)
  );
}
