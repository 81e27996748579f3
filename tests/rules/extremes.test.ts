/**
 * Every rule in the list on numbers at the ends of f32, and with as many infinite rows as it is told
 * to tolerate: results stay numbers.
 *
 * @module
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allRules } from '../../src/rules/full-list.ts';
import { applyTo } from '../support/apply.ts';

const INF = Number.POSITIVE_INFINITY;
const ENDS = [0, -0, 1e-45, -1e-45, 3e-38, 1, -1, 1 + 2 ** -23, 1e19, -1e19, 3.4e38, -3.4e38];

const entry = fc.constantFrom(...ENDS);
const cohorts = fc
  .record({ f: fc.integer({ min: 0, max: 2 }), extra: fc.integer({ min: 3, max: 6 }) })
  .chain(({ f, extra }) => {
    const n = 4 * f + extra;
    return fc.record({
      f: fc.constant(f),
      rows: fc.array(fc.tuple(entry, entry), { minLength: n, maxLength: n }),
      signs: fc.array(fc.constantFrom(INF, -INF), { minLength: f, maxLength: f }),
    });
  });

describe.each(allRules.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
  test('gives finite numbers for finite rows, and at most f other rows for f infinite ones', async () => {
    await fc.assert(
      fc.asyncProperty(cohorts, async ({ f, rows, signs }) => {
        const n = rows.length;
        const round = { exampleCounts: rows.map((_, i) => i + 1) };
        for (const options of [entry.sample({ n, f }), ...entry.variants({ n, f })]) {
          const stage = entry.make(options);
          const finite = await applyTo(stage, rows, round);
          expect(finite.rows.flat().every(Number.isFinite)).toBe(true);
          expect(finite.weights?.flat().every(Number.isFinite) ?? true).toBe(true);
          if (!stage.laws.includes('bounded')) continue;
          const attacked = rows.map((row, i) => (i < f ? [signs[i]!, row[1]] : row));
          const { rows: out, weights = [], evidence = [] } = await applyTo(stage, attacked, round);
          const spoilt = out.filter((row) => !row.every(Number.isFinite));
          expect(spoilt.length).toBeLessThanOrEqual(entry.kind === 'rule' ? 0 : f);
          expect(weights.flat().every(Number.isFinite)).toBe(true);
          for (const { score = 0, clipFactor = 0 } of evidence) {
            expect([score, clipFactor]).not.toContain(Number.NaN);
          }
        }
      }),
      { seed: 21, numRuns: 40 },
    );
  });
});
