/**
 * Two attacks on noise in floating point, shown on the noise for simulation, and what is left of them
 * on the lattice.
 *
 * Mironov. "On significance of the least significant bits for differential privacy", CCS 2012.
 * Haney, Desfontaines, Hartman, Shrestha, Hay. "Precision-based attacks and interval refining: how to
 * break, then fix, differential privacy on finite computers", arXiv:2207.13793.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend, SimulatedNoise } from '../../../src/backend/kernels.ts';
import { addSimulatedNoise } from '../../../src/backend/simulated/noise.ts';
import { clipToLattice, fromLattice, latticeFor } from '../../../src/privacy/lattice/clip.ts';
import { gaussianPlan, laplacePlan } from '../../../src/privacy/lattice/noise-plan.ts';
import { noiseNonce, subkey } from '../../../src/privacy/lattice/noise-stream.ts';
import { expectSameWords } from '../../support/words.ts';
import { expectChiSquare, normalCdf } from './statistics.ts';

const KEY = subkey(
  Uint8Array.from({ length: 32 }, (_, i) => 11 * i + 5),
  9,
);

/** P(|X| < x) for scale 1. */
const WITHIN: Record<SimulatedNoise['law'], (x: number) => number> = {
  gaussian: (x) => 2 * normalCdf(x) - 1,
  laplace: (x) => 1 - Math.exp(-x),
};
const laws = ['gaussian', 'laplace'] as const;
/** The emulated GPU is slow. */
const bodies = [
  ['reference', 2 ** 16],
  ['wasm', 2 ** 20],
  ['webgpu', 2 ** 18],
] as const;

function share(values: Float32Array, is: (value: number) => boolean): number {
  let count = 0;
  for (const value of values) if (is(value)) count++;
  return count / values.length;
}

describe.each(bodies)('noise in floating point on %s', (name, count) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend(name);
  });
  afterAll(() => backend?.close());

  /** `count` releases of one input, with noise of scale 1. */
  async function released(
    input: number,
    law: SimulatedNoise['law'],
    round: number,
  ): Promise<Float32Array> {
    const x = backend.matrix([new Float32Array(count).fill(input)]);
    const noise = { law, scale: 1, key: KEY, nonce: [round, 0, 0] } as const;
    return await backend.read(addSimulatedNoise(x, noise));
  }

  test.each(laws)(
    'of a %s law tells 0 from 1 by the last bits of a quarter of its results',
    async (law) => {
      // 1 + n is below ½ for n in (−1.5, −0.5), which are multiples of 2⁻²⁴, and so is the sum, exactly.
      const impossibleUnderOne = (y: number): boolean =>
        Math.abs(y) < 0.5 && !Number.isInteger(y * 2 ** 24);
      const zero = share(await released(0, law, 1), impossibleUnderOne);
      const one = share(await released(1, law, 2), impossibleUnderOne);
      expect(one).toBe(0);
      // In [2^−(k+1), 2^−k) a float has k bits beyond 2⁻²⁴.
      let expected = 0;
      for (let k = 1; k <= 24; k++) {
        expected += (WITHIN[law](2 ** -k) - WITHIN[law](2 ** -(k + 1))) * (1 - 2 ** -k);
      }
      expect(expected).toBeGreaterThan(0.25);
      // What is at stake is δ: 26 % of a Gaussian, 27 % of a Laplace law, whatever ε is.
      // In f32 a logarithm is a difference here and there, whose last bits are often zeros.
      const lost = name === 'reference' ? 0 : 0.01;
      const spread = 5 * Math.sqrt(0.2 / count);
      expect(zero).toBeLessThan(expected + spread);
      expect(zero).toBeGreaterThan(expected - lost - spread);
    },
  );

  test.each(laws)(
    "of a %s law keeps its input's last bit, where the result is shorter than the noise",
    async (law) => {
      // Noise in (−1.5, −1) is a multiple of 2⁻²³. So is the sum with ½, and no sum with ½ + 2⁻²⁴.
      const region = (y: number): boolean => y > -1 && y < -0.5;
      const isEven = (y: number): boolean => region(y) && Number.isInteger(y * 2 ** 23);
      const isOdd = (y: number): boolean => region(y) && !Number.isInteger(y * 2 ** 23);
      const half = await released(0.5, law, 3);
      const above = await released(0.5 + 2 ** -24, law, 4);
      expect(share(half, isOdd)).toBe(0);
      expect(share(above, isEven)).toBe(0);
      const expected = (WITHIN[law](1.5) - WITHIN[law](1)) / 2;
      expect(expected).toBeGreaterThan(0.07);
      for (const found of [share(half, isEven), share(above, isOdd)]) {
        expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(0.1 / count));
      }
    },
  );
});

