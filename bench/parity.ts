/**
 * Every operation of a backend, in every regime, held against its meaning at the sizes where regimes
 * change. What the test suite does, in a form that travels to a machine without one.
 *
 * @module
 */

import type { Backend, Matrix, Ops, Regime } from '../src/backend/kernels.ts';
import type { Shape } from '../src/lab/bench/bench.ts';
import { normalRows } from '../src/lab/bench/data.ts';

/** One comparison. */
export interface ParityCase {
  readonly what: string;
  readonly rows: number;
  readonly cols: number;
  /** The regime that was asked for, and the kernels that ran. */
  readonly regime?: Regime;
  readonly kernels?: readonly string[];
  readonly ok: boolean;
  /** Largest error over what is allowed; 0 where equality to the bit is asked and found. */
  readonly worst: number;
}

/** What is compared. */
export interface ParityOptions {
  /** Numbers of rows. */
  readonly rows: readonly number[];
  readonly cols: number;
  readonly regimes: readonly Regime[];
  /** A backend, with a regime forced where one is given. */
  readonly make: (regime?: Regime) => Promise<Backend>;
  readonly reference: Backend;
  readonly onCase?: (found: ParityCase) => void;
}

/** Rows on both sides of every regime's border. */
export const BORDERS: readonly number[] = [
  1, 2, 3, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256, 1023, 1024, 1025,
];

/** Values cut off at each end, on both sides of the borders of streaming. */
const CUTS: readonly number[] = [1, 8, 9, 32, 33];

/**
 * A GPU rounds a weight, each term and the result (2⁻²⁴ each); sums are compensated, so that their own
 * error is of second order. The reference rounds once. As a share of Σ|weight · value|.
 */
const SUM = 4 * 2 ** -24;
/** Chunks of eight terms that are rounded three times, then compensated: 13 · 2⁻²⁴ at most. */
const ROW_SUM = 1e-6;

/** Compares, and gives every case; none is left out after a failure. */
export async function checkParity(options: ParityOptions): Promise<ParityCase[]> {
  const cases: ParityCase[] = [];
  const add = (found: ParityCase): void => {
    cases.push(found);
    options.onCase?.(found);
  };
  for (const regime of [undefined, ...options.regimes]) {
    const backend = await options.make(regime);
    try {
      for (const rows of options.rows) await checkRows(backend, { ...options, regime, rows, add });
    } finally {
      await backend.close();
    }
  }
  return cases;
}

interface Setting extends Omit<ParityOptions, 'rows' | 'regimes'> {
  readonly rows: number;
  readonly regime: Regime | undefined;
  readonly add: (found: ParityCase) => void;
}

async function checkRows(backend: Backend, setting: Setting): Promise<void> {
  const { rows, cols, regime, reference, add } = setting;
  for (const kind of ['normal', 'hostile', 'subnormal'] as const) {
    const data = rowsOf(kind, { n: rows, d: cols });
    const [x, y] = [backend.matrix(data), reference.matrix(data)];
    for (const { name, exact, selects, op } of operations(rows, regime !== undefined)) {
      if (kind === 'subnormal' && !selects) continue;
      const expression = op(backend, x);
      const got = await backend.read(expression);
      const wanted = await reference.read(op(reference, y));
      const worst = exact ? bitsApart(got, wanted) : sumsApart(got, wanted, data);
      const kernels = backend.explain(expression);
      const base = { what: `${name}, ${kind}`, rows, cols, ...(regime && { regime }) };
      add({ ...base, kernels, worst, ok: worst <= 1 });
    }
    if (regime === undefined && kind === 'normal') {
      for (const [what, worst] of await rowResults(backend, reference, { x, y })) {
        add({ what, rows, cols, worst, ok: worst <= 1 });
      }
    }
    backend.release(x);
  }
}

/**
 * `normal`; `hostile`: what attackers send and sorting stumbles over, ties, both zeros, the largest
 * numbers, infinities and NaN; `subnormal`: numbers that WGSL may take for zeros in arithmetic, though
 * not where values are merely selected.
 */
function rowsOf(kind: 'normal' | 'hostile' | 'subnormal', shape: Shape): Float32Array[] {
  if (kind === 'normal') return normalRows(shape, 3 + shape.n);
  const odd =
    kind === 'hostile'
      ? [0, -0, 1, 1, -1, 3.4e38, -3.4e38, Infinity, -Infinity, Number.NaN]
      : [0, -0, 1e-42, -1e-42, 1e-45, -1e-45, 1e-39];
  return normalRows(shape, 17 + shape.n).map((row, i) =>
    row.map((value, j) => ((i * 7 + j * 3) % 5 < 3 ? value : odd[(i * 5 + j * 11) % odd.length]!)),
  );
}

interface Operation {
  readonly name: string;
  /** Whether the result is one of the inputs, or an integer: equal to the bit. */
  readonly exact?: boolean;
  /** Whether no arithmetic touches the values. */
  readonly selects?: boolean;
  readonly op: (ops: Ops, x: Matrix) => Matrix;
}

