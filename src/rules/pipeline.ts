/**
 * Stages in turn, ended by a rule: itself a rule.
 *
 * What each part says of the rows it saw is carried back to the clients: shares are multiplied, clip
 * factors too, and a bucket's score is told of every client in the bucket.
 *
 * @module
 */

import type { Matrix } from '../backend/kernels.ts';
import { show } from '../core/assert.ts';
import type { Sensitivity } from '../core/sensitivity.ts';
import type {
  Bounded,
  ClientEvidence,
  LatticeRows,
  Law,
  Releasable,
  Round,
  Rule,
  Stage,
  StageResult,
} from './rule.ts';

/** Laws that a pipeline has when each of its parts has them. */
const COMPOSED: readonly Law[] = [
  'permutation',
  'translation',
  'scale',
  'mean-without-faults',
  'agreement',
  'bounded',
];
/** No larger cohort is tried when looking for the least one. */
const LARGEST_COHORT = 2 ** 20;

/**
 * The stages in turn, then the rule: `pipeline(nnm({ f: 2 }), trimmedMean({ f: 2 }))`. Each part
 * checks its own condition on the rows that reach it: after bucketing by s a rule sees ⌈n/s⌉.
 *
 * Example counts follow the rows: a bucket counts what its clients count together.
 *
 * Where a bound on one client's influence is known of each part, it is known of the whole, and the type
 * says so.
 *
 * @throws {RangeError} if there is no part.
 * @throws {TypeError} if a part is neither stage nor rule.
 */
export function pipeline<P extends readonly [...Stage[], Rule]>(
  ...parts: P
): P extends readonly Releasable<Stage>[]
  ? Releasable<Rule>
  : P extends readonly Bounded<Stage>[]
    ? Bounded<Rule>
    : Rule;
export function pipeline(...parts: readonly [...Stage[], Rule]): Rule {
  const stages: readonly Stage[] = parts;
  checkParts(stages);
  return {
    name: stages.map(({ name }) => name).join('+'),
    laws: lawsOf(stages),
    minClients: minClientsOf(stages),
    ...(stages.every(isBounded) && { sensitivity: composed(stages) }),
    ...(stages.every(isReleasable) && { onLattice: latticeOf(stages) }),
    async apply(x, ops, round) {
      let state = start(x);
      for (const stage of stages) {
        state = advance(state, await stage.apply(state.value, ops, roundOf(state, round)));
      }
      return {
        value: state.value,
        ...(state.weights === 'not linear' ? {} : { weights: state.weights }),
        evidence: state.evidence,
      };
    },
  };
}

function isBounded(stage: Stage): stage is Bounded<Stage> {
  return stage.sensitivity !== undefined;
}

function isReleasable(stage: Stage): stage is Releasable<Stage> {
  return isBounded(stage) && stage.onLattice !== undefined;
}

function latticeOf(stages: readonly Releasable<Stage>[]): Releasable<Stage>['onLattice'] {
  return async (x, ops) => {
    let rows: LatticeRows = x;
    for (const stage of stages) rows = await stage.onLattice(rows, ops);
    return rows;
  };
}

function composed(stages: readonly Bounded<Stage>[]): Sensitivity {
  return (before) => stages.reduce((known, stage) => stage.sensitivity(known), before);
}

function checkParts(parts: readonly unknown[]): void {
  if (parts.length === 0) throw new RangeError('a pipeline must end in a rule, got no part');
  for (const [i, part] of parts.entries()) {
    // A factory has an `apply` too, that of every function: `mean` where `mean()` was meant.
    const fits = typeof part === 'object' && part !== null && 'apply' in part && 'name' in part;
    if (fits) continue;
    const needed = 'must be a stage or a rule, such as mean()';
    throw new TypeError(`part ${i} of a pipeline ${needed}, got ${show(part)}`);
  }
}

/** What is known between two parts, told of the n clients. */
interface State {
  readonly value: Matrix;
  /** Shares of the clients in each row, m×n. */
  readonly weights: readonly (readonly number[])[] | 'not linear';
  /** The row that stands for each client; undefined once a part does not tell. */
  readonly rowOf: readonly number[] | undefined;
  readonly evidence: readonly ClientEvidence[];
}

