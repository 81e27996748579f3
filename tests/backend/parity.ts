/**
 * The parity suite: every operation on a backend against its meaning, the reference. Runs under
 * Node and, through the browser's entry, in Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, Matrix, Ops } from '../../src/backend/kernels.ts';

type MakeBackend = (memory?: number) => Promise<Backend>;

/** Entries from a fixed generator (xorshift32), standard-normal-like; no two suites differ. */
export function noise(seed: number): () => number {
  let state = seed | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  return () => (next() + next() + next() + next() - 2) * 1.7;
}

export function randomRows(rows: number, cols: number, seed = 1): Float32Array[] {
  const next = noise(seed * 7919 + rows * 31 + cols);
  return Array.from({ length: rows }, () => Float32Array.from({ length: cols }, next));
}

/** How results are compared. */
interface Close {
  /** Allowed error, as a multiple of the sum of |weight · value| in the column. */
  readonly relative: number;
}

/**
 * A GPU rounds a weight (2⁻²⁴), each term (2⁻²⁴), and the result (2⁻²⁴); sums are compensated, their
 * own error is of second order. The reference rounds its result once. wasm rounds three sums more where
 * it adds in f32; the bounds that this is a multiple of are at least three times Σ|weight · value|.
 */
const SUM: Close = { relative: 4 * 2 ** -24 };

/** Roundings of a combination, in units of 2⁻²⁴ · Σ|weight · value|: one result, and one of several. */
const ROUNDINGS = {
  reference: { one: 1, several: 1 },
  wasm: { one: 6, several: 1 },
  webgpu: { one: 3, several: 3 },
} as const;

/** Operations whose result is an input value, or an integer: equal to the bit. */
const selections: [string, (ops: Ops, x: Matrix) => Matrix][] = [
  ['select', (ops, x) => ops.select(x, [x.rows - 1, 0])],
  ['stack', (ops, x) => ops.stack(x, ops.select(x, [0]))],
  ['rankMean, lowest', (ops, x) => ops.rankMean(x, 0, 1)],
  ['rankMean, highest', (ops, x) => ops.rankMean(x, x.rows - 1, x.rows)],
  ['rankMean, middle', (ops, x) => ops.rankMean(x, x.rows >> 1, (x.rows >> 1) + 1)],
  ['nearestMean of one', (ops, x) => ops.nearestMean(x, ops.select(x, [0]), 1)],
  ['signSum', (ops, x) => ops.signSum(x)],
];

/** Operations that add. */
const sums: [string, (ops: Ops, x: Matrix) => Matrix][] = [
  ['combine, equal', (ops, x) => ops.combine([Array(x.rows).fill(1 / x.rows)], x)],
  [
    'combine, several',
    (ops, x) => {
      const weights = [0, 1, 2].map((k) => Array.from({ length: x.rows }, (_, i) => i - k));
      return ops.combine(weights, x);
    },
  ],
  ['combine after select', (ops, x) => ops.combine([[0.5, -3]], ops.select(x, [x.rows - 1, 0]))],
  ['rankMean, all', (ops, x) => ops.rankMean(x, 0, x.rows)],
  ['rankMean, inner half', (ops, x) => ops.rankMean(x, x.rows >> 2, x.rows - (x.rows >> 2))],
  [
    'nearestMean around the median',
    (ops, x) => {
      const center = ops.rankMean(x, x.rows >> 1, (x.rows >> 1) + 1);
      return ops.nearestMean(x, center, Math.ceil(x.rows / 2));
    },
  ],
  ['deviation', (ops, x) => (x.rows < 2 ? ops.select(x, [0]) : ops.deviation(x))],
];

/** Shapes: 1, 2, workgroup ± 1, odd, several workgroups; rows on both sides of the network's end. */
const shapes: [number, number][] = [
  [1, 1],
  [2, 2],
  [3, 63],
  [5, 64],
  [8, 65],
  [17, 257],
  [33, 1000],
  [64, 129],
  [65, 129],
  [100, 257],
];