function operations(n: number, onlyOrdered: boolean): Operation[] {
  const middle = n >> 1;
  const cuts = [...CUTS, Math.floor(n / 5), Math.floor(n / 3)].filter((b) => 2 * b < n);
  const median = (ops: Ops, x: Matrix): Matrix => ops.rankMean(x, middle, middle + 1);
  const ordered: Operation[] = [
    { name: 'lowest', exact: true, selects: true, op: (ops, x) => ops.rankMean(x, 0, 1) },
    { name: 'highest', exact: true, selects: true, op: (ops, x) => ops.rankMean(x, n - 1, n) },
    { name: 'middle', exact: true, selects: true, op: median },
    { name: 'both middles', op: (ops, x) => ops.rankMean(x, (n - 1) >> 1, middle + 1) },
    ...[...new Set(cuts)].map(
      (b): Operation => ({ name: `b = ${b}`, op: (ops, x) => ops.rankMean(x, b, n - b) }),
    ),
    ...[...new Set([1, Math.ceil(n / 2), n])].map((count): Operation => {
      const name = `nearest ${count}`;
      return {
        name,
        exact: count === 1,
        op: (ops, x) => ops.nearestMean(x, median(ops, x), count),
      };
    }),
  ];
  if (onlyOrdered) return ordered;
  const weights = Array.from({ length: n }, (_, i) => (i % 3 === 2 ? 0 : (i + 1) / n));
  const several = [0, 1, 2].map((k) => weights.map((weight, i) => (i % 4 === k ? 0 : -weight)));
  return [
    ...ordered,
    { name: 'combine', op: (ops, x) => ops.combine([weights], x) },
    { name: 'combine to three', op: (ops, x) => ops.combine(several, x) },
    { name: 'signs', exact: true, op: (ops, x) => ops.signSum(x) },
    {
      name: 'stack',
      exact: true,
      selects: true,
      op: (ops, x) => ops.stack(x, ops.select(x, [n - 1, 0])),
    },
    ...(n < 2 ? [] : [{ name: 'deviation', op: (ops: Ops, x: Matrix) => ops.deviation(x) }]),
  ];
}

/** 0 where all words are equal, Infinity where one is not. */
function bitsApart(got: Float32Array, wanted: Float32Array): number {
  const [a, b] = [wordsOf(got), wordsOf(wanted)];
  const same =
    a.length === b.length && b.every((word, k) => word === a[k] || bothNan(got[k]!, wanted[k]!));
  return same ? 0 : Number.POSITIVE_INFINITY;
}

function bothNan(a: number, b: number): boolean {
  return Number.isNaN(a) && Number.isNaN(b);
}

function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Largest error of sums of these columns, over what is allowed. */
function sumsApart(got: Float32Array, wanted: Float32Array, data: readonly Float32Array[]): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  const cols = data[0]!.length;
  const bounds = new Float64Array(cols);
  for (const row of data) {
    for (let j = 0; j < cols; j++) {
      const size = Math.abs(row[j]!);
      // What is not finite is either not in the result, or the result is not finite either.
      if (Number.isFinite(size)) bounds[j]! += size;
    }
  }
  let worst = 0;
  for (let k = 0; k < got.length; k++) {
    if (Object.is(got[k], wanted[k]) || bothNan(got[k]!, wanted[k]!)) continue;
    // One unit of the smallest subnormal for what is rounded there; f32 ends at 3.4e38.
    const error = Math.abs(got[k]! - wanted[k]!) / (SUM * bounds[k % cols]! + 2 ** -149);
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  }
  return worst;
}

async function rowResults(
  backend: Backend,
  reference: Backend,
  { x, y }: { x: Matrix; y: Matrix },
): Promise<[string, number][]> {
  const [screen, meant] = [await backend.screen(x), await reference.screen(y)];
  const [pairs, wanted] = [await backend.pairs(x), await reference.pairs(y)];
  const n = x.rows;
  const norms = meant.squaredNorms.map(Math.sqrt);
  const relative = (a: ArrayLike<number>, b: Float64Array, size = (k: number) => Math.abs(b[k]!)) =>
    b.reduce((worst, value, k) => {
      const error = Math.abs(a[k]! - value);
      return error === 0 ? worst : Math.max(worst, error / (ROW_SUM * size(k)));
    }, 0);
  const equal = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): number =>
    Array.from(b).every((value, k) => value === a[k]) ? 0 : Number.POSITIVE_INFINITY;
  return [
    ['screen: entries that are not finite', equal(screen.nonFinite, meant.nonFinite)],
    ['screen: fingerprints', equal(screen.fingerprints, meant.fingerprints)],
    ['screen: norms', relative(screen.squaredNorms, meant.squaredNorms)],
    ['pairs: distances', relative(pairs.squaredDistances, wanted.squaredDistances)],
    [
      'pairs: products',
      relative(pairs.products, wanted.products, (k) => norms[Math.floor(k / n)]! * norms[k % n]!),
    ],
  ];
}