function start(x: Matrix): State {
  const rows = Array.from({ length: x.rows }, (_, i) => i);
  return {
    value: x,
    weights: rows.map((i) => rows.map((j) => (i === j ? 1 : 0))),
    rowOf: rows,
    evidence: rows.map(() => ({})),
  };
}

function advance(state: State, { value, weights, rowOf, evidence }: StageResult): State {
  const linear = weights !== undefined && state.weights !== 'not linear';
  return {
    value,
    weights: linear ? multiply(weights, state.weights) : 'not linear',
    rowOf: follow(state, value, rowOf),
    evidence: state.evidence.map((known, client) => {
      const row = state.rowOf?.[client];
      return row === undefined ? known : merge(known, evidence?.[row]);
    }),
  };
}

function follow(
  state: State,
  value: Matrix,
  rowOf: readonly number[] | undefined,
): readonly number[] | undefined {
  if (rowOf !== undefined) return state.rowOf?.map((row) => rowOf[row]!);
  return value.rows === state.value.rows ? state.rowOf : undefined;
}

function merge(known: ClientEvidence, news: ClientEvidence | undefined): ClientEvidence {
  if (news === undefined) return known;
  const factors = [known.clipFactor, news.clipFactor].filter((c) => c !== undefined);
  const reasons = [known.reason, news.reason].filter((reason) => reason !== undefined);
  return {
    ...known,
    ...news,
    ...(factors.length > 0 && { clipFactor: factors.reduce((a, b) => a * b) }),
    ...(reasons.length > 0 && { reason: reasons.join('; ') }),
  };
}

/**
 * The round as the next part should see it: one example count for each of its rows, and clients
 * and their past as long as each row is still that of one client.
 */
function roundOf({ value, rowOf }: State, round: Round): Round {
  const { exampleCounts, clients, past, ...rest } = round;
  if (rowOf === undefined) return rest;
  const unmoved = rowOf.length === value.rows && rowOf.every((row, client) => row === client);
  return {
    ...rest,
    ...(clients && unmoved && { clients }),
    ...(past && unmoved && { past }),
    ...(exampleCounts && { exampleCounts: summed(exampleCounts, { rowOf, rows: value.rows }) }),
  };
}

function summed(
  exampleCounts: readonly number[],
  { rowOf, rows }: { rowOf: readonly number[]; rows: number },
): number[] {
  const counts = new Array<number>(rows).fill(0);
  for (const [client, row] of rowOf.entries()) counts[row]! += exampleCounts[client]!;
  return counts;
}

function multiply(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  return a.map((shares) => {
    const sum = new Array<number>(b[0]!.length).fill(0);
    for (const [k, share] of shares.entries()) {
      if (share === 0) continue;
      for (const [client, inner] of b[k]!.entries()) sum[client]! += share * inner;
    }
    return sum;
  });
}

function lawsOf(stages: readonly Stage[]): Law[] {
  const has = (law: Law) => (stage: Stage) => stage.laws.includes(law);
  const laws = COMPOSED.filter((law) => stages.every(has(law)));
  const scales = stages.map((stage) => has('scale')(stage) || has('joint-scale')(stage));
  if (scales.every(Boolean) && !laws.includes('scale')) laws.push('joint-scale');
  if (has('scale-invariant')(stages.at(-1)!) && stages.slice(0, -1).every(has('scale'))) {
    laws.push('scale-invariant');
  }
  return laws;
}

/** The least n that suits every part; Infinity where none up to 2²⁰ does. */
function minClientsOf(stages: readonly Stage[]): number {
  const suits = (n: number): boolean => {
    let rows = n;
    for (const { minClients = 1, rowsOut } of stages) {
      if (rows < minClients) return false;
      rows = rowsOut?.(rows) ?? rows;
    }
    return true;
  };
  // More clients never mean fewer rows, so halving finds the least.
  let [low, high] = [1, LARGEST_COHORT];
  if (!suits(high)) return Number.POSITIVE_INFINITY;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (suits(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
