import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRecombiner, type SharePoint } from '../../src/secagg/recombine.ts';
import { MAX_SHARES, split } from '../../src/secagg/shamir.ts';
import { hex } from '../../src/secagg/suite.ts';
import { expectChiSquare } from '../privacy/lattice/statistics.ts';
import { multiply } from '../support/field.ts';
import { bytesFrom, pointsOf, wordsOf } from './support.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);

/** All choices of t points, in any one order. */
function choices<T>(all: readonly T[], t: number): T[][] {
  if (t === 0) return [[]];
  return all.flatMap((first, i) =>
    choices(all.slice(i + 1), t - 1).map((rest) => [first, ...rest]),
  );
}

describe('Shares', () => {
  test('are those that another program computed from the same coefficients', () => {
    let j = 0;
    const randomBytes = (): Uint8Array => {
      j++;
      return new Uint8Array(
        createHash('sha256').update('coefficient').update(Uint8Array.of(j)).digest(),
      );
    };
    expect(split(SECRET, { threshold: 3, shares: 5, randomBytes }).map(hex)).toEqual([
      'c2538eae60b00ce1106ebcfedef6a77eeeccec3ed1da2c82236349631a8c47b8',
      '7c873ec5026af4ee7991af24364bf42ddda9316bb4dfeb018d66660d6ff5d517',
      'bed5b26866dffe0861f619d1e4b05d5c2374cf467110d194b61c357569648cb0',
      '1392db8b1c8c5d13ee6055373a27477c693c286cd094e488a8e9979c3c844b47',
      'd1c05726783957f5f607e3c2e8dcee0d97e1d641155bde1d9393c4e43a1512e0',
    ]);
  });

  test('are the polynomial’s values, by Horner’s rule word by word, up to the last x', () => {
    const coefficients = [SECRET, bytesFrom(1)(32), bytesFrom(2)(32)];
    let next = 1;
    const shares = split(SECRET, {
      threshold: 3,
      shares: MAX_SHARES,
      randomBytes: () => coefficients[next++]!.slice(),
    });
    for (const x of [1, 2, 15, 16, 255, 256, 4096, 0x8000, 0xfffe, 0xffff]) {
      const expected = coefficients
        .map(wordsOf)
        .reduceRight(
          (sum, words) => sum.map((word, i) => multiply(word, x) ^ words[i]!),
          new Uint16Array(16),
        );
      expect(wordsOf(shares[x - 1]!), `x = ${x}`).toEqual(expected);
    }
  });

  test('restore the secret, whichever t of them are taken, in whichever order', () => {
    const { recombine } = createRecombiner();
    for (const [t, k] of [
      [2, 2],
      [2, 6],
      [3, 6],
      [5, 7],
      [7, 7],
    ] as const) {
      const points = pointsOf(
        split(SECRET, { threshold: t, shares: k, randomBytes: bytesFrom(t) }),
      );
      for (const chosen of choices(points, t)) {
        expect(recombine(chosen, t)).toEqual(SECRET);
        expect(recombine(chosen.reverse(), t)).toEqual(SECRET);
      }
    }
  });

  test('restore any secret at any size', () => {
    const { recombine } = createRecombiner();
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 1000 }),
        (secret, threshold, more, seed) => {
          const shares = threshold + more;
          const points = pointsOf(
            split(secret, { threshold, shares, randomBytes: bytesFrom(seed) }),
          );
          expect(recombine(points.slice(more), threshold)).toEqual(secret);
        },
      ),
    );
  });

  test('of t − 1 do not tell secrets apart: with t = 2, one takes every value once', () => {
    // Each of 16 words goes through another 4096 of the 65536 coefficients.
    for (const secret of [new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
      const seen = new Set<number>();
      for (let i = 0; i < 4096; i++) {
        const randomBytes = (): Uint8Array =>
          Uint8Array.from(
            { length: 32 },
            (_, byte) => ((i + 4096 * (byte >> 1)) >> (8 * (byte & 1))) & 255,
          );
        const [, second] = split(secret, { threshold: 2, shares: 2, randomBytes });
        for (const word of wordsOf(second!)) seen.add(word);
      }
      expect(seen.size).toBe(65536);
    }
  });

  test('of t − 1 do not tell secrets apart: with t = 3, two are uniform together', () => {
    const N = 25_600;
    for (const secret of [new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
      const randomBytes = bytesFrom(7);
      // Four bits of word 0 of either: 256 cells of 100.
      const counts = new Array<number>(256).fill(0);
      for (let i = 0; i < N; i++) {
        const [a, , c] = split(secret, { threshold: 3, shares: 3, randomBytes });
        counts[(a![0]! & 15) * 16 + (c![1]! >> 4)]!++;
      }
      expectChiSquare(counts.map((count) => ({ count, expected: N / 256 })));
    }
  });

  test('leave no random byte behind', () => {
    const given: Uint8Array[] = [];
    const randomBytes = (length: number): Uint8Array => {
      given.push(bytesFrom(given.length)(length));
      return given.at(-1)!;
    };
    const secret = SECRET.slice();
    split(secret, { threshold: 4, shares: 5, randomBytes });
    expect(given).toEqual([1, 2, 3].map(() => new Uint8Array(32)));
    expect(secret).toEqual(SECRET);
  });

  test('are refused where they could not be, without a word of the secret', () => {
    const options = { threshold: 2, shares: 3, randomBytes: bytesFrom(0) };
    expect(() => split(SECRET.subarray(1), options)).toThrow(
      new TypeError('secret must be a Uint8Array of 32 bytes, got Uint8Array of 31 bytes'),
    );
    expect(() => split(SECRET, { ...options, threshold: 1 })).toThrow(
      'threshold must be in [2, 3], got 1',
    );
    expect(() => split(SECRET, { ...options, threshold: 4 })).toThrow(RangeError);
    expect(() => split(SECRET, { ...options, shares: 65536 })).toThrow(RangeError);
    expect(() => split(SECRET, { ...options, randomBytes: () => new Uint8Array(16) })).toThrow(
      'what randomBytes gives must be a Uint8Array of 32 bytes',
    );
  });
});

