/**
 * A rule of your own in one file: the midrange without the f lowest and f highest values.
 *
 *     npx tsx examples/custom-rule.ts
 *
 * @module
 */

import { aggregate, clipNorm, pipeline, type Rule, requireClients } from '../src/index.ts';

function trimmedMidrange({ f }: { f: number }): Rule {
  const min = 2 * f + 1;
  return {
    name: 'trimmed-midrange',
    laws: ['permutation', 'translation', 'scale', 'agreement', 'bounded'],
    minClients: min,
    async apply(x, ops) {
      const condition = { rule: 'trimmed-midrange', formula: '2f + 1', min, given: `f = ${f}` };
      requireClients(condition, x.rows);
      const low = ops.rankMean(x, f, f + 1);
      const high = ops.rankMean(x, x.rows - f - 1, x.rows - f);
      // An expression: any backend can run it tile by tile, and nothing is computed yet.
      return { value: ops.combine([[0.5, 0.5]], ops.stack(low, high)) };
    },
  };
}

const updates = [1, 2, 3, 4, 900].map((v) => Float32Array.of(v, -v));
const alone = await aggregate(updates, trimmedMidrange({ f: 1 }));
console.log('trimmed midrange', [...alone.value]);

const rule = pipeline(clipNorm({ max: 10 }), trimmedMidrange({ f: 1 }));
const { value } = await aggregate(updates, rule);
console.log(rule.name, [...value]);
