import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SecureError } from '../../src/core/errors.ts';
import { createRandom } from '../../src/core/random.ts';
import { quantized } from '../../src/core/stochastic-rounding.ts';
import {
  decodeSum,
  type EncodingOptions,
  type EncodingPlan,
  encodeUpdate,
  planEncoding,
  slotsOk,
  weightOf,
  withSlots,
} from '../../src/secagg/encode.ts';
import { SLOTS } from '../../src/secagg/suite.ts';

const OPTIONS: EncodingOptions = {
  dimensions: 5,
  ringBits: 24,
  valueBits: 16,
  clip: 2,
  maxClients: 100,
  weights: 'uniform',
};
const PLAN = planEncoding(OPTIONS);
const WEIGHTED = planEncoding({ ...OPTIONS, weights: { maxWeight: 500 } });
const CONSTANTS = [0xdead_beef, 0x0123_4567] as const;

function keyOf(seed: number): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => (seed * 31 + i * 7 + 1) % 256);
}

function uniformUpdate(dimensions: number, seed: number, reach = 2): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: dimensions }, () => (2 * random.uniform() - 1) * reach);
}

function wordsOf(plan: EncodingPlan, seed: number, samples = 1): Uint32Array {
  const update = uniformUpdate(plan.dimensions, seed);
  return encodeUpdate(plan, { update, samples, key: keyOf(seed), ctxConstants: CONSTANTS }).words;
}

/** Sums modulo 2^b, by big integers. */
function sumOf(rows: readonly Uint32Array[], bits: number): Uint32Array {
  return rows[0]!.map((_, j) =>
    Number(
      BigInt.asUintN(
        bits,
        rows.reduce((sum, row) => sum + BigInt(row[j]!), 0n),
      ),
    ),
  );
}

function decoded(plan: EncodingPlan, words: Uint32Array, survivors: number) {
  return decodeSum(plan, { words, survivors, ctxConstants: CONSTANTS });
}

