import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { iterate } from '../../src/rules/iterate.ts';

/** Walks x ← table[x] step by step. */
function walk(table: readonly number[], steps: number): number {
  let x = 0;
  for (let k = 0; k < steps; k++) x = table[x]!;
  return x;
}

describe('iterate', () => {
  test('leads where all steps lead, whatever tail and cycle there are', async () => {
    const tables = fc
      .integer({ min: 1, max: 20 })
      .chain((n) => fc.array(fc.integer({ min: 0, max: n - 1 }), { minLength: n, maxLength: n }));
    await fc.assert(
      fc.asyncProperty(tables, fc.integer({ min: 0, max: 200 }), async (table, steps) => {
        const next = (x: Float64Array): Float64Array => Float64Array.of(table[x[0]!]!);
        const end = await iterate(Float64Array.of(0), next, { steps });
        expect(end[0]).toBe(walk(table, steps));
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  test('takes few steps of very many once they repeat', async () => {
    // 0, 1, 2, 3, 4, 5, 6, then 4, 5, 6 for ever: 10¹⁵ − 4 is 0 modulo 3, so the end is 4.
    let taken = 0;
    const next = ([x]: Float64Array): Float64Array => {
      taken++;
      return Float64Array.of(x === 6 ? 4 : x! + 1);
    };
    expect(await iterate(Float64Array.of(0), next, { steps: 1e15 })).toEqual(Float64Array.of(4));
    // Met again at step 4 + 3, and no whole period after that.
    expect(taken).toBeLessThan(4 + 3 + 3);
  });

  test('does not take −0 for 0', async () => {
    // 0 → −0 → 1 → 2 → 3: were −0 and 0 the same, the walk would go round between them.
    const table = new Map([
      ['0', -0],
      ['-0', 1],
    ]);
    const next = ([x]: Float64Array): Float64Array =>
      Float64Array.of(table.get(Object.is(x, -0) ? '-0' : String(x)) ?? x! + 1);
    expect((await iterate(Float64Array.of(0), next, { steps: 4 }))[0]).toBe(3);
  });

  test('lets timers fire and ends on a signal', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 20);
    const next = ([x]: Float64Array): Float64Array => Float64Array.of(x! + 1);
    const endless = iterate(Float64Array.of(0), next, { steps: 1e15, signal: controller.signal });
    await expect(endless).rejects.toThrow('enough');
  });
});
