import { describe, expect, test } from 'vitest';
import { Engine } from '../src/backend/engine.ts';
import { addLatticeNoise } from '../src/backend/reference/lattice-noise.ts';
import { ReferenceKernels } from '../src/backend/reference/reference.ts';
import { PrivacyError, SecureError } from '../src/core/errors.ts';
import { createRandom } from '../src/core/random.ts';
import { gaussianEpsilon } from '../src/privacy/accountants/gaussian.ts';
import { RdpAccountant } from '../src/privacy/accountants/rdp.ts';
import { subkey } from '../src/privacy/lattice/noise-stream.ts';
import { roundAtRandom } from '../src/privacy/lattice/random-rounding.ts';
import { decodeSum, planEncoding } from '../src/secagg/encode.ts';
import { SLOTS } from '../src/secagg/suite.ts';
import {
  encodePrivately,
  planSecureNoise,
  type SecureNoise,
  type SecureNoiseOptions,
  shareSource,
} from '../src/secure-noise.ts';

const backend = new Engine(new ReferenceKernels());
const CONSTANTS = [77, 0xffff_0001] as const;
const CLIENTS = 12;
const DIMENSIONS = 3000;
const ENCODING = planEncoding({
  dimensions: DIMENSIONS,
  ringBits: 20,
  valueBits: 11,
  clip: 1,
  maxClients: CLIENTS,
  weights: 'uniform',
});
const OPTIONS: SecureNoiseOptions = {
  noiseMultiplier: 0.5,
  minSum: 10,
  corrupt: 2,
  relation: 'zero-out',
};

function keyOf(seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length: 32 }, () => random.below(256));
}

function updateOf(seed: number, norm = 1): Float32Array {
  const random = createRandom(1000 + seed);
  const raw = Float32Array.from({ length: DIMENSIONS }, () => random.normal());
  const length = Math.hypot(...raw);
  return raw.map((x) => (x * norm) / length);
}

/** A client's integers and its noise, each made by itself from its key. */
function partsOf(plan: SecureNoise, update: Float32Array, key: Uint8Array) {
  const { values } = roundAtRandom(update, plan.rounding, createRandom(subkey(key, 1)));
  const noise = new Uint32Array(DIMENSIONS);
  const { draws } = plan.noise;
  addLatticeNoise(noise, { key: subkey(key, 2), nonce: [0, 0, 0], draws }, 0);
  return { values, noise: new Int32Array(noise.buffer) };
}

async function roundOf(plan: SecureNoise) {
  const clients = Array.from({ length: CLIENTS }, (_, i) => ({
    update: updateOf(i),
    key: keyOf(i),
  }));
  const words = await Promise.all(
    clients.map(async (client) => {
      const input = { ...client, ctxConstants: CONSTANTS, backend };
      return (await encodePrivately(plan, input)).words;
    }),
  );
  const sum = new Uint32Array(SLOTS + DIMENSIONS);
  for (const row of words) for (const [j, word] of row.entries()) sum[j]! += word;
  const low = sum.map((word) => word & (2 ** ENCODING.ringBits - 1));
  const decoded = decodeSum(ENCODING, {
    words: low,
    survivors: CLIENTS,
    ctxConstants: CONSTANTS,
  });
  const parts = clients.map(({ update, key }) => partsOf(plan, update, key));
  return { decoded, parts };
}

