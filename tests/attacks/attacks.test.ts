/** Attacks on numbers worked by hand, chosen so that neighbouring attacks give other answers. */

import { afterAll, describe, expect, test } from 'vitest';
import { alie, alieFactor } from '../../src/attacks/alie.ts';
import { type Attack, type AttackContext, rowsSent } from '../../src/attacks/attack.ts';
import { gaussian } from '../../src/attacks/gaussian.ts';
import { inf } from '../../src/attacks/inf.ts';
import { ipm } from '../../src/attacks/inner-product.ts';
import { mimic } from '../../src/attacks/mimic.ts';
import { optimisedAlie, optimisedIpm, searchFactor } from '../../src/attacks/optimised.ts';
import { signFlip } from '../../src/attacks/sign-flip.ts';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Matrix } from '../../src/backend/kernels.ts';

const backend = await createBackend('reference');
afterAll(() => backend.close());

const matrix = (...rows: number[][]): Matrix =>
  backend.matrix(rows.map((row) => Float32Array.from(row)));

/** Mean (2, 10), deviation (1, 4): every column has its own scale, and the mean is not 0. */
const honest = matrix([1, 6], [2, 10], [3, 14]);

async function sent(attack: Attack, x: Matrix, context: Partial<AttackContext> = {}) {
  const { value, factor, note } = await attack.craft(x, backend, { attackers: 1, ...context });
  return { row: [...(await backend.read(value))], factor, note };
}

describe('attacks on the mean', () => {
  test('sign flip sends −scale · mean, scale 1 unless told', async () => {
    expect(await sent(signFlip(), honest)).toMatchObject({ row: [-2, -10], factor: 1 });
    expect(await sent(signFlip({ scale: 4 }), honest)).toMatchObject({ row: [-8, -40], factor: 4 });
  });

  test('inner-product manipulation sends −τ · mean', async () => {
    expect(await sent(ipm({ tau: 0.5 }), honest)).toMatchObject({ row: [-1, -5], factor: 0.5 });
  });

  test('a mean of values near the end of f32 neither overflows nor vanishes', async () => {
    const huge = matrix([3e38, 1e-38], [3e38, 1e-38]);
    const [high, low] = (await sent(signFlip(), huge)).row as [number, number];
    expect(high).toBe(-Math.fround(3e38));
    expect(low).toBe(-Math.fround(1e-38));
  });
});

describe('alie', () => {
  test('sends mean + τ · deviation with n − 1 in the denominator', async () => {
    expect(await sent(alie({ tau: 1.5 }), honest)).toMatchObject({ row: [3.5, 16], factor: 1.5 });
    expect((await sent(alie({ tau: -1 }), honest)).row).toEqual([1, 6]);
  });

  // z = Φ⁻¹((n − f − s)/(n − f)): Φ⁻¹(12/20), Φ⁻¹(5/10), Φ⁻¹(4/9), Φ⁻¹(24/26); values of Φ⁻¹ from
  // published tables (0.6 → 0.253347, 4/9 → −0.139710, 24/26 → 1.426077).
  test.each([
    [25, 5, 0.253347],
    [12, 2, 0],
    [10, 1, -0.13971],
    [50, 24, 1.426077],
  ])('chooses z for n = %i and f = %i as the paper does', (clients, attackers, z) => {
    expect(alieFactor({ clients, attackers })).toBeCloseTo(z, 5);
  });

  test('uses that z, counting honest clients and attackers, and says so when it is 0', async () => {
    const ten = matrix(...Array.from({ length: 10 }, (_, i) => [i, 2 * i]));
    const result = await sent(alie(), ten, { attackers: 2 });
    expect(result).toMatchObject({
      row: [4.5, 9],
      factor: 0,
      note: expect.stringMatching(/z is 0/),
    });
    const three = await sent(alie(), ten, { attackers: 3 });
    // n = 13, f = 3, s = 7 − 3 = 4: Φ⁻¹(6/10).
    expect(three.factor).toBeCloseTo(0.253347, 5);
    expect(three.note).toBeUndefined();
  });

  test('states its condition where the attackers are a majority', () => {
    expect(() => alieFactor({ clients: 5, attackers: 3 })).toThrow(
      'alie needs f ≤ n / 2 to choose z, got n = 5 and f = 3; give tau instead',
    );
  });
});