describe('noise on the lattice', () => {
  const count = 2 ** 18;
  const lattice = latticeFor(1);
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend('wasm', { threads: 1 });
  });
  afterAll(() => backend?.close());

  const plans = [
    ['Gaussian', gaussianPlan(lattice.bound)],
    ['Laplace', laplacePlan(lattice.bound)],
  ] as const;
  type Plan = (typeof plans)[number][1];

  /** `count` releases of one input as integers, each with a lattice of its own. */
  async function released(input: number, { draws }: Plan, round: number): Promise<Int32Array> {
    const [value] = clipToLattice(Float32Array.of(input), lattice).values;
    const x = backend.words([new Int32Array(count).fill(value!)]);
    const nonce = noiseNonce({ round, tensor: 0, purpose: 0 });
    const words = await backend.readWords(backend.addLatticeNoise(x, { key: KEY, nonce, draws }));
    return new Int32Array(words.buffer);
  }

  test.each(plans)('of a %s law gives every integer of an interval', (_, { draws }) => {
    // What draws up to some level add up to has no gap if it is as wide as the next factor.
    let reach = 0;
    for (const { table, factor } of draws) {
      expect(2 * reach + 1).toBeGreaterThanOrEqual(factor);
      const first = table.weights.findIndex((weight) => weight > 0n);
      const own = table.offset - first;
      const possible = table.weights.slice(first, first + 2 * own + 1);
      expect(possible.every((weight) => weight > 0n)).toBe(true);
      reach += factor * own;
    }
    expect(reach).toBeGreaterThan(11.8 * lattice.bound);
  });

  test.each(plans)(
    'of a %s law has the same results for any two inputs, up to what is never drawn',
    async (_, plan) => {
      // Of inputs a bound apart, those of one that the other cannot give are beyond the last reach less
      // the bound: the last draw alone must then be that far out, which its table gives exactly.
      const { table, factor } = plan.draws.at(-1)!;
      const last = table.weights.findLastIndex((weight) => weight > 0n);
      const from = last - Math.ceil(lattice.bound / factor);
      const mass = table.weights.slice(from).reduce((sum, weight) => sum + weight, 0n);
      const log2 = mass.toString(2).length - 96 - table.log2Columns;
      // A quarter of the results, in floating point.
      expect(log2).toBeLessThan(-80);
      const reach = plan.draws.reduce(
        (sum, draw) =>
          sum + draw.factor * (draw.table.weights.findLastIndex((w) => w > 0n) - draw.table.offset),
        0,
      );
      for (const [input, other] of [
        [0, 1],
        [1, 0],
        [-1, 1],
      ] as const) {
        const center = clipToLattice(Float32Array.of(other), lattice).values[0]!;
        const results = await released(input, plan, 5);
        expect(results.every((y) => Math.abs(y - center) <= reach)).toBe(true);
      }
    },
  );

  test.each(plans)("of a %s law knows nothing of an input's last bits", async (_, plan) => {
    // Rounded before noise is added: the same integer, so that results are the same to the bit.
    const half = await released(0.5, plan, 6);
    expectSameWords(await released(0.5 + 2 ** -24, plan, 6), half);
    expectSameWords(await released(0.5 - 2 ** -25, plan, 6), half);
    // 0, −0 and what is subnormal are one input, too.
    const zero = await released(0, plan, 7);
    for (const tiny of [-0, 1e-45, -1e-45, 1e-8]) {
      expectSameWords(await released(tiny, plan, 7), zero);
    }
  });

  test.each(plans)(
    'of a %s law has last bits that are uniform for every input',
    async (_, plan) => {
      for (const [k, input] of [0, 2 ** -20, 0.5, 1].entries()) {
        const cells = Array.from({ length: 64 }, () => ({ count: 0, expected: count / 64 }));
        for (const y of await released(input, plan, 8 + k)) cells[y & 63]!.count++;
        expectChiSquare(cells);
      }
    },
  );

  test('is a multiple of the step in floats, too', async () => {
    const results = await released(0.25, plans[0][1], 20);
    const floats = fromLattice(new Uint32Array(results.buffer), lattice, 1);
    expect(floats.every((y, i) => y === Math.fround(results[i]! / lattice.scale))).toBe(true);
  });
});
