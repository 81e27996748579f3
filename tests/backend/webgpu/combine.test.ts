import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend } from '../../../src/backend/kernels.ts';
import { noise, randomRows } from '../parity.ts';

/** A shape whose last four columns are not all there. */
const [ROWS, COLS] = [7, 261];

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend('webgpu');
});
afterAll(() => backend?.close());

/** Holds every entry to its own terms, summed in f64. */
async function expectSums(rows: Float32Array[], weights: number[][]): Promise<void> {
  const got = await backend.read(backend.combine(weights, backend.matrix(rows)));
  for (const [k, row] of weights.entries()) {
    for (let j = 0; j < rows[0]!.length; j++) {
      // A row of weight 0 is not read.
      const terms = rows.flatMap((values, i) => (row[i] === 0 ? [] : [row[i]! * values[j]!]));
      const want = Math.fround(terms.reduce((sum, term) => sum + term, 0));
      const size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      // Rounded are the weight, the term and the sum; what is flushed is below 2⁻²⁴ of a rounding.
      const bound = 3.01 * 2 ** -24 * size + 2 ** -149;
      const entry = got[k * COLS + j]!;
      if (!(Object.is(entry + 0, want + 0) || Math.abs(entry - want) <= bound)) {
        expect.fail(`entry (${k}, ${j}) must be ${want} ± ${bound}, got ${entry}`);
      }
    }
  }
}

function randomWeights(outputs: number, scale = 1): number[][] {
  const next = noise(outputs);
  return Array.from({ length: outputs }, () => Array.from({ length: ROWS }, () => next() * scale));
}

describe('a combination', () => {
  test.each([1, 2, 3, 4, 5, 6, 9])(
    'of %i results keeps each to the rounding of its terms',
    async (m) => {
      await expectSums(randomRows(ROWS, COLS), randomWeights(m));
    },
  );

  test('leaves out rows of weight 0 result by result, infinite ones too', async () => {
    const rows = randomRows(ROWS, COLS);
    rows[2]!.fill(Number.POSITIVE_INFINITY);
    rows[5]![100] = Number.NaN;
    rows[5]![101] = Number.NEGATIVE_INFINITY;
    const weights = randomWeights(5).map((row, k) =>
      row.map((w, i) => (i === k || i === 2 ? 0 : w)),
    );
    weights[4]![2] = -1;
    await expectSums(rows, weights);
  });

  test('loses no small values beside rows of 3e38 that have no weight in it', async () => {
    const sizes = [1e-38, 3e37, 1e-30, 1, 1e-38, 1e-40, 1e30];
    const rows = randomRows(ROWS, COLS).map((row, i) => row.map((value) => value * sizes[i]!));
    const weights = [
      [1, 0, 0, 0, 1, 0, 0],
      [0, 1, 0, 0, 0, 0, 0.5],
      [0, 0, 1, 0, 0, 1, 0],
      [0, 0, 0, 0, 0.25, -3, 0],
      [0, 0, 0, 0, 0, 0, 0],
    ];
    await expectSums(rows, weights);
  });

  test('of values of 3e38 that cancel does not overflow midway', async () => {
    const signs = [1, 1, 1, -1, -1, -1, 1];
    const rows = randomRows(ROWS, COLS).map((row, i) =>
      row.map((value) => signs[i]! * (3.4e38 - Math.abs(value) * 1e36)),
    );
    await expectSums(rows, [
      [1, 1, 1, 1, 1, 1, 0],
      [1.5, 1, 1, 1.5, 1, 1, 0.01],
    ]);
  });

  test.each([1e-300, 1e-42, 1e-30, 1e30, 1e300])('with weights of %f is right', async (scale) => {
    await expectSums(randomRows(ROWS, COLS), randomWeights(2, scale));
  });

  test('with weights farther apart than f32 reaches is right', async () => {
    const sizes = [1e-30, 1, 1, 1e30, 1, 1, 1];
    const rows = randomRows(ROWS, COLS).map((row, i) => row.map((value) => value * sizes[i]!));
    await expectSums(rows, [
      [1e20, 0, 0, 1e-40, 0, 0, 0],
      [0, 1e20, 0, 1e-20, 0, 1e-200, 0],
    ]);
  });

  test('of columns of zeros is zero', async () => {
    await expectSums(
      Array.from({ length: ROWS }, () => new Float32Array(COLS)),
      randomWeights(2),
    );
  });

  test('of a view takes the rows of the view', async () => {
    const rows = randomRows(ROWS, COLS);
    const x = backend.select(backend.matrix(rows), [6, 1]);
    const got = await backend.read(
      backend.combine(
        [
          [1, 0],
          [0, 1],
        ],
        x,
      ),
    );
    expect(got).toEqual(Float32Array.of(...rows[6]!, ...rows[1]!));
  });
});
