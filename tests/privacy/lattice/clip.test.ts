import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Clipped,
  clipToLattice,
  fromLattice,
  latticeFor,
} from '../../../src/privacy/lattice/clip.ts';

function squaredNorm({ values }: Clipped): bigint {
  return values.reduce((sum, value) => sum + BigInt(value) ** 2n, 0n);
}

function floatsOf(words: readonly number[]): Float32Array {
  return new Float32Array(Uint32Array.from(words).buffer);
}

describe('a vector within the clip norm', () => {
  test('is rounded to the nearest integers and kept', () => {
    const lattice = latticeFor(1, 1000);
    const { values, factor, nonFinite } = clipToLattice(
      Float32Array.of(0.5, -0.25, 0.0104, -0.0106, 0, -0, 1e-45),
      lattice,
    );
    expect([...values]).toEqual([500, -250, 10, -11, 0, 0, 0]);
    expect({ factor, nonFinite }).toEqual({ factor: 1, nonFinite: 0 });
  });

  test('stays, at the very edge too', () => {
    const lattice = latticeFor(3);
    const { values, factor } = clipToLattice(Float32Array.of(3), lattice);
    expect(factor).toBe(1);
    // scale is up to 2⁻²² below 2²⁰/3, so that the edge is up to half a step lower.
    expect(values[0]).toBeGreaterThanOrEqual(2 ** 20 - 1);
    expect(values[0]).toBeLessThanOrEqual(2 ** 20);
  });

  test('may be empty, or zero', () => {
    const lattice = latticeFor(1);
    expect(clipToLattice(new Float32Array(0), lattice).factor).toBe(1);
    expect([...clipToLattice(new Float32Array(3), lattice).values]).toEqual([0, 0, 0]);
  });
});

describe('a vector above the clip norm', () => {
  test('is scaled and truncated toward zero', () => {
    // 500 long where 3 are allowed.
    const { values, factor } = clipToLattice(Float32Array.of(300, -400), latticeFor(3, 300));
    expect(factor).toBeLessThanOrEqual(0.006);
    expect(factor).toBeGreaterThan(0.006 * (1 - 2 ** -20));
    // 180 and 240 are an edge that rounding down just misses.
    expect([...values]).toEqual([179, -239]);
  });

  test('keeps its direction, to a step in each coordinate', () => {
    const x = Float32Array.from({ length: 10_000 }, (_, j) => Math.sin(j * j) * 37);
    const bound = 2 ** 20;
    const { values } = clipToLattice(x, latticeFor(1, bound));
    const norm = Math.hypot(...x);
    for (const [j, value] of values.entries()) {
      const want = (x[j]! / norm) * bound;
      // Truncation, rounding of the entry, and 2⁻²⁰ of the factor.
      expect(Math.abs(value - want)).toBeLessThan(1.1 + 2 ** -20 * Math.abs(want));
    }
    expect(Math.sqrt(Number(squaredNorm({ values, factor: 1, nonFinite: 0 })))).toBeGreaterThan(
      bound * (1 - 2 ** -10),
    );
  });

  test('may be as large as floats are', () => {
    const { values } = clipToLattice(
      floatsOf([0x7f7fffff, 0xff7fffff, 1, 0x3f800000]),
      latticeFor(1),
    );
    // 2²⁰/√2 = 741455.2
    expect([...values]).toEqual([741_455, -741_455, 0, 0]);
  });
});

describe('an entry that is no number', () => {
  test.each([0x7fc00000, 0xffc00001, 0x7f800001, 0x7f800000, 0xff800000])(
    'rejects the vector and is counted: %i',
    (word) => {
      const x = floatsOf([0x3f800000, word, word, 0]);
      expect(clipToLattice(x, latticeFor(1))).toEqual({
        values: new Int32Array(4),
        nonFinite: 2,
        factor: 0,
      });
    },
  );
});