describe('an encoding', () => {
  test('has as many bits as its sums need, or is refused with the inequality', () => {
    const rest = { dimensions: 1, clip: 1, weights: 'uniform' } as const;
    // The table of the design: the most bits of value for so many clients and so wide a ring.
    const most = [
      [256, 32, 24],
      [1024, 32, 22],
      [16384, 32, 18],
      [16, 24, 20],
      [256, 24, 16],
      [1024, 24, 14],
      [16384, 24, 10],
      [16, 20, 16],
      [256, 20, 12],
      [16384, 20, 6],
      [16, 16, 12],
      [1024, 16, 6],
      [64, 8, 2],
      [1, 8, 8],
    ] as const;
    for (const [maxClients, ringBits, valueBits] of most) {
      const plan = planEncoding({ ...rest, maxClients, ringBits, valueBits });
      // The worst sum, exactly.
      expect(maxClients * plan.limit).toBeLessThan(2 ** (ringBits - 1));
      expect(plan.weightBits).toBe(ringBits - 1 - Math.ceil(Math.log2(maxClients)));
      expect(maxClients * 2 ** plan.weightBits).toBeLessThanOrEqual(2 ** (ringBits - 1));
      const more = { ...rest, maxClients: maxClients + 1, ringBits, valueBits };
      expect(() => planEncoding(more)).toThrow(SecureError);
      if (valueBits === 24) continue;
      const wider = { ...rest, maxClients, ringBits, valueBits: valueBits + 1 };
      expect(() => planEncoding(wider)).toThrow(SecureError);
    }
    expect(() => planEncoding({ ...OPTIONS, maxClients: 257 })).toThrow(
      new SecureError(
        'overflow',
        'q + ⌈log₂ n⌉ ≤ b is needed for sums not to wrap around, got 16 + 9 > 24 for n = 257 ' +
          'clients: take fewer bits of value or a wider ring',
      ),
    );
  });

  test('has a scale that keeps the clip within the limit, as near as an f32 can be', () => {
    expect(PLAN).toMatchObject({ limit: 32767, scale: 16383.5, weightBits: 16 });
    const clips = fc.float({ min: 2 ** -64, max: 2 ** 64, noNaN: true });
    fc.assert(
      fc.property(clips, fc.integer({ min: 2, max: 24 }), (clip, valueBits) => {
        const { scale, limit } = planEncoding({
          ...OPTIONS,
          ringBits: 32,
          clip,
          valueBits,
          maxClients: 9,
        });
        expect(Math.fround(scale)).toBe(scale);
        expect(clip * scale).toBeLessThanOrEqual(limit);
        expect(clip * scale).toBeGreaterThan(limit * (1 - 2 ** -22));
      }),
    );
    expect(planEncoding({ ...OPTIONS, clip: 0.1 }).clip).toBe(Math.fround(0.1));
  });

  test('refuses numbers out of their ranges', () => {
    const wrong: [Partial<EncodingOptions>, string][] = [
      [{ dimensions: 0 }, 'dimensions must be'],
      [{ ringBits: 7 }, 'ringBits must be in [8, 32]'],
      [{ ringBits: 33 }, 'ringBits must be in [8, 32]'],
      [{ valueBits: 1 }, 'valueBits must be in [2, 24]'],
      [{ valueBits: 25 }, 'valueBits must be in [2, 24]'],
      [{ clip: 0 }, 'clip must be above 0'],
      [{ clip: 2 ** 65 }, 'clip must be in [2^-64, 2^64]'],
      [{ clip: Number.NaN }, 'clip must be a finite number'],
      [{ maxClients: 0 }, 'maxClients must be'],
      [{ weights: { maxWeight: 0 } }, 'weights.maxWeight must be'],
      [{ weights: 'all' as 'uniform' }, "weights must be 'uniform' or hold maxWeight"],
    ];
    for (const [change, message] of wrong) {
      expect(() => planEncoding({ ...OPTIONS, ...change })).toThrow(message);
    }
  });
});