export function paritySuite(name: string, make: MakeBackend, reference: MakeBackend): void {
  describe(`parity of ${name} with the reference`, () => {
    let backend: Backend;
    let meaning: Backend;
    beforeAll(async () => {
      backend = await make();
      meaning = await reference();
    });
    afterAll(async () => {
      await backend?.close();
      await meaning?.close();
    });

    for (const [rows, cols] of shapes) {
      const data = randomRows(rows, cols);
      test(`${rows}×${cols}: selections are equal bit for bit`, async () => {
        for (const [what, op] of selections) {
          const [got, want] = await both(backend, meaning, data, op);
          expectSameWords(got, want, what);
        }
      });

      test(`${rows}×${cols}: sums agree to the rounding of their terms`, async () => {
        for (const [what, op] of sums) {
          const [got, want] = await both(backend, meaning, data, op);
          expectClose(got, want, { what, bounds: columnBounds(data, rows) });
        }
      });

      test(`${rows}×${cols}: screen and pairs agree`, async () => {
        await expectSameRowResults(backend, meaning, data);
      });
    }

    for (const rows of [1, 7, 8, 9, 64, 65]) {
      test(`combinations of ${rows} rows err by the stated roundings of their terms`, async () => {
        const data = randomRows(rows, 300, 21);
        const next = noise(rows);
        const weights = [0, 1, 2, 3].map(() => Array.from({ length: rows }, next));
        const x = backend.matrix(data);
        const { one, several } = ROUNDINGS[backend.info.name];
        expectRounded(await backend.read(backend.combine([weights[0]!], x)), {
          data,
          weights: [weights[0]!],
          roundings: one,
        });
        expectRounded(await backend.read(backend.combine(weights, x)), {
          data,
          weights,
          roundings: several,
        });
      });
    }

    test('ties, duplicates and signed zeros select the same values', async () => {
      const next = noise(5);
      const data = Array.from({ length: 12 }, (_, i) =>
        Float32Array.from({ length: 200 }, () => (i === 11 ? -0 : Math.round(next()))),
      );
      for (const [what, op] of selections) {
        const [got, want] = await both(backend, meaning, data, op);
        expectSameWords(got, want, what);
      }
    });

    test('a window of equal distances keeps the lower values', async () => {
      // Around 0: −1 and 1 are equally far; of {−2, −1, 1, 2} the three nearest are −2, −1, 1.
      const data = [2, -1, 1, -2].map((value) => Float32Array.of(value));
      const op = (ops: Ops, x: Matrix): Matrix =>
        ops.nearestMean(x, ops.matrix([Float32Array.of(0)]), 3);
      const [got, want] = await both(backend, meaning, data, op);
      expect([...want]).toEqual([Math.fround(-2 / 3)]);
      expectClose(got, want, { what: 'nearestMean', bounds: [5] });
    });

    test('distances that round to one are equal: the lower value is kept', async () => {
      // From 0.5 both of the first two are 1.1 away, after rounding; with 0.6 the lower one adds to 0.
      const upper = Math.fround(-0.6) - 2 ** -24;
      const lower = Math.fround(-0.6) - 2 ** -23;
      expect(Math.fround(0.5 - lower)).toBe(Math.fround(0.5 - upper));
      const data = [lower, upper, -lower].map((value) => Float32Array.of(value));
      const op = (ops: Ops, x: Matrix): Matrix =>
        ops.nearestMean(x, ops.matrix([Float32Array.of(0.5)]), 2);
      const [got, want] = await both(backend, meaning, data, op);
      expect([...want]).toEqual([0]);
      expect([...got]).toEqual([0]);
    });

    test.each([
      [
        'an infinite center ties all that is finite with the other infinity',
        Number.POSITIVE_INFINITY,
      ],
      ['a finite center puts both infinities last, the lower one first', 1],
      ['a center that is no number ties all', Number.NaN],
    ])('%s', async (_, center) => {
      const { NEGATIVE_INFINITY, POSITIVE_INFINITY, NaN: nan } = Number;
      const column = [nan, 1, POSITIVE_INFINITY, 2, POSITIVE_INFINITY, NEGATIVE_INFINITY, nan];
      // The second is long enough for a search.
      for (const copies of [1, 11]) {
        const data = Array.from({ length: copies }, () => column).flat();
        for (let count = 1; count <= data.length; count += copies) {
          const op = (ops: Ops, x: Matrix): Matrix =>
            ops.nearestMean(x, ops.matrix([Float32Array.of(center)]), count);
          const rows = data.map((value) => Float32Array.of(value));
          const [got, want] = await both(backend, meaning, rows, op);
          expect([...got], `${count} of ${data.length}`).toEqual([...want]);
        }
      }
    });

    test('weights of any size neither overflow nor vanish', async () => {
      const data = [1e30, 1e30, 1e-30].map((value) => Float32Array.of(value));
      const cases: [number[], number][] = [
        [[1e300, -1e300, 0], 0],
        [[Number.MAX_VALUE, 0, 0], Number.POSITIVE_INFINITY],
        [[-Number.MAX_VALUE, 0, 0], Number.NEGATIVE_INFINITY],
        [[1e-60, 0, 0], Math.fround(Math.fround(1e30) * 1e-60)],
        [[Number.MIN_VALUE, 1e-310, -1e-300], 0],
      ];
      for (const [weights, want] of cases) {
        for (const ops of [backend, meaning]) {
          const [got] = await ops.read(ops.combine([weights], ops.matrix(data)));
          // A GPU rounds the weight, the term and the result.
          const close = want === got || Math.abs(got! - want) <= 4 * 2 ** -24 * Math.abs(want);
          expect(close, `${ops.info.name}: ${weights} must give ${want}, gave ${got}`).toBe(true);
        }
      }
    });

    test('weights whose product leaves f64 are applied one after the other', async () => {
      const op = (ops: Ops, x: Matrix): Matrix =>
        ops.combine(
          [[1e200, -1e200]],
          ops.combine(
            [
              [1e200, 0],
              [0, 1e200],
            ],
            x,
          ),
        );
      const [got, want] = await both(
        backend,
        meaning,
        [Float32Array.of(0), Float32Array.of(0)],
        op,
      );
      expect([...want]).toEqual([0]);
      expect([...got]).toEqual([0]);
    });

    test('a row that is selected twice is two rows, infinite or not', async () => {
      const data = [Float32Array.of(Number.POSITIVE_INFINITY, 1)];
      for (const ops of [backend, meaning]) {
        const { products } = await ops.pairs(ops.select(ops.matrix(data), [0, 0]));
        expect([...products]).toEqual([Infinity, Number.NaN, Number.NaN, Infinity]);
      }
    });

    for (const scale of [1e-38, 1e-30, 1e30, 3e37]) {
      test(`values around ${scale} neither overflow nor vanish`, async () => {
        const data = randomRows(9, 130, 3).map((row) => row.map((value) => value * scale));
        for (const [what, op] of sums) {
          const [got, want] = await both(backend, meaning, data, op);
          expectClose(got, want, { what, bounds: columnBounds(data, 9) });
        }
        await expectSameRowResults(backend, meaning, data);
      });
    }

    test.each([16, 17, 64, 65, 128, 129, 300])('pairs of %i rows agree', async (rows) => {
      await expectSameRowResults(backend, meaning, randomRows(rows, 41, 13));
    });

    test('rows of all sizes, over several tiles of pairs, agree', async () => {
      const sizes = [1e-44, 1e-38, 1e-9, 1, 1e20, 1e38];
      const data = randomRows(70, 150, 14).map((row, i) =>
        i === 33 ? row.fill(0) : row.map((value) => value * sizes[i % sizes.length]!),
      );
      await expectSameRowResults(backend, meaning, data);
    });

    test('rows whose entries grow and shrink by forty orders agree', async () => {
      const data = randomRows(5, 4100, 16).map((row, i) =>
        row.map((value, j) => value * 10 ** (20 * Math.sin(j / 700 + i))),
      );
      await expectSameRowResults(backend, meaning, data);
    });

    test('distances over many equal columns lose nothing', async () => {
      // 128 sums of 32 squares of 525/1024, added plainly in f32, end 1.9e-6 too low or high.
      const c = 525 / 1024;
      const data = Array.from({ length: 64 }, (_, i) => new Float32Array(4096).fill(i % 2 ? c : 0));
      const { squaredDistances } = await backend.pairs(backend.matrix(data));
      expectRelative(squaredDistances[1]!, 4096 * c * c, 'distance (0, 1)');
    });

    test('rows of subnormal numbers agree', async () => {
      const data = randomRows(6, 150, 15).map((row) => row.map((value) => value * 1e-42));
      await expectSameRowResults(backend, meaning, data);
    });

    test('a row of 3e38 beside rows of 1e-38 leaves the distances of the small ones alone', async () => {
      const data = randomRows(7, 300, 4).map((row, i) =>
        row.map((value) => value * [1e-38, 1, 1e38][i % 3]!),
      );
      await expectSameRowResults(backend, meaning, data);
    });

    test('rows alike but for a last trace keep their distance', async () => {
      const base = randomRows(1, 500, 6)[0]!.map((value) => value * 1e30);
      const near = base.slice();
      base[17] = 1e-10;
      near[17] = 2e-10;
      const far = near.map((value, j) => (j % 50 === 0 ? value * 1.0000002 : value));
      await expectSameRowResults(backend, meaning, [base, near, far, base.slice()]);
    });

    test('infinite rows are far from all others, and stay out of sums that do not want them', async () => {
      const data = randomRows(6, 70, 8);
      data[2]!.fill(Number.POSITIVE_INFINITY);
      data[4]![69] = Number.NEGATIVE_INFINITY;
      const x = backend.matrix(data);
      const y = meaning.matrix(data);
      const [got, want] = [await backend.pairs(x), await meaning.pairs(y)];
      for (const pair of [1, 2, 6 * 2 + 4, 6 * 4 + 5]) {
        expect(Number.isFinite(got.squaredDistances[pair])).toBe(
          Number.isFinite(want.squaredDistances[pair]),
        );
      }
      expect(got.squaredDistances[2]).toBe(Number.POSITIVE_INFINITY);
      expect(got.products[2 * 6 + 2]).toBe(Number.POSITIVE_INFINITY);
      expect(got.products[2]).toBeNaN();
      const trimmed = (ops: Ops, m: Matrix): Matrix => ops.rankMean(m, 2, 4);
      const kept = (ops: Ops, m: Matrix): Matrix => ops.combine([[1, 1, 0, 1, 0, 1]], m);
      const all = (ops: Ops, m: Matrix): Matrix => ops.combine([[1, 1, -1, 1, 0, 1]], m);
      for (const op of [trimmed, kept]) {
        const [a, b] = await both(backend, meaning, data, op);
        expectClose(a, b, { what: 'finite part', bounds: Array(70).fill(20) });
      }
      const [a, b] = await both(backend, meaning, data, all);
      expect([...a]).toEqual([...b]);
      expect((await backend.screen(x)).nonFinite).toEqual(Uint32Array.of(0, 0, 70, 0, 1, 0));
    });

    test('NaN of either sign is counted by its bits and sorts last', async () => {
      const data = randomRows(5, 66, 9);
      const bits = new Uint32Array(data[1]!.buffer);
      bits[3] = 0x7fc00000;
      bits[4] = 0xffc00001;
      bits[5] = 0x7f800001;
      expect(await backend.countNonFinite(backend.matrix(data))).toEqual(
        Uint32Array.of(0, 3, 0, 0, 0),
      );
      const lower = (ops: Ops, x: Matrix): Matrix => ops.rankMean(x, 3, 4);
      const [got, want] = await both(backend, meaning, data, lower);
      expectSameWords(got, want, 'rank 3');
    });

    test('the shard size changes no bit', async () => {
      // Three blocks, the last of them narrow and odd.
      const [rows, cols] = [3, 131_149];
      const data = randomRows(rows, cols, 11);
      // All rows of a row operation's block, and of a nearestMean with its center and its result.
      const small = await make(4 * 65_536 * (rows + 1));
      try {
        const x = backend.matrix(data);
        const y = small.matrix(data);
        for (const [what, op] of [...selections, ...sums]) {
          const whole = await backend.read(op(backend, x));
          expectSameWords(await small.read(op(small, y)), whole, what);
        }
        expect(await small.pairs(y)).toEqual(await backend.pairs(x));
        expect(await small.screen(y)).toEqual(await backend.screen(x));
        expect(small.peakTileBytes).toBeLessThan(backend.peakTileBytes);
      } finally {
        await small.close();
      }
    });

    test('two runs are equal bit for bit', async () => {
      const data = randomRows(20, 5000, 12);
      const run = async (): Promise<unknown> => {
        const x = backend.matrix(data);
        const results = await Promise.all(sums.map(([, op]) => backend.read(op(backend, x))));
        return [results.map(words), await backend.pairs(x), await backend.screen(x)];
      };
      expect(await run()).toEqual(await run());
    });
  });
}

