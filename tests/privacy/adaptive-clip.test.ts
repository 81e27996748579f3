import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { createRandom } from '../../src/core/random.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import {
  type AdaptiveClip,
  adaptiveClip,
  appendBit,
  jointMechanism,
  nextClip,
  planJoint,
  readBits,
  updateNoiseMultiplier,
} from '../../src/privacy/adaptive-clip.ts';
import type { Relation } from '../../src/privacy/event.ts';
import { clipToLattice, latticeFor } from '../../src/privacy/lattice/clip.ts';
import { gaussianPlan } from '../../src/privacy/lattice/noise-plan.ts';
import { noiseNonce } from '../../src/privacy/lattice/noise-stream.ts';
import { itShared } from '../support/shared.ts';
import { deviation, PEER_ORDERS, poissonGaussian, rowsOf } from './accountants/support.ts';

const backend = await createBackend('reference');
afterAll(() => backend.close());

const GOLDEN = ['golden/dp_accounting.json'] as const;
const START = { clipNorm: 1, cohort: 200, relation: 'zero-out' } as const;

/** Clip norms of so many rounds in which every update has the same norm. */
function normsOver(
  rounds: number,
  { start, norm, noise }: { start: AdaptiveClip; norm: number; noise: () => number },
): number[] {
  const norms = [start.clipNorm];
  let state = start;
  for (let t = 0; t < rounds; t++) {
    const bit = norm <= state.clipNorm ? 0.5 : -0.5;
    state = nextClip(state, state.cohort * bit + state.countNoise * noise());
    norms.push(state.clipNorm);
  }
  return norms;
}

describe('the clip norm', () => {
  test('by hand: 30 of 40 unclipped, aim a half', () => {
    const state = adaptiveClip({ ...START, clipNorm: 2, cohort: 40 });
    // 30·½ − 10·½ = 10; f = 10/40 + ½ = ¾; 2·e^(−0.2·¼)
    expect(nextClip(state, 10).clipNorm).toBeCloseTo(2 * Math.exp(-0.05), 14);
    expect(state.countNoise).toBe(2);
  });

  test('shrinks where nothing is clipped, and grows where all is', () => {
    const state = adaptiveClip(START);
    expect(nextClip(state, 100).clipNorm).toBeCloseTo(Math.exp(-0.1), 14);
    expect(nextClip(state, -100).clipNorm).toBeCloseTo(Math.exp(0.1), 14);
    // Whatever noise adds: a share is one.
    expect(nextClip(state, 1e9)).toEqual(nextClip(state, 100));
    expect(nextClip(state, -1e9)).toEqual(nextClip(state, -100));
  });

  test.each([0.01, 100])('from %d finds norms of 1 within 60 rounds, and stays', (clipNorm) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { normal } = createRandom(seed);
      const norms = normsOver(1000, {
        start: adaptiveClip({ ...START, clipNorm }),
        norm: 1,
        noise: normal,
      });
      const settled = norms.slice(60);
      expect(Math.min(...settled), `seed ${seed}`).toBeGreaterThanOrEqual(0.5);
      expect(Math.max(...settled), `seed ${seed}`).toBeLessThanOrEqual(2);
    }
  });

  test('finds the quantile that is asked for', () => {
    const { normal, uniform } = createRandom(7);
    // Norms uniform in [0, 1]: the quantile 0.8 is 0.8.
    let state = adaptiveClip({ ...START, cohort: 1000, quantile: 0.8, clipNorm: 5 });
    const seen: number[] = [];
    for (let t = 0; t < 400; t++) {
      let bits = state.countNoise * normal();
      for (let i = 0; i < 1000; i++) bits += uniform() <= state.clipNorm ? 0.5 : -0.5;
      state = nextClip(state, bits);
      if (t >= 100) seen.push(state.clipNorm);
    }
    // Noise of f is 0.05, a step is 0.2·0.05 = 1 %: spread about 0.8·0.01/√(2·0.2·0.8) = 0.014.
    expect(seen.reduce((a, b) => a + b) / seen.length).toBeCloseTo(0.8, 1);
  });

  test('stops somewhere, were all updates zero, or of any length', () => {
    const start = adaptiveClip({ ...START, learningRate: 100 });
    const noise = () => 0;
    expect(normsOver(5, { start, norm: 0, noise }).at(-1)).toBe(2 ** -100);
    expect(normsOver(5, { start, norm: 1e38, noise }).at(-1)).toBe(2 ** 100);
    for (const clipNorm of [2 ** -100, 2 ** 100]) {
      expect(latticeFor(clipNorm, 2 ** 24).scale).toBeGreaterThan(0);
      expect(latticeFor(clipNorm, 1).scale).toBeGreaterThan(0);
    }
  });

  test.each([
    [{ clipNorm: 0 }, 'clipNorm must be above 0'],
    [{ clipNorm: 2 ** 101 }, 'clipNorm must be in [2^-100, 2^100]'],
    [{ cohort: 0 }, 'cohort must be above 0'],
    [{ quantile: 1 }, 'quantile must be in (0, 1)'],
    [{ quantile: Number.NaN }, 'quantile must be in (0, 1)'],
    [{ learningRate: -1 }, 'learningRate must be above 0'],
    [{ countNoise: 0 }, 'countNoise must be above 0'],
    [{ relation: 'none' as Relation }, 'relation must be one of'],
  ])('is refused for %o', (wrong, message) => {
    expect(() => adaptiveClip({ ...START, ...wrong })).toThrow(message);
  });

  test('takes numbers alone', () => {
    expect(() => nextClip(adaptiveClip(START), Number.NaN)).toThrow('bits must be a finite number');
  });
});

