/**
 * The laws of `src/rules/rule.ts`, each as an examination: it applies a stage to a trial and tells how
 * far it is from the law. The same examination serves for the properties (never far) and for the
 * counterexamples (far).
 *
 * @module
 */

import fc from 'fast-check';
import type { Cohort } from '../../src/rules/entry.ts';
import type { Law, Stage } from '../../src/rules/rule.ts';
import { applyTo } from './apply.ts';
import { reachOf } from './reach.ts';
import type { Subject } from './rule-subjects.ts';
import { largestEntry, meanOf, type Rows } from './vectors.ts';

/** All laws. */
export const LAWS: readonly Law[] = Object.keys({
  permutation: 0,
  translation: 0,
  scale: 0,
  'joint-scale': 0,
  'scale-invariant': 0,
  'mean-without-faults': 0,
  agreement: 0,
  bounded: 0,
} satisfies Record<Law, 0>) as Law[];

/** Numbers on which a law is examined: f32 numbers, so that only results are rounded. */
export interface Trial {
  readonly f: number;
  readonly rows: Rows;
  /** Example counts. Default all 1. */
  readonly counts?: readonly number[];
  /** For `permutation`: client order[k] comes as number k. For `bounded`: attackers come first. */
  readonly order?: readonly number[];
  /** For `translation`. */
  readonly shift?: readonly number[];
  /** For the laws of scale; default 2. */
  readonly factor?: number;
  /** For `bounded`: the f rows sent in place of those of the clients that come first in `order`. */
  readonly sent?: Rows;
}

/** How far from the law, and how far rounding alone may lead. */
export interface Finding {
  readonly deviation: number;
  readonly tolerance: number;
}

type Examination = (subject: Subject, trial: Required<Trial>) => Promise<Finding>;

/**
 * Every node of an expression rounds its result to f32, by at most 2⁻²⁴ of the entries that go in; the
 * two results that a law compares pass at most two such nodes each. The geometric median, which ends on
 * one of Newton's steps, is found closer than that.
 */
const ROUNDING = 4 * 2 ** -24;

const EXAMINATIONS: Readonly<Record<Law, Examination>> = {
  async permutation(subject, { f, rows, counts, order }) {
    const stage = subject.make({ n: rows.length, f });
    const plain = await outcomeOf(stage, { rows, counts });
    const moved = await outcomeOf(stage, {
      rows: order.map((i) => rows[i]!),
      counts: order.map((i) => counts[i]!),
    });
    const want = order.map((i) => plain.ofClient[i]!);
    return compare({ got: moved.ofClient, want, inputs: rows });
  },

  async translation(subject, { f, rows, counts, shift }) {
    const stage = subject.make({ n: rows.length, f });
    const move = (x: Rows): Rows => x.map((row) => row.map((value, j) => value + shift[j]!));
    const plain = await outcomeOf(stage, { rows, counts });
    const moved = await outcomeOf(stage, { rows: move(rows), counts });
    const inputs = [...rows, ...move(rows), shift];
    return compare({ got: moved.rows, want: move(plain.rows), inputs });
  },

  scale: (subject, trial) => scaling(subject, trial, {}),

  'joint-scale': (subject, trial) => scaling(subject, trial, { parameters: trial.factor }),

  'scale-invariant': (subject, trial) => scaling(subject, trial, { results: 1 }),

  async 'mean-without-faults'(subject, { rows, counts }) {
    const stage = subject.make({ n: rows.length, f: 0 });
    const outcome = await outcomeOf(stage, { rows, counts });
    return compare({ got: [meanOf(outcome.rows)], want: [meanOf(rows)], inputs: rows });
  },

  async agreement(subject, { f, rows, counts }) {
    const stage = subject.make({ n: rows.length, f });
    const alike = rows.map(() => rows[0]!);
    const outcome = await outcomeOf(stage, { rows: alike, counts });
    const want = outcome.rows.map(() => rows[0]!);
    const { deviation } = compare({ got: outcome.rows, want, inputs: rows });
    // An f64 sum of f32 numbers that are all alike, with weights that add to 1, rounds back to them.
    return { deviation, tolerance: 0 };
  },

  async bounded(subject, { f, rows, counts, order, sent }) {
    const cohort = { n: rows.length, f };
    const attackers = order.slice(0, f);
    const all = rows.map((row, i) => sent[attackers.indexOf(i)] ?? row);
    const honest = rows.filter((_, i) => !attackers.includes(i));
    const outcome = await outcomeOf(subject.make(cohort), { rows: all, counts });
    const options = subject.options(cohort);
    return overreach(subject, outcome, { ...cohort, honest, options });
  },
};

/** Examines a law on a trial. */
export function examine(
  law: Law,
  { subject, trial }: { subject: Subject; trial: Trial },
): Promise<Finding> {
  const n = trial.rows.length;
  const defaults = {
    counts: new Array<number>(n).fill(1),
    order: [...trial.rows.keys()],
    shift: trial.rows[0]!.map(() => 0),
    factor: 2,
    sent: [],
  };
  return EXAMINATIONS[law](subject, { ...defaults, ...trial });
}

/**
 * Whether a law says anything of a subject that another one does not: without options that have the
 * unit of an update, `joint-scale` is `scale`.
 */
export function saysMore(law: Law, subject: Subject): boolean {
  return law !== 'joint-scale' || subject.scaled;
}

/** What came of a stage. */
interface Outcome {
  /** Its rows; one from a rule. */
  readonly rows: Rows;
  /** The row that stands for each client. */
  readonly ofClient: Rows;
}