describe('Recombination', () => {
  const points = pointsOf(split(SECRET, { threshold: 3, shares: 5, randomBytes: bytesFrom(3) }));
  const { recombine } = createRecombiner();

  test('takes the first t shares alone', () => {
    const spoilt: SharePoint[] = points.map((p, i) =>
      i < 3 ? p : { ...p, share: new Uint8Array(32) },
    );
    expect(recombine(spoilt, 3)).toEqual(SECRET);
  });

  test('refuses what is no set of shares', () => {
    expect(() => recombine(points.slice(0, 2), 3)).toThrow('shares must be 3 at least, got 2');
    expect(() => recombine([points[0]!, points[0]!, points[1]!], 3)).toThrow(
      'x must not come twice, got 1 again',
    );
    expect(() => recombine([{ ...points[0]!, x: 0 }, ...points.slice(1)], 3)).toThrow(RangeError);
    expect(() => recombine([{ ...points[0]!, x: 65536 }, ...points.slice(1)], 3)).toThrow(
      RangeError,
    );
    expect(() => recombine([{ x: 1, share: new Uint8Array(31) }, ...points.slice(1)], 3)).toThrow(
      TypeError,
    );
  });

  test('gives the same with weights that were kept, and after more sets than are kept', () => {
    const many = pointsOf(split(SECRET, { threshold: 2, shares: 400, randomBytes: bytesFrom(4) }));
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i + 1 < many.length; i++)
        expect(recombine(many.slice(i, i + 2), 2)).toEqual(SECRET);
    }
  });
});