describe('mimic', () => {
  test('copies the client it is told to, bit by bit', async () => {
    const x = matrix([1, -0], [1e-40, 3e38]);
    const [a, b] = (await sent(mimic({ client: 1 }), x)).row as [number, number];
    expect([a, b]).toEqual([Math.fround(1e-40), Math.fround(3e38)]);
    expect(Object.is((await sent(mimic({ client: 0 }), x)).row[1], -0)).toBe(true);
  });

  test('by default copies the client farthest out along the direction of greatest variance', async () => {
    // The second column varies most (±3 against ±1), though row 0 is the longest of all.
    const x = matrix([101, 0], [100, 3.5], [99, -3], [100, -0.5]);
    expect(await sent(mimic(), x)).toMatchObject({
      row: [100, 3.5],
      note: 'copies honest client 1',
    });
  });

  test('finds that client among values whose squares leave f32, and among equal rows', async () => {
    const x = matrix([1e30, 0], [0, 3e37], [-1e30, -1e36]);
    expect((await sent(mimic(), x)).row[1]).toBe(Math.fround(3e37));
    expect((await sent(mimic(), matrix([1, 2], [1, 2]))).row).toEqual([1, 2]);
  });

  test('refuses a client that is not there', async () => {
    await expect(sent(mimic({ client: 3 }), honest)).rejects.toThrow(
      'client must be in [0, 2], got 3',
    );
  });
});

describe('inf and gaussian', () => {
  test('inf sends nothing but +∞', async () => {
    expect((await sent(inf(), honest)).row).toEqual([Infinity, Infinity]);
  });

  test('gaussian with a given draw sends mean + stdDev · z', async () => {
    const attack = gaussian({ mean: 0.5, stdDev: 3, draw: [1, -2] });
    expect((await sent(attack, honest, { attackers: 5 })).row).toEqual([3.5, -5.5]);
    await expect(sent(gaussian({ draw: [1] }), honest)).rejects.toThrow('2 entries, got 1');
  });

  test('gaussian draws have the moments asked for, and each attacker, round and seed its own', async () => {
    const cols = 40_000;
    const wide = backend.matrix([new Float32Array(cols)]);
    const draw = async (seed: number, round: number) =>
      (await sent(gaussian({ mean: 2, stdDev: 3, seed }), wide, { attackers: 2, round })).row;
    const rows = await draw(7, 1);
    const first = rows.slice(0, cols);
    const mean = first.reduce((sum, x) => sum + x, 0) / cols;
    const variance = first.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (cols - 1);
    // Five standard errors: 3/√cols for the mean, 9·√(2/cols) for the variance.
    expect(Math.abs(mean - 2)).toBeLessThan(5 * 0.015);
    expect(Math.abs(variance - 9)).toBeLessThan(5 * 0.0637);
    expect(rows.slice(cols)).not.toEqual(first);
    expect(await draw(7, 1)).toEqual(rows);
    expect((await draw(7, 2))[0]).not.toBe(first[0]);
    expect((await draw(8, 1))[0]).not.toBe(first[0]);
  });

  test('gaussian draws do not depend on how a row is cut', async () => {
    const cols = 1000;
    const wide = backend.matrix([new Float32Array(cols)]);
    const { value } = await gaussian({ seed: 3 }).craft(wide, backend, { attackers: 1 });
    const whole = await backend.read(value);
    // 4 bytes a column and row: shards of 64 columns.
    await using narrow = await createBackend('reference', { memory: 64 * 4 });
    const cut = await gaussian({ seed: 3 }).craft(wide, narrow, { attackers: 1 });
    expect(await narrow.read(cut.value)).toEqual(whole);
  });
});