for (const law of ['skellam', 'discrete-gaussian'] as const) {
  test(`a sum with ${law} noise is the plain sum and the sum of noise, to the last integer`, async () => {
    const plan = planSecureNoise(ENCODING, { ...OPTIONS, law });
    const { decoded, parts } = await roundOf(plan);
    const noise = Float64Array.from({ length: DIMENSIONS }, (_, j) =>
      parts.reduce((sum, part) => sum + part.noise[j]!, 0),
    );
    const exact = noise.map((n, j) => n + parts.reduce((sum, part) => sum + part.values[j]!, 0));
    expect(Array.from(decoded.integers)).toEqual(Array.from(exact));
    expect(decoded.totalWeight).toBe(CLIENTS);

    // Twelve shares where eight are counted on. Of D draws of variance V and kurtosis 3 + 1/V at most, the
    // mean square has a relative deviation of √((2 + 1/V)/D), and 6 of those are not met by chance.
    const wanted = (0.5 * ENCODING.limit) ** 2 * (12 / 8);
    const found = noise.reduce((sum, n) => sum + n * n, 0) / DIMENSIONS;
    expect(Math.abs(found / wanted - 1)).toBeLessThan(6 * Math.sqrt((2 + 1 / wanted) / DIMENSIONS));
    const mean = noise.reduce((sum, n) => sum + n, 0) / DIMENSIONS;
    expect(Math.abs(mean)).toBeLessThan(6 * Math.sqrt(wanted / DIMENSIONS));
  });
}