async function outcomeOf(
  stage: Stage,
  { rows, counts }: { rows: Rows; counts: readonly number[] },
): Promise<Outcome> {
  const result = await applyTo(stage, rows, { exampleCounts: counts });
  const standIn = (client: number): number =>
    result.rowOf?.[client] ?? (result.rows.length === 1 ? 0 : client);
  return { rows: result.rows, ofClient: rows.map((_, client) => result.rows[standIn(client)]!) };
}

async function scaling(
  subject: Subject,
  { f, rows, counts, factor }: Required<Trial>,
  { parameters = 1, results = factor }: { parameters?: number; results?: number },
): Promise<Finding> {
  const cohort = { n: rows.length, f };
  const times = (x: Rows, by: number): Rows => x.map((row) => row.map((value) => value * by));
  const plain = await outcomeOf(subject.make(cohort), { rows, counts });
  const scaled = await outcomeOf(subject.make(cohort, parameters), {
    rows: times(rows, factor),
    counts,
  });
  const inputs = [...rows, ...times(rows, factor)];
  return compare({ got: scaled.rows, want: times(plain.rows, results), inputs });
}

function compare({ got, want, inputs }: { got: Rows; want: Rows; inputs: Rows }): Finding {
  const differences = got.flatMap((row, i) =>
    row.map((value, j) => Math.abs(value - want[i]![j]!)),
  );
  return { deviation: worstOf(differences), tolerance: ROUNDING * largestEntry(inputs) };
}

/** How far the result lies outside its place; of a stage, f rows may lie anywhere. */
function overreach(
  { entry, kind }: Subject,
  { rows }: Outcome,
  known: Parameters<typeof reachOf>[1],
): Finding {
  const excess = reachOf(entry, known);
  const worstFirst = rows.map((row) => atWorst(excess(row))).sort((a, b) => b - a);
  const deviation = worstFirst[kind === 'stage' ? known.f : 0] ?? 0;
  // Distances in the bound are rounded in f64, results in f32 by 2⁻²⁴ of their own size.
  return { deviation, tolerance: 1e-6 * Math.max(1, largestEntry(known.honest)) };
}

function worstOf(values: readonly number[]): number {
  return Math.max(...values.map(atWorst));
}

/** NaN is as far away as can be. */
function atWorst(value: number): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
}

/**
 * Trials for a law.
 *
 * Entries are multiples of 2⁻³ up to 32 and factors and shifts such that no input is rounded: then a
 * distance is exact before and after, and no near-tie is broken differently. Ties may come: rules break
 * them by index or value, which only an order of clients changes. For `permutation` entries are
 * therefore drawn evenly from 2²¹ values and n ≥ 2f + 3 and 4, so that Krum's scores do not tie.
 */
export function trials(law: Law, subject: Subject): fc.Arbitrary<Trial> {
  const cohorts = fc.record({
    f: fc.integer({ min: 0, max: 2 }),
    more: fc.integer({ max: 3, min: 0 }),
  });
  return cohorts.chain(({ f, more }) => {
    const roomy = law === 'permutation' ? Math.max(4, 2 * f + 3) : 2 * f + 1;
    const { minClients = 1 } = subject.make({ n: 2 * f + 1, f });
    return trialsOf(law, { n: Math.max(roomy, minClients) + more, f });
  });
}

function trialsOf(law: Law, { n, f }: Cohort): fc.Arbitrary<Trial> {
  const cols = fc.integer(law === 'permutation' ? { min: 3, max: 5 } : { min: 1, max: 4 });
  return cols.chain((d) => {
    const list = <T>(of: fc.Arbitrary<T>, length: number): fc.Arbitrary<T[]> =>
      fc.array(of, { minLength: length, maxLength: length });
    const order = fc.shuffledSubarray([...new Array(n).keys()], { minLength: n, maxLength: n });
    return fc.record({
      f: fc.constant(f),
      rows: list(list(entries(law), d), n),
      counts: list(fc.integer({ min: 1, max: 99 }), n),
      order,
      shift: list(coarse, d),
      factor: fc.constantFrom(0.125, 0.5, 2, 3, 7, 1024),
      sent: f === 0 ? fc.constant([]) : coalitions(f, d),
    });
  });
}

/** Multiples of 2⁻³ up to 32. */
export const coarse: fc.Arbitrary<number> = fc
  .integer({ min: -256, max: 256 })
  .map((value) => value / 8);
const fine = fc
  .noBias(fc.integer({ min: -(2 ** 20), max: 2 ** 20 }))
  .map((value) => value / 2 ** 15);

function entries(law: Law): fc.Arbitrary<number> {
  if (law === 'permutation') return fine;
  if (law === 'agreement') return fc.float({ noNaN: true, noDefaultInfinity: true });
  return coarse;
}

/** What f attackers send: near or far or infinite, each its own row, or all the same, or opposite. */
export function coalitions(f: number, d: number): fc.Arbitrary<number[][]> {
  const row = fc.array(coarse, { minLength: d, maxLength: d });
  const length = fc.constantFrom(0.01, 1, 1e3, 1e6, 1e12, 1e30, 1e36, Number.POSITIVE_INFINITY);
  const ways = fc.constantFrom('apart', 'together', 'opposite');
  return fc
    .tuple(fc.array(row, { minLength: f, maxLength: f }), length, ways)
    .map(([directions, times, way]) =>
      directions.map((own, k) => {
        const direction = way === 'apart' ? own : directions[0]!;
        const sign = way === 'opposite' && k % 2 === 1 ? -1 : 1;
        // Not 0 · ∞, and rounded as a client would send it.
        return direction.map((value) => (value === 0 ? 0 : Math.fround(value * sign * times)));
      }),
    );
}
