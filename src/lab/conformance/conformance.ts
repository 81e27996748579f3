/**
 * The conformance run: golden vectors against our rules, stages, attacks and ciphers, on one backend.
 *
 * Rules are called directly and unscreened: a vector with infinities is there to see what the rule
 * itself does with them.
 *
 * @module
 */

import type { Backend, Matrix } from '../../backend/kernels.ts';
import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import { type ByteCase, isByteRule, readByteCase } from './byte-subjects.ts';
import { compare } from './compare.ts';
import type { Golden, GoldenCase, GoldenEntry } from './golden.ts';
import type { GoldenInput } from './reference.ts';
import { isScoreRule, readScoreCase, type ScoreCase } from './score-subjects.ts';
import { isKnown, type Subject, subjectFor } from './subjects.ts';

/** What became of one case. */
export interface CaseOutcome {
  readonly id: string;
  readonly rule: string;
  readonly class: string;
  readonly ok: boolean;
  /**
   * Largest error in units of its tolerance, against the accepted answer that fits best. Infinity
   * where no tolerance would do; null where there is no result of the right shape.
   */
  readonly worst: number | null;
  /** Why there is no result, or none to compare. */
  readonly reason?: string;
}

/** The outcome of a run. */
export interface ConformanceReport {
  readonly passed: number;
  readonly failed: number;
  /** Cases of rules that this version does not have, by rule. */
  readonly unknown: ReadonlyMap<string, number>;
  /** Every case that was run, in the order of the files. */
  readonly cases: readonly CaseOutcome[];
}

/** Settings of a run. */
export interface ConformanceOptions {
  /** Runs only cases whose rule starts with one of these. */
  readonly only?: readonly string[] | undefined;
  /** Called after each case. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Runs golden vectors. A case fails whose result is wrong, whose rule throws, or which is malformed:
 * one odd case does not hide the others.
 *
 * @throws {FormatError} if an input cannot be read or is not what the index says.
 */
export async function runConformance(
  goldens: readonly Golden[],
  backend: Backend,
  { only, onProgress }: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const wanted = (rule: string): boolean => only?.some((prefix) => rule.startsWith(prefix)) ?? true;
  const { tasks, unknown } = prepare(goldens, wanted);
  const cases: CaseOutcome[] = [];
  let updates: Updates | undefined;
  for (const { golden, entry, plan } of tasks) {
    if (plan instanceof Error) {
      cases.push(failed(entry, plan));
    } else if ('compute' in plan) {
      cases.push(byteOutcomeOf(entry, plan));
    } else if ('score' in plan) {
      cases.push(await scoreOutcomeOf(entry, plan, { golden, backend }));
    } else {
      const { input } = plan.wanted;
      if (updates?.golden !== golden || updates.name !== input) {
        updates = await updatesOf(golden, input, backend);
      }
      cases.push(await outcomeOf(plan, updates, backend));
    }
    onProgress?.(cases.length, tasks.length);
  }
  const passed = cases.filter(({ ok }) => ok).length;
  return { passed, failed: cases.length - passed, unknown, cases };
}

/** A case of a rule that we have. */
interface Task {
  readonly golden: Golden;
  readonly entry: GoldenEntry;
  /** What to run, or why it cannot be run. */
  readonly plan: Plan | ByteCase | ScoreCase | Error;
}

interface Plan {
  readonly wanted: GoldenCase;
  readonly subject: Subject;
}

function prepare(
  goldens: readonly Golden[],
  wants: (rule: string) => boolean,
): { tasks: Task[]; unknown: Map<string, number> } {
  const tasks: Task[] = [];
  const unknown = new Map<string, number>();
  for (const golden of goldens) {
    for (const entry of golden.entries.filter(({ rule }) => wants(rule))) {
      const isOurs = [isKnown, isByteRule, isScoreRule].some((knows) => knows(entry.rule));
      const plan = isOurs ? planOf(golden, entry) : undefined;
      if (plan === undefined) unknown.set(entry.rule, (unknown.get(entry.rule) ?? 0) + 1);
      else tasks.push({ golden, entry, plan });
    }
  }
  return { tasks, unknown };
}

/** Undefined where the case needs a part that we do not have. */
function planOf(
  golden: Golden,
  entry: GoldenEntry,
): Plan | ByteCase | ScoreCase | Error | undefined {
  try {
    if (isByteRule(entry.rule)) return readByteCase(entry.rule, entry.fields);
    if (isScoreRule(entry.rule)) return readScoreCase(golden, entry);
    const wanted = golden.read(entry);
    return { wanted, subject: subjectFor(wanted.rule, wanted.params, wanted.rows) };
  } catch (error) {
    if (error instanceof FormatError && error.code === 'unsupported') return undefined;
    return error instanceof Error ? error : new Error(show(error));
  }
}

/**
 * The updates of one input. Cases of one input stand together and share the expression, hence what
 * the backend remembers of it: its distances are computed once for all rules, as in a server.
 */
interface Updates {
  readonly golden: Golden;
  readonly name: string;
  readonly input: GoldenInput;
  readonly x: Matrix;
}

async function updatesOf(golden: Golden, name: string, backend: Backend): Promise<Updates> {
  const input = await golden.input(name);
  return { golden, name, input, x: backend.matrix(rowsOf(input)) };
}

async function outcomeOf(
  { wanted, subject }: Plan,
  { input, x }: Updates,
  backend: Backend,
): Promise<CaseOutcome> {
  try {
    const value = await subject(x, backend);
    const [rows, cols] = wanted.shape;
    if (value.rows !== rows || value.cols !== cols) {
      throw new Error(`the result must be ${rows}×${cols}, got ${value.rows}×${value.cols}`);
    }
    const result = await backend.read(value);
    backend.release(value);
    return { ...namesOf(wanted), ...compare(result, wanted, input) };
  } catch (error) {
    return failed(wanted, error);
  } finally {
    backend.release(x);
  }
}

function byteOutcomeOf(entry: GoldenEntry, { compute, expected }: ByteCase): CaseOutcome {
  try {
    const result = compute();
    const ok = result.length === expected.length && result.every((byte, i) => byte === expected[i]);
    return { ...namesOf(entry), ok, worst: ok ? 0 : Number.POSITIVE_INFINITY };
  } catch (error) {
    return failed(entry, error);
  }
}

async function scoreOutcomeOf(
  entry: GoldenEntry,
  { score, parts, input }: ScoreCase,
  { golden, backend }: { readonly golden: Golden; readonly backend: Backend },
): Promise<CaseOutcome> {
  const updates = await golden.input(input);
  try {
    const scores = await score(updates.values, backend);
    const verdicts = [...parts].map(([part, wanted]) => {
      const found = scores.get(part);
      if (found === undefined) throw new Error(`there is no score called ${part}`);
      return compare(found, wanted, updates);
    });
    const worst = Math.max(...verdicts.map((verdict) => verdict.worst));
    return { ...namesOf(entry), ok: verdicts.every(({ ok }) => ok), worst };
  } catch (error) {
    return failed(entry, error);
  }
}

function failed(entry: GoldenEntry, error: unknown): CaseOutcome {
  const reason = error instanceof Error ? error.message : show(error);
  return { ...namesOf(entry), ok: false, worst: null, reason };
}

function namesOf({
  id,
  rule,
  class: kind,
}: GoldenEntry): Pick<CaseOutcome, 'id' | 'rule' | 'class'> {
  return { id, rule, class: kind };
}

function rowsOf({ rows, cols, values }: GoldenInput): Float32Array[] {
  return Array.from({ length: rows }, (_, i) => values.subarray(i * cols, (i + 1) * cols));
}
