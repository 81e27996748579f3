/**
 * The conformance run: golden vectors against our rules, stages and attacks, on one backend.
 *
 * Rules are called directly and unscreened: a vector with infinities is there to see what the rule
 * itself does with them.
 *
 * @module
 */

import type { Backend, Matrix } from '../../backend/kernels.ts';
import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import { compare } from './compare.ts';
import type { Golden, GoldenCase, GoldenEntry } from './golden.ts';
import type { GoldenInput } from './reference.ts';
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
  /** Why there is no result to compare. */
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
 * Runs golden vectors. Every case is read and checked before the first one runs; a rule that throws
 * has failed its case.
 *
 * @throws {FormatError} if a case is malformed or an input cannot be read; names file and field.
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
  for (const task of tasks) {
    if (updates?.golden !== task.golden || updates.name !== task.wanted.input) {
      updates = await updatesOf(task, backend);
    }
    cases.push(await outcomeOf(task, updates, backend));
    onProgress?.(cases.length, tasks.length);
  }
  const passed = cases.filter(({ ok }) => ok).length;
  return { passed, failed: cases.length - passed, unknown, cases };
}

interface Task {
  readonly golden: Golden;
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
      const task = taskOf(golden, entry);
      if (task === undefined) unknown.set(entry.rule, (unknown.get(entry.rule) ?? 0) + 1);
      else tasks.push(task);
    }
  }
  return { tasks, unknown };
}

function taskOf(golden: Golden, entry: GoldenEntry): Task | undefined {
  if (!isKnown(entry.rule)) return undefined;
  const wanted = golden.read(entry);
  try {
    return { golden, wanted, subject: subjectFor(wanted.rule, wanted.params, wanted.rows) };
  } catch (error) {
    if (error instanceof FormatError && error.code === 'unsupported') return undefined;
    if (error instanceof FormatError) throw error;
    // A rule that refuses its parameters fails its case, as one does that throws later.
    return { golden, wanted, subject: () => Promise.reject(error) };
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

async function updatesOf({ golden, wanted }: Task, backend: Backend): Promise<Updates> {
  const name = wanted.input;
  const input = await golden.input(name);
  return { golden, name, input, x: backend.matrix(rowsOf(input)) };
}

async function outcomeOf(
  { wanted, subject }: Task,
  { input, x }: Updates,
  backend: Backend,
): Promise<CaseOutcome> {
  const { id, rule, class: kind } = wanted;
  const names = { id, rule, class: kind };
  const failed = (reason: string): CaseOutcome => ({ ...names, ok: false, worst: null, reason });
  try {
    const value = await subject(x, backend);
    const [rows, cols] = wanted.shape;
    if (value.rows !== rows || value.cols !== cols) {
      return failed(`the result must be ${rows}×${cols}, got ${value.rows}×${value.cols}`);
    }
    const result = await backend.read(value);
    backend.release(value);
    return { ...names, ...compare(result, wanted, input) };
  } catch (error) {
    return failed(error instanceof Error ? error.message : show(error));
  } finally {
    backend.release(x);
  }
}

function rowsOf({ rows, cols, values }: GoldenInput): Float32Array[] {
  return Array.from({ length: rows }, (_, i) => values.subarray(i * cols, (i + 1) * cols));
}