describe('the plan of noise', () => {
  test('sizes shares for the fewest honest survivors', () => {
    const { shares, local, rounding } = planSecureNoise(ENCODING, OPTIONS);
    expect(shares.honest).toBe(8);
    expect(shares.crowd).toEqual({ clients: 12, maxDropped: 2, maxColluding: 2 });
    expect(shares.modulus).toBe(2 ** 20);
    expect(rounding).toEqual({ scale: 1023, norm: 1023 });
    expect(local.law).toBe('skellam');
    // (½·1023)²/8, rounded up.
    expect(local.variance).toBeGreaterThanOrEqual(511.5 ** 2 / 8);
    expect(local.variance).toBeLessThan((511.5 ** 2 / 8) * (1 + 2 ** -40));
  });

  test('costs what Skellam noise of the target costs, and not less than normal noise', () => {
    const { event, shares } = planSecureNoise(ENCODING, OPTIONS);
    expect(event.relation).toBe('zero-out');
    expect(event.sampling).toEqual({ kind: 'none' });
    const { l1, l2 } = shares.norms;
    // Rounding lengthens rows: √(c² + d/4 + …), from 1023.
    expect(l2).toBeGreaterThan(1023);
    expect(l2).toBeLessThan(1023 * 1.04);
    const [accountant, direct] = [new RdpAccountant(), new RdpAccountant()];
    accountant.compose(event);
    const moved = { l1Sensitivity: l1, l2Sensitivity: l2 };
    const mechanism = { kind: 'skellam', variance: 511.5 ** 2, ...moved } as const;
    direct.compose({ mechanism, sampling: { kind: 'none' }, relation: 'zero-out' });
    const epsilon = accountant.epsilon(1e-6);
    expect(Math.abs(epsilon / direct.epsilon(1e-6) - 1)).toBeLessThan(1e-12);
    // Noise of σ = 511.5 for rows of L2 norm l2, were both real numbers.
    const normal = gaussianEpsilon(511.5 / l2, 1e-6);
    expect(epsilon).toBeGreaterThan(normal);
    expect(epsilon).toBeLessThan(1.25 * normal);
  });

  test('is for twice as much where a row may be another', () => {
    const both = (['zero-out', 'replace-one'] as const).map((relation) => {
      const accountant = new RdpAccountant();
      accountant.compose(planSecureNoise(ENCODING, { ...OPTIONS, relation }).event);
      return accountant.epsilon(1e-6);
    });
    expect(both[1]).toBeGreaterThan(1.9 * both[0]!);
  });

  test('is of the group where sums are of groups', () => {
    // The same noise for a group of 4 needs shares as much thicker as it is smaller.
    const group = planEncoding({ ...ENCODING, maxClients: 4 });
    const { shares } = planSecureNoise(group, { ...OPTIONS, minSum: 3, corrupt: 1 });
    expect(shares.honest).toBe(2);
    const whole = planSecureNoise(ENCODING, OPTIONS).shares;
    expect(shares.shareVariance / whole.shareVariance).toBeCloseTo(4, 9);
  });

  test('is refused without the noise of anybody honest, with other weights, or without room', () => {
    const refused = (options: Partial<SecureNoiseOptions>, encoding = ENCODING) => {
      try {
        planSecureNoise(encoding, { ...OPTIONS, ...options });
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(refused({ corrupt: 10 })).toMatchObject({ code: 'infeasible' });
    expect(refused({ minSum: 13 })).toBeInstanceOf(RangeError);
    expect(refused({ noiseMultiplier: 0 })).toBeInstanceOf(RangeError);
    expect(refused({ law: 'discrete-gaussian', noiseMultiplier: 0.005 })).toMatchObject({
      code: 'infeasible',
      message: expect.stringContaining('σ_local ≥ 2'),
    });
    const weighted = planEncoding({ ...ENCODING, weights: { maxWeight: 10 } });
    expect(refused({}, weighted)).toMatchObject({
      code: 'infeasible',
      message: expect.stringContaining('weights must be uniform'),
    });
    // 12·1023 fit into 15 bits, and noise besides does not.
    const narrow = planEncoding({ ...ENCODING, ringBits: 15 });
    const noRoom = refused({ noiseMultiplier: 1 }, narrow);
    expect(noRoom).toBeInstanceOf(SecureError);
    expect(noRoom).toMatchObject({
      code: 'overflow',
      message: expect.stringMatching(/^2\^b must be at least \d+ .*got b = 15/),
    });
    expect(refused({ noiseMultiplier: 1 }, planEncoding({ ...ENCODING, ringBits: 16 }))).toBe(
      undefined,
    );
    // Where all of the norm may be in one entry, the other inequality is the narrower one.
    const single = planEncoding({ ...ENCODING, dimensions: 1, ringBits: 16 });
    expect(refused({}, single)).toMatchObject({
      code: 'overflow',
      message: expect.stringContaining('b ≥ 17'),
    });
  });
});

describe('an update with noise', () => {
  const plan = planSecureNoise(ENCODING, OPTIONS);
  const input = { key: keyOf(1), ctxConstants: CONSTANTS, backend };

  test('is clipped to the norm', async () => {
    const { words, clipFactor } = await encodePrivately(plan, {
      ...input,
      update: updateOf(1, 10),
    });
    expect(clipFactor).toBeGreaterThan(0.0999);
    expect(clipFactor).toBeLessThanOrEqual(0.1);
    expect([...words.subarray(0, SLOTS)]).toEqual([1, ...CONSTANTS, 2 ** ENCODING.weightBits]);
    const within = await encodePrivately(plan, { ...input, update: updateOf(1, 0.5) });
    expect(within.clipFactor).toBe(1);
  });

  test('is refused if it is not finite or of another length, without a word of where', async () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const update = updateOf(1).with(3, wrong);
      await expect(encodePrivately(plan, { ...input, update })).rejects.toThrow(
        new SecureError('bad-update', 'an update must hold finite numbers'),
      );
    }
    const update = new Float32Array(3);
    await expect(encodePrivately(plan, { ...input, update })).rejects.toMatchObject({
      code: 'bad-update',
    });
  });

  test('needs a key that was not cleared', async () => {
    const cleared = { ...input, update: updateOf(1), key: new Uint8Array(32) };
    await expect(encodePrivately(plan, cleared)).rejects.toThrow('all zero');
    const short = { ...input, update: updateOf(1), key: new Uint8Array(31) };
    await expect(encodePrivately(plan, short)).rejects.toThrow(TypeError);
  });

  test('gets its share once', async () => {
    const source = shareSource(plan.noise, { key: keyOf(5), backend });
    const entries = new Uint32Array(8);
    await source.add(entries);
    expect(entries.some((word) => word !== 0)).toBe(true);
    await expect(source.add(entries)).rejects.toThrow(PrivacyError);
  });

  test('leaves the key to the caller, who clears it', async () => {
    const key = keyOf(9);
    const before = key.slice();
    await encodePrivately(plan, { ...input, update: updateOf(1), key });
    expect(key).toEqual(before);
  });
});