describe('an encoded update', () => {
  test('has slots first, then entries in two’s complement', () => {
    const update = Float32Array.of(0, 2, -2, Number.POSITIVE_INFINITY, -0);
    const input = { update, key: keyOf(1), ctxConstants: CONSTANTS };
    const { words, clippedFraction } = encodeUpdate(PLAN, input);
    expect([...words]).toEqual([1, ...CONSTANTS, 2 ** 16, 0, 32767, 2 ** 32 - 32767, 32767, 0]);
    expect(clippedFraction).toBe(1 / 5);
    expect(encodeUpdate(WEIGHTED, { ...input, samples: 500 }).words).toEqual(words);
  });

  test('is rounded by the words of the key’s stream, one an entry, batch after batch', () => {
    // More than one batch of 2¹⁴ words, and not a whole one.
    const plan = planEncoding({ ...OPTIONS, dimensions: 2 ** 14 + 37 });
    const update = uniformUpdate(plan.dimensions, 3, 2.5);
    const { words } = encodeUpdate(plan, { update, key: keyOf(2), ctxConstants: CONSTANTS });
    const random = createRandom(keyOf(2));
    const integers = new Int32Array(words.buffer, 4 * SLOTS);
    const off = update.findIndex((x, j) => integers[j] !== quantized(x, random.uint32(), plan));
    expect(off).toBe(-1);
  });

  test('tells how much of it was beyond the clip', () => {
    const update = Float32Array.of(1, 2, 2.5, -3, Number.NEGATIVE_INFINITY);
    const input = { update, key: keyOf(1), ctxConstants: CONSTANTS };
    expect(encodeUpdate(PLAN, input).clippedFraction).toBe(3 / 5);
    // What is clipped is the weighted update: half of 2.5 and of 3 is within.
    expect(encodeUpdate(WEIGHTED, { ...input, samples: 250 }).clippedFraction).toBe(1 / 5);
  });

  test('leaves the update as it was', () => {
    const update = uniformUpdate(5, 1);
    const before = update.slice();
    encodeUpdate(WEIGHTED, { update, samples: 3, key: keyOf(1), ctxConstants: CONSTANTS });
    expect(update).toEqual(before);
  });

  test('is refused with a NaN or of another length, and nothing of it is told', () => {
    const input = { key: keyOf(1), ctxConstants: CONSTANTS };
    const update = Float32Array.of(1.2345, 0, 0, Number.NaN, 0);
    expect(() => encodeUpdate(PLAN, { update, ...input })).toThrow(
      new SecureError('bad-update', 'an update must not hold NaN'),
    );
    // A NaN of another kind, by its bits.
    new Uint32Array(update.buffer)[3] = 0xff80_0001;
    expect(() => encodeUpdate(PLAN, { update, ...input })).toThrow('must not hold NaN');
    expect(() => encodeUpdate(PLAN, { update: new Float32Array(4), ...input })).toThrow(
      new SecureError('bad-update', 'an update must have 5 entries, got 4'),
    );
    const floats = new Float64Array(5) as unknown as Float32Array;
    expect(() => encodeUpdate(PLAN, { update: floats, ...input })).toThrow(TypeError);
  });

  test('needs a key, constants and samples that are such', () => {
    const input = { update: new Float32Array(5), key: keyOf(1), ctxConstants: CONSTANTS };
    const secret = Uint8Array.of(222, 173);
    expect(() => encodeUpdate(PLAN, { ...input, key: secret })).toThrow(
      new TypeError('key must be a Uint8Array of 32 bytes'),
    );
    expect(() => encodeUpdate(PLAN, { ...input, key: new Uint8Array(32) })).toThrow('all zero');
    expect(() => encodeUpdate(PLAN, { ...input, ctxConstants: [-1, 0] })).toThrow(RangeError);
    expect(() => encodeUpdate(WEIGHTED, input)).toThrow('samples must be given');
    for (const samples of [0, -7, 1.5, Number.NaN]) {
      expect(() => encodeUpdate(WEIGHTED, { ...input, samples })).toThrow(
        new RangeError('samples must be a positive integer'),
      );
    }
  });
});

describe('entries that were made elsewhere', () => {
  const frame = { weight: 2 ** 16, ctxConstants: CONSTANTS };

  test('get the same slots', () => {
    const { words } = encodeUpdate(PLAN, {
      update: uniformUpdate(5, 7),
      key: keyOf(7),
      ctxConstants: CONSTANTS,
    });
    const entries = words.slice(SLOTS);
    expect(withSlots(PLAN, { entries, ...frame })).toEqual(words);
    expect(withSlots(PLAN, { entries: Int32Array.from(entries), ...frame })).toEqual(words);
  });

  test('must be as many and as small as the encoding has them', () => {
    const entries = Int32Array.of(0, 32767, -32767, 1, 2);
    expect(withSlots(PLAN, { entries, ...frame }).length).toBe(9);
    for (const wrong of [32768, -32768, 2 ** 31 - 1, -(2 ** 31)]) {
      const off = entries.with(4, wrong);
      expect(() => withSlots(PLAN, { entries: off, ...frame })).toThrow(
        new SecureError('bad-update', 'entries must be integers in [-32767, 32767]'),
      );
    }
    const short = { entries: entries.subarray(1), ...frame };
    expect(() => withSlots(PLAN, short)).toThrow('must have 5 entries, got 4');
    for (const weight of [0, 2 ** 16 + 1]) {
      expect(() => withSlots(PLAN, { entries, ...frame, weight })).toThrow(
        'weight must be an integer in [1, 2^16]',
      );
    }
  });
});

