/**
 * Golden vectors of poisoning scores: several numbers for each client, under names of the article that
 * defined them.
 *
 * @module
 */

import { type ArticleScore, articleScores } from '../../analysis/article.ts';
import { type Moments, NO_MOMENTS, withNumber } from '../../analysis/statistics.ts';
import { FormatError } from '../../core/errors.ts';
import { type CaseKind, rowsIn } from './case.ts';
import { compareParts } from './compare.ts';
import type { Fields } from './fields.ts';

/** Their names for ours. */
const NAMES: Readonly<Record<string, keyof ArticleScore>> = {
  distance_sum: 'distanceSum',
  krum: 'krum',
  cosine: 'cosine',
  cos_raw: 'cosRaw',
  magnitude: 'magnitude',
  step_norm: 'stepNorm',
  history_signed: 'historySigned',
  history_abs: 'historyAbs',
  combined_signed: 'combinedSigned',
  combined_abs: 'combinedAbs',
};

/** Cases of scores. Their input is the global model, and then the updated ones. */
export const scoreCases: CaseKind = {
  knows: (rule) => rule === 'poison_scores',
  read(golden, entry) {
    const { fields } = entry;
    const [n, d] = [fields.integer('n', 1), fields.integer('d', 1)];
    const [expected, tol] = [fields.object('expected'), fields.object('tol')];
    const parts = golden.readParts(entry, {
      shape: [1, n],
      cols: d,
      parts: expected
        .keys()
        .map((name) => ({ name, expected: expected.object(name), tol: tol.object(name) })),
    });
    const pastNorms = pastNormsOf(fields.object('params'), n);
    return {
      input: fields.string('input'),
      async run({ input }, backend) {
        const rows = rowsIn(input, [n + 1, d]);
        const model = backend.matrix([rows[0]!]);
        // Steps: each row less the model.
        const weights = Array.from({ length: n }, (_, i) =>
          rows.map((_, k) => Number(k === i + 1) - Number(k === 0)),
        );
        const steps = backend.combine(weights, backend.matrix(rows));
        const scores = await articleScores(steps, model, { ops: backend, pastNorms });
        backend.release(steps);
        const named = Object.entries(NAMES).map(([theirs, ours]): [string, number[]] => [
          theirs,
          scores.map((score) => score[ours]),
        ]);
        return compareParts(new Map(named), parts, input);
      },
    };
  },
};

function pastNormsOf(params: Fields, n: number): Moments[] {
  const past = params.numberLists('past_step_norms');
  if (past.length !== n) {
    throw new FormatError('malformed', `${params.where}.past_step_norms must have ${n} lists`);
  }
  return past.map((norms) =>
    norms.reduce((moments, norm) => withNumber(moments, norm), NO_MOMENTS),
  );
}
