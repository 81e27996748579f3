import { describe, expect, test } from 'vitest';
import { centeredClipping } from '../../src/rules/centered-clipping.ts';
import { applyTo, BYZFL_ROWS } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;

function controllerAbortedAfter(ms: number): AbortController {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), ms);
  return controller;
}

describe('centered clipping', () => {
  test('moves by the mean of the clipped differences, from zero', async () => {
    // (0 + 1 + 2)/3 = 1
    const { value, weights, evidence } = await applyTo(centeredClipping({ tau: 2 }), [0, 1, 10]);
    expect(value).toEqual([1]);
    expect(weights?.[0]?.[2]).toBeCloseTo(1 / 15, 15);
    expect(evidence?.[2]).toEqual({ score: 10, clipFactor: 0.2 });
    // then (−1 + 0 + 2)/3 = 1/3
    const again = await applyTo(centeredClipping({ tau: 2, iterations: 2 }), [0, 1, 10]);
    expect(again.value[0]).toBeCloseTo(4 / 3, 6);
    expect(again.evidence?.[2]?.clipFactor).toBeCloseTo(2 / 9, 12);
  });

  test('starts from the reference of the round', async () => {
    const rule = centeredClipping({ tau: 2 });
    // 5 + (−2 − 2 + 2)/3
    const { value, weights } = await applyTo(rule, [0, 1, 10], { reference: [5] });
    expect(value[0]).toBeCloseTo(5 - 2 / 3, 6);
    expect(weights?.[0]).toHaveLength(3);
    const zero = centeredClipping({ tau: 2, start: 'zero' });
    expect((await applyTo(zero, [0, 1, 10], { reference: [5] })).value).toEqual([1]);
  });

  test('keeps the digits of a reference with a large offset', async () => {
    const offset = 2 ** 20;
    const { value } = await applyTo(
      centeredClipping({ tau: 2, iterations: 3 }),
      [0, 1, 10].map((v) => offset + v),
      { reference: [offset] },
    );
    const near = await applyTo(centeredClipping({ tau: 2, iterations: 3 }), [0, 1, 10]);
    // One rounding to f32 at 2²⁰ is 2⁻⁴.
    expect(Math.abs(value[0]! - offset - near.value[0]!)).toBeLessThanOrEqual(2 ** -4);
  });

  test('is the mean where nothing is clipped', async () => {
    expect((await applyTo(centeredClipping({ tau: 100 }), BYZFL_ROWS)).value).toEqual([4, 5, 6]);
  });

  test('moves no farther than τ per step, and an infinite row pulls with nothing', async () => {
    const attacked = await applyTo(centeredClipping({ tau: 2 }), [0, 0, 3e38]);
    expect(attacked.value[0]).toBeCloseTo(2 / 3, 6);
    const { value, evidence } = await applyTo(centeredClipping({ tau: 2 }), [0, 1, INF]);
    expect(value[0]).toBeCloseTo(1 / 3, 6);
    expect(evidence?.[2]).toEqual({ score: INF, clipFactor: 0 });
  });

  test('takes no more steps once they repeat', async () => {
    // Two rows pull at 0 and 1, one beyond reach: the centre settles where 0 − v + 1 − v + 2 = 0, at 1.5.
    const { value, evidence } = await applyTo(
      centeredClipping({ tau: 2, iterations: 1e12 }),
      [0, 1, 10],
    );
    expect(value).toEqual([1.5]);
    expect(evidence?.map(({ score }) => score)).toEqual([1.5, 0.5, 8.5]);
  });

  test('ends on the signal of the round', async () => {
    const { signal } = controllerAbortedAfter(20);
    // A step of 1 at a time towards rows that are 10¹² away: none comes again.
    const rule = centeredClipping({ tau: 1, iterations: 1e11 });
    await expect(applyTo(rule, [1e12, 1e12], { signal })).rejects.toThrow('enough');
  });

  test('says what is wrong with its start', async () => {
    const rule = centeredClipping({ tau: 1, start: 'reference' });
    await expect(applyTo(rule, [1, 2])).rejects.toMatchObject({ code: 'constraint' });
    await expect(applyTo(rule, [1, 2], { reference: [INF] })).rejects.toThrow(
      'centered-clipping starts from the round’s reference and needs one without infinities',
    );
    expect(() => centeredClipping({ tau: 0 })).toThrow('tau must be above 0, got 0');
    expect(() => centeredClipping({ tau: 1, iterations: 0 })).toThrow('iterations must be');
  });
});