async function both(
  backend: Backend,
  meaning: Backend,
  data: Float32Array[],
  op: (ops: Ops, x: Matrix) => Matrix,
): Promise<[Float32Array, Float32Array]> {
  const got = await backend.read(op(backend, backend.matrix(data)));
  return [got, await meaning.read(op(meaning, meaning.matrix(data)))];
}

function words(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

function expectSameWords(got: Float32Array, want: Float32Array, what: string): void {
  const [a, b] = [words(got), words(want)];
  const at = b.findIndex((word, k) => a[k] !== word);
  if (a.length !== b.length || at >= 0) {
    expect.fail(`${what}: entry ${at} of ${b.length} must be ${want[at]}, got ${got[at]}`);
  }
}

/** Holds combinations to sums in f64, whose own error is of another order. */
function expectRounded(
  got: Float32Array,
  {
    data,
    weights,
    roundings,
  }: { data: Float32Array[]; weights: readonly number[][]; roundings: number },
): void {
  const cols = data[0]!.length;
  for (const [k, row] of weights.entries()) {
    for (let j = 0; j < cols; j++) {
      const terms = row.map((weight, i) => weight * data[i]![j]!);
      const want = terms.reduce((sum, term) => sum + term, 0);
      const size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      const error = Math.abs(got[k * cols + j]! - want);
      // What is of second order: fewer than a hundred terms, each of some 2⁻⁴⁸.
      const allowed = roundings * 2 ** -24 * size * (1 + 2 ** -17);
      if (!(error <= allowed)) {
        expect.fail(`result ${k}, column ${j}: off by ${error} of ${allowed}`);
      }
    }
  }
}

/** Σ|x| of each column, times the largest weight in use. */
function columnBounds(data: Float32Array[], largestWeight: number): number[] {
  return Array.from(data[0]!, (_, j) =>
    data.reduce((sum, row) => sum + Math.abs(row[j]!) * Math.max(3, largestWeight), 0),
  );
}

function expectClose(
  got: Float32Array,
  want: Float32Array,
  { what, bounds }: { what: string; bounds: number[] },
): void {
  expect(got.length, what).toBe(want.length);
  for (const [k, value] of want.entries()) {
    // One unit of the smallest subnormal for results that are rounded there.
    const allowed = SUM.relative * bounds[k % bounds.length]! + 2 ** -149;
    const error = value === got[k] ? 0 : Math.abs(got[k]! - value);
    if (!(error <= allowed)) {
      expect.fail(`${what}: entry ${k} must be ${value} ± ${allowed}, got ${got[k]}`);
    }
  }
}

/**
 * Distances to 1e-6 of themselves; products to 1e-6 of the rows' norms. (A difference is rounded and
 * counts twice in its square, which is rounded; eight such terms are added, then four of those sums
 * to what is left of the compensated one, which adds two roundings: 2 + 1 + 7 + 4 + 2 = 16 times
 * 2⁻²⁴ is 9.5e-7.)
 */
async function expectSameRowResults(
  backend: Backend,
  meaning: Backend,
  data: Float32Array[],
): Promise<void> {
  const n = data.length;
  const [x, y] = [backend.matrix(data), meaning.matrix(data)];
  const [got, want] = [await backend.pairs(x), await meaning.pairs(y)];
  const [screen, meant] = [await backend.screen(x), await meaning.screen(y)];
  expect(screen.fingerprints).toEqual(meant.fingerprints);
  expect(screen.nonFinite).toEqual(meant.nonFinite);
  for (let i = 0; i < n; i++) {
    expectRelative(screen.squaredNorms[i]!, meant.squaredNorms[i]!, `norm ${i}`);
    for (let j = 0; j < n; j++) {
      const at = i * n + j;
      const where = `(${i}, ${j})`;
      expectRelative(got.squaredDistances[at]!, want.squaredDistances[at]!, `distance ${where}`);
      const norms = Math.sqrt(meant.squaredNorms[i]!) * Math.sqrt(meant.squaredNorms[j]!);
      const error = Math.abs(got.products[at]! - want.products[at]!);
      if (!(error <= 1e-6 * norms)) {
        expect.fail(`product ${where} must be ${want.products[at]}, got ${got.products[at]}`);
      }
    }
  }
}

function expectRelative(got: number, want: number, what: string): void {
  if (!(Math.abs(got - want) <= 1e-6 * Math.abs(want))) {
    expect.fail(`${what} must be ${want}, got ${got}`);
  }
}