describe('Verified recombination', () => {
  const accept = (secret: Uint8Array): boolean => hex(secret) === hex(SECRET);
  const verified = (
    points: readonly SharePoint[],
    threshold: number,
  ): ReturnType<ReturnType<typeof createRecombiner>['recombineVerified']> =>
    createRecombiner().recombineVerified(points, { threshold, accept });
  const made = (t: number, k: number, seed = 5): SharePoint[] =>
    pointsOf(split(SECRET, { threshold: t, shares: k, randomBytes: bytesFrom(seed) }));
  const flipped = (share: Uint8Array, bit: number): Uint8Array =>
    share.map((byte, i) => byte ^ (i === bit >> 3 ? 1 << (bit & 7) : 0));

  test('takes right shares as they are', async () => {
    expect(await verified(made(4, 7), 4)).toEqual({ secret: SECRET, liars: [] });
  });

  test('corrects each bit of a share, and blames who gave it', async () => {
    const points = made(10, 30);
    for (let bit = 0; bit < 256; bit++) {
      const liar = bit % 10;
      const spoilt = points.map((p, i) =>
        i === liar ? { ...p, share: flipped(p.share, bit) } : p,
      );
      expect(await verified(spoilt, 10)).toEqual({ secret: SECRET, liars: [liar + 1] });
    }
  });

  test('corrects ⌊(m − t)/2⌋ shares that lie in any words, and blames them all', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 24 }),
        fc.integer({ min: 2, max: 30 }),
        fc.integer({ min: 0, max: 10_000 }),
        fc.boolean(),
        async (t, more, seed, oneBit) => {
          const points = made(t, t + more, seed);
          const random = bytesFrom(seed + 1);
          const count = Math.floor(more / 2);
          // The first lies, so that the first t shares do not restore the secret.
          const places = [...points.keys()].sort(
            (a, b) => ((a * 7919 + seed) % 31) - ((b * 7919 + seed) % 31),
          );
          const liars = new Set([0, ...places].slice(0, count));
          const spoilt = points.map((p, i) => {
            if (!liars.has(i)) return p;
            const share = oneBit ? flipped(p.share, random(1)[0]!) : random(32);
            return { ...p, share };
          });
          const expected = [...liars].sort((a, b) => a - b).map((i) => i + 1);
          expect(await verified(spoilt, t)).toEqual({
            secret: SECRET,
            liars: count === 0 ? [] : expected,
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test('corrects shares that agree on another secret, as long as they are few', async () => {
    const points = made(20, 41);
    const others = pointsOf(
      split(new Uint8Array(32), { threshold: 20, shares: 41, randomBytes: bytesFrom(9) }),
    );
    const spoilt = [...others.slice(0, 10), ...points.slice(10)];
    const liars = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect(await verified(spoilt, 20)).toEqual({ secret: SECRET, liars });
  });

  test('tries all choices of t shares where more lie, and they are few', async () => {
    // Of 9, decoding corrects 3; t = 3 that are right among 84 choices are found.
    const points = made(3, 9);
    const spoilt = points.map((p, i) => (i < 6 ? { ...p, share: bytesFrom(i)(32) } : p));
    expect(await verified(spoilt, 3)).toEqual({ secret: SECRET, liars: [1, 2, 3, 4, 5, 6] });
  });

  test('finds nothing where too many lie', async () => {
    const random = bytesFrom(11);
    const lies = (p: SharePoint): SharePoint => ({ ...p, share: random(32) });
    // Two right ones of three that are needed.
    expect(
      await verified(
        made(3, 9).map((p, i) => (i < 7 ? lies(p) : p)),
        3,
      ),
    ).toBeUndefined();
    // 11 of 41, where 10 are corrected, and 41 over 20 choices are too many.
    expect(
      await verified(
        made(20, 41).map((p, i) => (i < 11 ? lies(p) : p)),
        20,
      ),
    ).toBeUndefined();
    // No share to spare.
    expect(
      await verified(
        made(5, 5).map((p, i) => (i < 1 ? lies(p) : p)),
        5,
      ),
    ).toBeUndefined();
    expect(await verified(made(5, 5).slice(1), 5)).toBeUndefined();
  });

  test('asks once where all shares agree on what is not the secret', async () => {
    const points = pointsOf(
      split(new Uint8Array(32), { threshold: 3, shares: 8, randomBytes: bytesFrom(1) }),
    );
    const asked: Uint8Array[] = [];
    const result = await createRecombiner().recombineVerified(points, {
      threshold: 3,
      accept: (secret) => {
        asked.push(secret);
        return Promise.resolve(false);
      },
    });
    expect(result).toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  test('overwrites what was not accepted', async () => {
    const asked: Uint8Array[] = [];
    const spoilt = made(3, 6).map((p, i) => (i === 0 ? { ...p, share: bytesFrom(2)(32) } : p));
    await createRecombiner().recombineVerified(spoilt, {
      threshold: 3,
      accept: (secret) => {
        asked.push(secret);
        return accept(secret);
      },
    });
    expect(asked).toEqual([new Uint8Array(32), SECRET]);
  });
});