describe('whatever the floats are', () => {
  const words = fc.oneof(
    fc.integer({ min: 0, max: 0xffffffff }),
    // Subnormal, 3e38, near 1, powers of two.
    fc.constantFrom(1, 0x807fffff, 0x7f7fffff, 0xff61b1e6, 0x3f800000, 0xbf7fffff, 0x80000000),
    fc.integer({ min: 1, max: 254 }).map((exponent) => exponent * 2 ** 23),
  );
  const norms = fc.oneof(
    fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
    fc.integer({ min: -90, max: 90 }).map((e) => 1.7 * 2 ** e),
  );

  test('the norm is never above the bound, and rejection is for what is not finite', () => {
    fc.assert(
      fc.property(
        fc.array(words, { maxLength: 40 }),
        norms,
        fc.integer({ min: 1, max: 2 ** 24 }),
        (bits, norm, bound) => {
          const x = floatsOf(bits);
          const clipped = clipToLattice(x, latticeFor(norm, bound));
          expect(squaredNorm(clipped)).toBeLessThanOrEqual(BigInt(bound) ** 2n);
          const bad = x.filter((value) => !Number.isFinite(value)).length;
          expect(clipped.nonFinite).toBe(bad);
          if (bad > 0) expect(clipped.values.every((value) => value === 0)).toBe(true);
        },
      ),
      { numRuns: 2000, seed: 11 },
    );
  });

  test('a vector with a NaN of any payload counts for nothing, whatever stands beside it', () => {
    const bad = fc.oneof(
      fc.integer({ min: 0x7f800000, max: 0x7fffffff }),
      fc.integer({ min: 0xff800000, max: 0xffffffff }),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 20 }), bad, fc.nat(), (bits, word, place) => {
        const at = place % (bits.length + 1);
        const clipped = clipToLattice(floatsOf(bits.toSpliced(at, 0, word)), latticeFor(1));
        expect(clipped.nonFinite).toBeGreaterThan(0);
        expect(squaredNorm(clipped)).toBe(0n);
      }),
      { numRuns: 1000, seed: 12 },
    );
  });

  test('a climb to the largest norm does not get above the bound', () => {
    // Words changed one at a time and kept where the norm grew: rounding pushed as far as it goes.
    let state = 1;
    const next = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (const bound of [1, 2, 3, 1000, 2 ** 20, 2 ** 24]) {
      for (const length of [1, 2, 7, 33]) {
        const lattice = latticeFor(1 / 3, bound);
        const x = new Float32Array(length).fill(1 / (3 * Math.sqrt(length)));
        const bits = new Uint32Array(x.buffer);
        let best = squaredNorm(clipToLattice(x, lattice));
        for (let step = 0; step < 300; step++) {
          const [place, before] = [next(length), bits.slice()];
          bits[place]! ^= 1 << next(32);
          const norm = squaredNorm(clipToLattice(x, lattice));
          expect(norm).toBeLessThanOrEqual(BigInt(bound) ** 2n);
          if (norm >= best) best = norm;
          else bits.set(before);
        }
        // It does get there, to within a step in each coordinate.
        expect(Number(best)).toBeGreaterThan(Math.max(0, bound - length) ** 2 - 1);
      }
    }
  });

  test('vectors at the edge, built to be a hair above or below, are within it', () => {
    for (let n = 1; n <= 300; n++) {
      for (const nudge of [1 - 2 ** -22, 1, 1 + 2 ** -22]) {
        const x = new Float32Array(n).fill((nudge * 7) / Math.sqrt(n));
        const bound = 1000 + n;
        const clipped = clipToLattice(x, latticeFor(7, bound));
        expect(squaredNorm(clipped)).toBeLessThanOrEqual(BigInt(bound) ** 2n);
      }
    }
  });

  test('squares of more entries than a partial sum holds are added exactly', () => {
    // 2²¹ + 5 entries of 2²⁹·1.99: a limb overflows many times over.
    const x = new Float32Array(2 ** 21 + 5).fill(3e38);
    const clipped = clipToLattice(x, latticeFor(1, 2 ** 24));
    // 2²⁴/√(2²¹ + 5) = 11585.22…
    expect(clipped.values.every((value) => value === 11_585)).toBe(true);
  });
});

describe('a lattice', () => {
  test('has a scale of 24 bits that is at most bound/clipNorm', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-20, max: 1e20, noNaN: true }), (norm) => {
        const { scale } = latticeFor(norm);
        expect(Math.fround(scale)).toBe(scale);
        expect(scale * norm).toBeLessThanOrEqual(2 ** 20);
        expect(scale * norm).toBeGreaterThan(2 ** 20 * (1 - 2 ** -21));
      }),
      { seed: 5 },
    );
  });

  test.each([
    [0, 10, 'clipNorm must be above 0'],
    [Number.NaN, 10, 'clipNorm must be a finite number'],
    [1, 0, 'bound must be in [1, 16777216]'],
    [1, 2 ** 25, 'bound must be in [1, 16777216]'],
    [1e-40, 10, 'bound/clipNorm must be in'],
    [1e300, 10, 'bound/clipNorm must be in'],
  ])('is refused for clip norm %d and bound %d', (norm, bound, message) => {
    expect(() => latticeFor(norm, bound)).toThrow(message);
  });

  test('takes floats alone', () => {
    expect(() => clipToLattice([1] as unknown as Float32Array, latticeFor(1))).toThrow(
      'x must be a Float32Array, got an array of 1',
    );
  });

  test("gives a mean back from sums in two's complement", () => {
    const lattice = latticeFor(1, 2 ** 10);
    const sums = Uint32Array.from([512, -256]);
    const [a, b] = fromLattice(sums, lattice, 1 / 2);
    // scale is 2¹⁰·(1 − 2⁻²³).
    expect(a).toBeCloseTo(0.25, 6);
    expect(b).toBeCloseTo(-0.125, 6);
  });
});