describe('the noise of updates', () => {
  test('is refused where bits alone cost as much', () => {
    const noisy = (countNoise: number, relation: Relation) =>
      adaptiveClip({ ...START, countNoise, relation });
    expect(() => updateNoiseMultiplier(noisy(0.5, 'zero-out'), 1)).toThrow(
      'countNoise must be above 0.5 for noise multiplier 1 under zero-out, got 0.5',
    );
    expect(() => updateNoiseMultiplier(noisy(1, 'replace-one'), 1)).toThrow('above 1 for');
    expect(updateNoiseMultiplier(noisy(1, 'zero-out'), 1)).toBeCloseTo(Math.sqrt(4 / 3), 14);
    expect(updateNoiseMultiplier(noisy(2, 'replace-one'), 1)).toBeCloseTo(Math.sqrt(4 / 3), 14);
  });

  itShared('and what is charged are those of a joint release', GOLDEN, ([file]) => {
    for (const { params, result, id } of rowsOf(file, 'adaptive_clipping_joint_release')) {
      const { z_target, sigma_b, z_delta, q, steps, delta } = params;
      const state = adaptiveClip({ ...START, countNoise: sigma_b, relation: 'add-remove' });
      expect(deviation(updateNoiseMultiplier(state, z_target), z_delta), id).toBeLessThan(1e-12);
      const plan = planJoint(state, { noiseMultiplier: z_target, bound: 2 ** 20 });
      const mechanism = jointMechanism(plan, 1000);
      if (mechanism.kind !== 'discrete-gaussian') throw new Error('another mechanism');
      const multiplier = mechanism.sigma / mechanism.sensitivity;
      // k is cut to a step, of thousands.
      expect(multiplier / z_target).toBeGreaterThanOrEqual(1);
      expect(multiplier / z_target).toBeLessThan(1 + 1e-5);
      const epsilonOf = (noiseMultiplier: number): number => {
        const accountant = new RdpAccountant({ orders: PEER_ORDERS });
        accountant.compose(poissonGaussian(noiseMultiplier, q), steps);
        return accountant.epsilon(delta);
      };
      const epsilon = epsilonOf(multiplier);
      // Never what z_D alone would say. Theirs is above the truth at fractional orders.
      expect(epsilon / epsilonOf(z_delta), id).toBeGreaterThan(1.001);
      expect(epsilon, id).toBeLessThanOrEqual(result.eps_rdp_joint);
      expect(epsilon, id).toBeGreaterThan(0.995 * result.eps_rdp_joint);
    }
  });
});