describe('search for the most harmful factor', () => {
  const gainOf = (peak: number) => async (factor: number) => 1000 - Math.abs(factor - peak);

  test('doubles the step while better, then shrinks it by a fifth each time', async () => {
    // 0, 10, 30, 70 get better, 150 is worse; from 70 on 64, 51.2, 40.96 … are tried.
    const { factor, tried } = await searchFactor(gainOf(72), 12);
    expect(tried.slice(0, 6)).toEqual([0, 10, 30, 70, 150, 134]);
    expect(tried[6]).toBeCloseTo(121.2, 10);
    expect(tried).toHaveLength(12);
    expect(factor).toBe(70);
  });

  test('goes on from a better factor while shrinking', async () => {
    // 10 is worse than 0; 8 is better, the next step is 6.4: 14.4 is worse, 8 + 5.12 too.
    const { factor, tried } = await searchFactor(async (x) => (x === 8 ? 2 : x === 0 ? 1 : 0), 5);
    expect(tried.map((x) => Number(x.toFixed(10)))).toEqual([0, 10, 8, 14.4, 13.12]);
    expect(factor).toBe(8);
  });

  test('an equal gain, one that is equal but for rounding, and one that is not finite are no progress', async () => {
    expect((await searchFactor(async () => 1, 20)).factor).toBe(0);
    expect((await searchFactor(async (x) => 1 + (x > 0 ? 2 ** -20 : 0), 20)).factor).toBe(0);
    expect((await searchFactor(async (x) => (x > 0 ? Infinity : 1), 20)).factor).toBe(0);
    expect((await searchFactor(async (x) => (x > 0 ? 2 : Number.NaN), 2)).factor).toBe(10);
  });

  test('optimised IPM stops where a norm bound starts to bite', async () => {
    // The defence averages rows but drops attackers whose first entry is below −100: of the
    // factors 0, 10, 30, 70 … the first to be dropped is 70 (2 · 70), then 30 + 32, 30 + 25.6; 30 +
    // 20.48 = 50.48 is too far still, 30 + 16.384 = 46.384 is the next that holds.
    const defence = async (x: Matrix): Promise<Matrix> => {
      const rows = await backend.read(x);
      const kept = rows[3 * 2]! < -100 ? [0, 1, 2] : [0, 1, 2, 3, 4];
      return backend.combine([kept.map(() => 1 / kept.length)], backend.select(x, kept));
    };
    const attack = optimisedIpm({ defence, evaluations: 8 });
    const { factor, row } = await sent(attack, honest, { attackers: 2 });
    expect(factor).toBeCloseTo(46.384, 10);
    expect(row[0]).toBeCloseTo(-92.768, 4);
  });

  test('optimised ALIE moves along the deviation, with all attackers after the honest rows', async () => {
    const seen: number[] = [];
    const defence = async (x: Matrix): Promise<Matrix> => {
      seen.push(x.rows);
      return backend.rankMean(x, 2, 3);
    };
    const { factor, row } = await sent(optimisedAlie({ defence, evaluations: 3 }), honest, {
      attackers: 2,
    });
    // Third of five values per column: 2 and 10 at factor 0; with (12, 50) it is 3 and 14.
    expect({ factor, row }).toEqual({ factor: 10, row: [12, 50] });
    expect(seen).toEqual([5, 5, 5]);
  });

  test('reads the honest rows once, however often the defence is tried', async () => {
    let reads = 0;
    const row = (value: number) => ({
      cols: 2,
      read: (_from: number, _to: number, into: Float32Array) => {
        reads++;
        into.fill(value);
      },
    });
    const x = backend.matrix([row(1), row(2)]);
    const defence = async (y: Matrix): Promise<Matrix> => backend.rankMean(y, 1, 2);
    await sent(optimisedAlie({ defence }), x);
    expect(reads).toBe(2);
  });
});

describe('rowsSent', () => {
  test('repeats the one row that all attackers send', async () => {
    const crafted = await signFlip().craft(honest, backend, { attackers: 3 });
    const rows = await backend.read(rowsSent(crafted, backend, { attackers: 3 }));
    expect([...rows]).toEqual([-2, -10, -2, -10, -2, -10]);
  });

  test('leaves one row each as they are, and refuses any other number', () => {
    expect(rowsSent({ value: honest }, backend, { attackers: 3 })).toBe(honest);
    expect(() => rowsSent({ value: honest }, backend, { attackers: 2 })).toThrow(
      '1 or 2 rows, got 3',
    );
  });
});
