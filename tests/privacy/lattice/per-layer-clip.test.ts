import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clipToLattice, fromLattice, latticeFor } from '../../../src/privacy/lattice/clip.ts';
import {
  type LayerClip,
  layeredLatticeFor,
  perLayerClip,
} from '../../../src/privacy/lattice/per-layer-clip.ts';

function squaredNorm(values: Int32Array): bigint {
  return values.reduce((sum, value) => sum + BigInt(value) ** 2n, 0n);
}

function floatsOf(words: readonly number[]): Float32Array {
  return new Float32Array(Uint32Array.from(words).buffer);
}

describe('a row of layers', () => {
  // √(3² + 4²) = 5, so that a bound of 5000 is a step of 1/1000.
  const layers = [
    { length: 2, clipNorm: 3 },
    { length: 1, clipNorm: 4 },
  ];

  test('is clipped layer by layer: one that is too long takes nothing from another', () => {
    const lattice = layeredLatticeFor(layers, 5000);
    // scale is up to 2⁻²² below 1000, so that an edge is a step lower.
    expect(lattice.layers).toEqual([
      { length: 2, bound: 2999 },
      { length: 1, bound: 3999 },
    ]);
    expect(lattice.length).toBe(3);
    const { values, factors, nonFinite } = perLayerClip(Float32Array.of(300, -400, 1), lattice);
    // 2999·(0.6, −0.8), truncated.
    expect([...values]).toEqual([1799, -2399, 1000]);
    expect(factors[0]).toBeCloseTo(2999 / 500_000, 8);
    expect(factors[1]).toBe(1);
    expect(nonFinite).toBe(0);
    // Flat clipping would have left 8 of the last entry.
    const flat = clipToLattice(Float32Array.of(300, -400, 1), latticeFor(5, 5000));
    expect(flat.values[2]).toBeLessThan(11);
  });

  test('within all norms is kept, and comes back from sums', () => {
    const lattice = layeredLatticeFor(layers);
    const x = Float32Array.of(1.5, -2.25, -3.5);
    const { values, factors } = perLayerClip(x, lattice);
    expect(factors).toEqual([1, 1]);
    const back = fromLattice(Uint32Array.from(values), lattice, 1);
    // Half a step, and the roundings of f32.
    for (const [j, value] of back.entries()) expect(Math.abs(value - x[j]!)).toBeLessThan(3e-6);
  });

  test('is clipped as a whole where there is but one layer', () => {
    const x = Float32Array.from({ length: 100 }, (_, j) => Math.sin(j) * 3);
    const lattice = layeredLatticeFor([{ length: 100, clipNorm: 2 }], 2 ** 20);
    const whole = { bound: lattice.layers[0]!.bound, scale: latticeFor(2, 2 ** 20).scale };
    expect(perLayerClip(x, lattice).values).toEqual(clipToLattice(x, whole).values);
    expect(whole.bound).toBeGreaterThanOrEqual(2 ** 20 - 1);
  });

  test('is rejected as a whole for one entry that is no number', () => {
    const lattice = layeredLatticeFor(layers);
    const x = Float32Array.of(1, Number.NaN, 2);
    expect(perLayerClip(x, lattice)).toEqual({
      values: new Int32Array(3),
      nonFinite: 1,
      factors: [0, 0],
    });
    const y = Float32Array.of(Number.NaN, 1, Number.NEGATIVE_INFINITY);
    expect(perLayerClip(y, lattice).nonFinite).toBe(2);
  });

  test.each<[readonly LayerClip[], string]>([
    [[], 'number of layers must be at least 1'],
    [[{ length: 0, clipNorm: 1 }], 'layers[0].length must be at least 1'],
    [
      [
        { length: 1, clipNorm: 1 },
        { length: 1, clipNorm: 0 },
      ],
      'layers[1].clipNorm must be above 0',
    ],
    [
      [
        { length: 1, clipNorm: 1 },
        { length: 1, clipNorm: 1e-9 },
      ],
      'layers[1].clipNorm must be at least a step of the lattice',
    ],
  ])('is refused: %o', (wrong, message) => {
    expect(() => layeredLatticeFor(wrong)).toThrow(message);
  });

  test('must be as long as its layers, and floats', () => {
    const lattice = layeredLatticeFor(layers);
    expect(() => perLayerClip(new Float32Array(4), lattice)).toThrow('x must have 3 entries');
    expect(() => perLayerClip([1, 2, 3] as unknown as Float32Array, lattice)).toThrow(
      'x must be a Float32Array',
    );
  });
});

describe('whatever the floats are', () => {
  const words = fc.oneof(
    fc.integer({ min: 0, max: 0xffffffff }),
    // Subnormal, 3e38, near 1, powers of two.
    fc.constantFrom(1, 0x807fffff, 0x7f7fffff, 0xff61b1e6, 0x3f800000, 0xbf7fffff, 0x80000000),
    fc.integer({ min: 1, max: 254 }).map((exponent) => exponent * 2 ** 23),
  );
  const layer = fc.record({
    bits: fc.array(words, { minLength: 1, maxLength: 12 }),
    clipNorm: fc.double({ min: 0.01, max: 100, noNaN: true }),
  });

  test('no layer is above its bound, no row above the bound of all', () => {
    fc.assert(
      fc.property(
        fc.array(layer, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 2 ** 18, max: 2 ** 24 }),
        (drawn, bound) => {
          const layers = drawn.map(({ bits, clipNorm }) => ({ length: bits.length, clipNorm }));
          const lattice = layeredLatticeFor(layers, bound);
          const bounds = lattice.layers.map((own) => BigInt(own.bound) ** 2n);
          expect(bounds.reduce((a, b) => a + b)).toBeLessThanOrEqual(BigInt(bound) ** 2n);
          const x = floatsOf(drawn.flatMap(({ bits }) => bits));
          const { values, nonFinite, factors } = perLayerClip(x, lattice);
          expect(squaredNorm(values)).toBeLessThanOrEqual(BigInt(bound) ** 2n);
          let from = 0;
          for (const [l, { length }] of lattice.layers.entries()) {
            const part = values.subarray(from, from + length);
            expect(squaredNorm(part)).toBeLessThanOrEqual(bounds[l]!);
            from += length;
          }
          const bad = x.filter((value) => !Number.isFinite(value)).length;
          expect(nonFinite).toBe(bad);
          if (bad > 0) expect([...factors, ...values].every((value) => value === 0)).toBe(true);
        },
      ),
      { numRuns: 1000, seed: 12 },
    );
  });

  test('layers that fill their bounds to the last step do not overfill that of all', () => {
    for (let count = 1; count <= 60; count++) {
      const layers = Array.from({ length: count }, (_, l) => ({ length: 3, clipNorm: 1 + l / 7 }));
      const bound = 5000 + count;
      const lattice = layeredLatticeFor(layers, bound);
      const x = new Float32Array(3 * count).fill(1e30);
      const { values } = perLayerClip(x, lattice);
      expect(squaredNorm(values)).toBeLessThanOrEqual(BigInt(bound) ** 2n);
      // Little is given away: a step in each coordinate and each bound.
      expect(Math.sqrt(Number(squaredNorm(values)))).toBeGreaterThan(
        bound - 3 * Math.sqrt(3 * count),
      );
    }
  });
});