describe('rows with bits', () => {
  test('by hand: no row is longer, and none is moved farther than the plan says', () => {
    const state = adaptiveClip({ ...START, countNoise: 1, relation: 'replace-one' });
    const plan = planJoint(state, { noiseMultiplier: 0.6, bound: 30 });
    // w = 2·1/2 = 1: z_D = 0.6/√(1 − 0.36) = 0.75; σ = 0.75·2·30 = 45; k = ⌊45/2⌋ = 22.
    expect(plan).toMatchObject({ bit: 22, bound: 30 });
    expect(plan.sigma).toBeCloseTo(45, 8);
    expect(plan.countNoise).toBeCloseTo(45 / 44, 8);
    expect(plan.norm).toBeCloseTo(Math.sqrt(900 + 484), 10);
    expect(jointMechanism(plan, 7)).toMatchObject({ sensitivity: 2 * plan.norm, dimensions: 8 });
  });

  test('have the multiplier that is charged, or more, and no row outgrows its norm', () => {
    const relations = fc.constantFrom<Relation>('add-remove', 'zero-out', 'replace-one');
    fc.assert(
      fc.property(
        relations,
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        fc.double({ min: 1.001, max: 50, noNaN: true }),
        fc.integer({ min: 1000, max: 2 ** 22 }),
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
          minLength: 1,
          maxLength: 9,
        }),
        (relation, z, ratio, bound, entries) => {
          const state = adaptiveClip({ ...START, cohort: 1, relation, countNoise: z * ratio });
          const plan = planJoint(state, { noiseMultiplier: z, bound });
          const mechanism = jointMechanism(plan, entries.length);
          if (mechanism.kind !== 'discrete-gaussian') throw new Error('another mechanism');
          expect(mechanism.sigma / mechanism.sensitivity).toBeGreaterThanOrEqual(z);
          expect(plan.countNoise).toBeGreaterThanOrEqual(state.countNoise);
          const clipped = clipToLattice(Float32Array.from(entries), latticeFor(1, bound));
          const row = appendBit(clipped, plan);
          const square = row.reduce((sum, value) => sum + BigInt(value) ** 2n, 0n);
          const whole = BigInt(bound) ** 2n + BigInt(plan.bit) ** 2n;
          expect(square).toBeLessThanOrEqual(whole);
          // The norm that is charged is no less, rounded or not.
          expect(plan.norm ** 2).toBeGreaterThanOrEqual(Number(whole));
        },
      ),
      { numRuns: 500, seed: 3 },
    );
  });

  test('say who was clipped; a rejected row says nothing', () => {
    const lattice = latticeFor(1, 100);
    const bits = [
      [0.3, 0.4],
      [3, 4],
      [Number.NaN, 0],
      [0, 0],
    ].map((row) => [...appendBit(clipToLattice(Float32Array.from(row), lattice), { bit: 7 })]);
    // 60 and 80 are an edge that rounding down just misses.
    expect(bits).toEqual([
      [30, 40, 7],
      [59, 79, -7],
      [0, 0, 0],
      [0, 0, 7],
    ]);
  });

  test('give their sum back', () => {
    // 3·7 − 7 in two's complement, and −1 beside it.
    const { sums, bits } = readBits(Uint32Array.of(5, 0xffff_ffff, 14), { bit: 7 });
    expect([...sums]).toEqual([5, 0xffff_ffff]);
    expect(bits).toBe(1);
    expect(readBits(Uint32Array.of(-7), { bit: 7 }).bits).toBe(-0.5);
    expect(() => readBits(new Uint32Array(0), { bit: 7 })).toThrow('noisy must be a Uint32Array');
  });

  test.each([
    [{ countNoise: 1e9 }, { noiseMultiplier: 1, bound: 1000 }, 'for a bit to be a step'],
    [{ cohort: 1e6, countNoise: 2 }, { noiseMultiplier: 1, bound: 2 ** 20 }, 'in 32 bits'],
    [{}, { noiseMultiplier: 0, bound: 1000 }, 'noiseMultiplier must be above 0'],
    [{}, { noiseMultiplier: 1, bound: 0 }, 'bound must be in'],
  ])('are refused for %o with %o', (options, plan, message) => {
    expect(() => planJoint(adaptiveClip({ ...START, ...options }), plan)).toThrow(message);
  });

  test('lead the clip norm to norms of 1 with the noise of the lattice', async () => {
    const cohort = 40;
    const start = adaptiveClip({ clipNorm: 30, cohort, relation: 'replace-one' });
    const plan = planJoint(start, { noiseMultiplier: 1, bound: 2 ** 12 });
    const { draws } = gaussianPlan(plan.sigma);
    const key = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
    let state = start;
    const norms: number[] = [];
    for (let round = 0; round < 80; round++) {
      const lattice = latticeFor(state.clipNorm, plan.bound);
      const sum = new Int32Array(4);
      for (let i = 0; i < cohort; i++) {
        const update = new Float32Array(3);
        update[i % 3] = i % 2 === 0 ? 1 : -1;
        const row = appendBit(clipToLattice(update, lattice), plan);
        for (const [j, value] of row.entries()) sum[j]! += value;
      }
      const nonce = noiseNonce({ round, tensor: 0, purpose: 0 });
      const noisy = backend.addLatticeNoise(backend.words([sum]), { key, nonce, draws });
      state = nextClip(state, readBits(await backend.readWords(noisy), plan).bits);
      norms.push(state.clipNorm);
    }
    for (const norm of norms.slice(60)) {
      expect(norm).toBeGreaterThan(0.5);
      expect(norm).toBeLessThan(2);
    }
  });
});