describe('weights', () => {
  test('are samples up to a cap, in units of 2^−ω of it, and never nothing', () => {
    expect(WEIGHTED.weightBits).toBe(16);
    expect(weightOf(WEIGHTED, 500)).toBe(2 ** 16);
    expect(weightOf(WEIGHTED, 10 ** 9)).toBe(2 ** 16);
    expect(weightOf(WEIGHTED, 250)).toBe(2 ** 15);
    // 65536/500 = 131.072
    expect(weightOf(WEIGHTED, 1)).toBe(131);
    const coarse = planEncoding({ ...OPTIONS, weights: { maxWeight: 10 ** 6 } });
    expect(weightOf(coarse, 1)).toBe(1);
    expect(weightOf(coarse, 30)).toBe(2);
    expect(weightOf(PLAN)).toBe(2 ** 16);
  });

  test('multiply entries by just what stands in the slot', () => {
    const update = Float32Array.of(2, -2, 1, -1, 0);
    const { words } = encodeUpdate(WEIGHTED, {
      update,
      samples: 250,
      key: keyOf(1),
      ctxConstants: CONSTANTS,
    });
    expect(words[3]).toBe(2 ** 15);
    // ½·2·16383.5 = 16383.5 is rounded to either side, ½·16383.5 = 8191.75 too.
    const integers = [...new Int32Array(words.buffer, 4 * SLOTS)];
    expect([16383, 16384]).toContain(integers[0]);
    expect([-16383, -16384]).toContain(integers[1]);
    expect([8191, 8192]).toContain(integers[2]);
    expect([-8191, -8192]).toContain(integers[3]);
    expect(integers[4]).toBe(0);
  });

  test('show nowhere but in their slot', () => {
    const samples = 0x00ab_cdef;
    const plan = planEncoding({
      ...OPTIONS,
      dimensions: 1000,
      ringBits: 32,
      weights: { maxWeight: 2 ** 24 },
    });
    const words = wordsOf(plan, 5, samples);
    expect(words[3]).toBe(samples);
    words[3] = 0;
    expect(words.includes(samples)).toBe(false);
    expect(words.includes(-samples >>> 0)).toBe(false);
    const text = Array.from(new Uint8Array(words.buffer), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join(' ');
    expect(text).not.toContain('ef cd ab');
    expect(text).not.toContain('ab cd ef');
    // And of an update that is zero, nothing else is left of them.
    const zeros = { update: new Float32Array(1000), key: keyOf(1), ctxConstants: CONSTANTS };
    const [one, other] = [1, samples].map(
      (s) => encodeUpdate(plan, { ...zeros, samples: s }).words,
    );
    expect(one!.with(3, 0)).toEqual(other!.with(3, 0));
  });

  test('leave no trace of samples where they are uniform, and none beyond the cap', () => {
    expect(wordsOf(PLAN, 5, 17)).toEqual(wordsOf(PLAN, 5, 91));
    expect(wordsOf(WEIGHTED, 5, 501)).toEqual(wordsOf(WEIGHTED, 5, 7000));
  });
});

describe('a sum', () => {
  const plans = fc
    .record({
      clients: fc.integer({ min: 1, max: 20 }),
      spare: fc.integer({ min: 0, max: 5 }),
      valueBits: fc.integer({ min: 2, max: 24 }),
      ringBits: fc.integer({ min: 8, max: 32 }),
      dimensions: fc.integer({ min: 1, max: 40 }),
      clip: fc.float({ min: Math.fround(1e-3), max: 1e3, noNaN: true }),
      maxWeight: fc.option(fc.integer({ min: 1, max: 100_000 })),
      seed: fc.integer({ min: 0, max: 10_000 }),
    })
    .map((all) => ({ ...all, maxClients: all.clients + all.spare }))
    .filter(
      ({ valueBits, ringBits, maxClients }) =>
        valueBits + Math.ceil(Math.log2(maxClients)) <= ringBits,
    );

  test('is the clients’ integers to the last one, and their mean, for any sizes', () => {
    fc.assert(
      fc.property(plans, ({ clients, maxWeight, seed, ...options }) => {
        const weights = maxWeight === null ? 'uniform' : { maxWeight };
        const plan = planEncoding({ ...options, weights });
        const random = createRandom(seed);
        const updates = Array.from({ length: clients }, (_, i) =>
          uniformUpdate(plan.dimensions, seed + i, 1.2 * plan.clip),
        );
        const samples = updates.map(() => 1 + random.below(100_000));
        const rows = updates.map(
          (update, i) =>
            encodeUpdate(plan, {
              update,
              samples: samples[i]!,
              key: keyOf(seed + i),
              ctxConstants: CONSTANTS,
            }).words,
        );
        const sum = decoded(plan, sumOf(rows, plan.ringBits), clients);
        expect(sum.count).toBe(clients);
        const units = samples.map((s) => weightOf(plan, s));
        const total = units.reduce((a, b) => a + b) / 2 ** plan.weightBits;
        expect(sum.totalWeight).toBe(total);
        for (let j = 0; j < plan.dimensions; j++) {
          const exact = rows.reduce((all, row) => all + BigInt(row[SLOTS + j]! | 0), 0n);
          expect(BigInt(sum.integers[j]!)).toBe(exact);
          const mean = Number(exact) / (plan.scale * total);
          expect(Math.abs(sum.mean[j]! - mean)).toBeLessThanOrEqual(2 ** -23 * Math.abs(mean));
          // Each client's part is within a step, and the rounding of its weighted entry, of what it sent.
          const sent = updates.reduce((all, update, i) => {
            const weighed = (update[j]! * units[i]!) / 2 ** plan.weightBits;
            return all + Math.max(-plan.clip, Math.min(plan.clip, weighed));
          }, 0);
          const step = 1 / plan.scale + 2 ** -24 * plan.clip;
          expect(Math.abs(mean * total - sent)).toBeLessThanOrEqual(clients * step * (1 + 1e-6));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('is on the average what was sent: what rounding adds cancels', () => {
    // 400 clients, all with the same update, of 4 bits: each entry is off by up to a step, with a
    // variance of at most ¼ of a step². Their mean has a standard deviation of at most step/(2·√400) =
    // step/40; of 1000 entries none is 6 of those away but for 1000·2·10⁻⁹. The mean over the entries,
    // of a deviation of at most step/40/√1000, is not 6 of those away from 0.
    const plan = planEncoding({ ...OPTIONS, dimensions: 1000, valueBits: 4, maxClients: 400 });
    const update = uniformUpdate(1000, 11, 1.9);
    const rows = Array.from(
      { length: 400 },
      (_, i) => encodeUpdate(plan, { update, key: createKey(i), ctxConstants: CONSTANTS }).words,
    );
    const { mean } = decoded(plan, sumOf(rows, plan.ringBits), 400);
    const step = 1 / plan.scale;
    const errors = mean.map((value, j) => value - update[j]!);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan((6 * step) / 40);
    const bias = errors.reduce((a, b) => a + b) / 1000;
    expect(Math.abs(bias)).toBeLessThan((6 * step) / 40 / Math.sqrt(1000));
  });

  test('reaches both ends without wrapping around', () => {
    for (const [ringBits, valueBits, clients] of [
      [8, 2, 64],
      [8, 5, 8],
      [16, 10, 64],
      [32, 24, 256],
    ] as const) {
      const plan = planEncoding({
        ...OPTIONS,
        dimensions: 2,
        ringBits,
        valueBits,
        maxClients: clients,
        clip: 1,
      });
      const update = Float32Array.of(1, -1);
      const { words } = encodeUpdate(plan, { update, key: keyOf(1), ctxConstants: CONSTANTS });
      const sum = sumOf(Array<Uint32Array>(clients).fill(words), ringBits);
      const { integers, mean } = decoded(plan, sum, clients);
      expect([...integers]).toEqual([clients * plan.limit, -clients * plan.limit]);
      expect([...mean]).toEqual([1, -1]);
    }
  });

  test('is refused if a slot is not that of so many', () => {
    const words = sumOf(
      [1, 2, 3].map((seed) => wordsOf(WEIGHTED, seed, 100 * seed)),
      24,
    );
    const sum = { words, survivors: 3, ctxConstants: CONSTANTS };
    expect(slotsOk(WEIGHTED, sum)).toBe(true);
    for (let bit = 0; bit < 24; bit++) {
      for (const slot of [0, 1, 2]) {
        const off = { ...sum, words: words.with(slot, words[slot]! ^ (1 << bit)) };
        expect(slotsOk(WEIGHTED, off)).toBe(false);
        expect(() => decodeSum(WEIGHTED, off)).toThrow(
          new SecureError(
            'canary',
            'the slots are not those of a sum of 3 updates of this round: nothing of it may be used',
          ),
        );
      }
    }
    expect(slotsOk(WEIGHTED, { ...sum, survivors: 2 })).toBe(false);
    expect(slotsOk(WEIGHTED, { ...sum, ctxConstants: [CONSTANTS[1], CONSTANTS[0]] })).toBe(false);
  });

  test('has a sum of weights that so many can have', () => {
    const words = sumOf(
      [1, 2, 3].map((seed) => wordsOf(WEIGHTED, seed, 500)),
      24,
    );
    const withWeight = (weight: number) =>
      slotsOk(WEIGHTED, { words: words.with(3, weight), survivors: 3, ctxConstants: CONSTANTS });
    expect(withWeight(3 * 2 ** 16)).toBe(true);
    expect(withWeight(3)).toBe(true);
    expect(withWeight(2)).toBe(false);
    expect(withWeight(0)).toBe(false);
    expect(withWeight(3 * 2 ** 16 + 1)).toBe(false);
    const uniform = (weight: number) =>
      slotsOk(PLAN, { words: words.with(3, weight), survivors: 3, ctxConstants: CONSTANTS });
    expect(uniform(3 * 2 ** 16)).toBe(true);
    expect(uniform(3 * 2 ** 16 - 1)).toBe(false);
  });

  test('may be of as many as fill the slot of weights', () => {
    // 128·2^(32 − 1 − 7) = 2³¹: not a negative number.
    const plan = planEncoding({ ...OPTIONS, ringBits: 32, maxClients: 128 });
    const sum = sumOf(Array<Uint32Array>(128).fill(wordsOf(plan, 1)), 32);
    expect(sum[3]).toBe(2 ** 31);
    expect(decoded(plan, sum, 128).totalWeight).toBe(128);
  });

  test('does not depend on what stands above the low b bits', () => {
    const words = sumOf(
      [1, 2].map((seed) => wordsOf(PLAN, seed)),
      24,
    );
    const above = words.map((word, j) => word | ((j * 37) << 24));
    expect(decoded(PLAN, above, 2)).toEqual(decoded(PLAN, words, 2));
  });

  test('must be of the length and of the number of clients that were planned', () => {
    const sum = { words: wordsOf(PLAN, 1), survivors: 1, ctxConstants: CONSTANTS };
    expect(() => decodeSum(PLAN, { ...sum, words: new Uint32Array(8) })).toThrow('must be 9');
    expect(() => decodeSum(PLAN, { ...sum, survivors: 101 })).toThrow('survivors must be in');
    expect(() => decodeSum(PLAN, { ...sum, survivors: 0 })).toThrow(RangeError);
    const floats = new Float32Array(9) as unknown as Uint32Array;
    expect(() => decodeSum(PLAN, { ...sum, words: floats })).toThrow(TypeError);
  });
});

/** Keys that look random: the mean of many roundings needs streams that do. */
function createKey(seed: number): Uint8Array {
  const random = createRandom(seed + 1);
  return Uint8Array.from({ length: 32 }, () => random.below(256));
}
