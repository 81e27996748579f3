/**
 * Golden vectors of poisoning scores: several numbers for each client, under names of the article that
 * defined them.
 *
 * @module
 */

import { type ArticleScore, articleScores } from '../../analysis/article.ts';
import { NO_MOMENTS, withNumber } from '../../analysis/statistics.ts';
import type { Backend } from '../../backend/kernels.ts';
import { FormatError } from '../../core/errors.ts';
import type { Golden, GoldenCase, GoldenEntry } from './golden.ts';

/** A case, read. */
export interface ScoreCase {
  readonly input: string;
  /** What is expected of each score. */
  readonly parts: ReadonlyMap<string, GoldenCase>;
  /** The scores by name, of a global model and the updated ones, one after the other. */
  readonly score: (
    values: Float32Array,
    backend: Backend,
  ) => Promise<ReadonlyMap<string, readonly number[]>>;
}

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

/** Whether a golden rule is one of scores. */
export function isScoreRule(rule: string): boolean {
  return rule === 'poison_scores';
}

/**
 * Reads a case.
 *
 * @throws {FormatError} `malformed` if a field is missing or of the wrong kind.
 */
export function readScoreCase(golden: Golden, entry: GoldenEntry): ScoreCase {
  const parts = golden.readParts(entry);
  const { input, params, rows: n } = [...parts.values()][0]!;
  const past = params.numberLists('past_step_norms');
  const d = entry.fields.integer('d', 1);
  if (past.length !== n) {
    throw new FormatError('malformed', `${params.where}.past_step_norms must have ${n} lists`);
  }
  const pastNorms = past.map((norms) =>
    norms.reduce((moments, norm) => withNumber(moments, norm), NO_MOMENTS),
  );
  return {
    input,
    parts,
    async score(values, backend) {
      if (values.length !== (n + 1) * d) {
        throw new FormatError('malformed', `input must have ${(n + 1) * d} numbers`);
      }
      const rows = Array.from({ length: n + 1 }, (_, i) => values.subarray(i * d, (i + 1) * d));
      const model = backend.matrix([rows[0]!]);
      const all = backend.matrix(rows.slice(1));
      // Steps: each row less the model.
      const weights = rows
        .slice(1)
        .map((_, i) => rows.map((_, k) => Number(k === i) - Number(k === n)));
      const steps = backend.combine(weights, backend.stack(all, model));
      const scores = await articleScores(steps, model, { ops: backend, pastNorms });
      backend.release(steps);
      return new Map(
        Object.entries(NAMES).map(([theirs, ours]) => [theirs, scores.map((score) => score[ours])]),
      );
    },
  };
}
