/**
 * The conformance run: golden vectors against our rules, stages, attacks, scores, optimisers and
 * ciphers, on one backend.
 *
 * Rules are called directly and unscreened: a vector with infinities is there to see what the rule
 * itself does with them.
 *
 * @module
 */

import type { Backend } from '../../backend/kernels.ts';
import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import { byteCases } from './byte-subjects.ts';
import type { CaseKind, ReadCase, Updates } from './case.ts';
import type { Verdict } from './compare.ts';
import type { Golden, GoldenEntry } from './golden.ts';
import { optimizerCases } from './optimizer-subjects.ts';
import type { GoldenInput } from './reference.ts';
import { ruleCases } from './rule-cases.ts';
import { scoreCases } from './score-subjects.ts';

/** Every kind of case. */
const KINDS: readonly CaseKind[] = [ruleCases, byteCases, scoreCases, optimizerCases];

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
  const updatesOf = updatesOn(backend);
  const cases: CaseOutcome[] = [];
  for (const { golden, entry, plan } of tasks) {
    cases.push(await outcomeOf(entry, await runOf(plan, { golden, updatesOf, backend })));
    onProgress?.(cases.length, tasks.length);
  }
  const passed = cases.filter(({ ok }) => ok).length;
  return { passed, failed: cases.length - passed, unknown, cases };
}

/** A case of a rule that we have. */
interface Task {
  readonly golden: Golden;
  readonly entry: GoldenEntry;
  readonly plan: ReadCase;
}

function prepare(
  goldens: readonly Golden[],
  wants: (rule: string) => boolean,
): { tasks: Task[]; unknown: Map<string, number> } {
  const tasks: Task[] = [];
  const unknown = new Map<string, number>();
  for (const golden of goldens) {
    for (const entry of golden.entries.filter(({ rule }) => wants(rule))) {
      const plan = planOf(golden, entry);
      if (plan === undefined) unknown.set(entry.rule, (unknown.get(entry.rule) ?? 0) + 1);
      else tasks.push({ golden, entry, plan });
    }
  }
  return { tasks, unknown };
}

/** Undefined where the case needs a part that we do not have. One that cannot be read fails when run. */
function planOf(golden: Golden, entry: GoldenEntry): ReadCase | undefined {
  try {
    return KINDS.find((kind) => kind.knows(entry.rule))?.read(golden, entry);
  } catch (error) {
    if (error instanceof FormatError && error.code === 'unsupported') return undefined;
    return {
      run() {
        throw error;
      },
    };
  }
}

type UpdatesOf = (golden: Golden, name: string) => Promise<Updates>;

/** Gives the updates of an input, those of the last one again. */
function updatesOn(backend: Backend): UpdatesOf {
  let last: (Updates & { golden: Golden; name: string }) | undefined;
  return async (golden, name) => {
    if (last?.golden !== golden || last.name !== name) {
      const input = await golden.input(name);
      last = { golden, name, input, x: backend.matrix(rowsOf(input)) };
    }
    return last;
  };
}

/** The run of a case, its input read: that an input cannot be read is nothing that the case does. */
async function runOf(
  plan: ReadCase,
  { golden, updatesOf, backend }: { golden: Golden; updatesOf: UpdatesOf; backend: Backend },
): Promise<() => Verdict | Promise<Verdict>> {
  if (plan.input === undefined) return () => plan.run();
  const updates = await updatesOf(golden, plan.input);
  return async () => {
    try {
      return await plan.run(updates, backend);
    } finally {
      backend.release(updates.x);
    }
  };
}

async function outcomeOf(
  { id, rule, class: kind }: GoldenEntry,
  run: () => Verdict | Promise<Verdict>,
): Promise<CaseOutcome> {
  const names = { id, rule, class: kind };
  try {
    return { ...names, ...(await run()) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : show(error);
    return { ...names, ok: false, worst: null, reason };
  }
}

function rowsOf({ rows, cols, values }: GoldenInput): Float32Array[] {
  return Array.from({ length: rows }, (_, i) => values.subarray(i * cols, (i + 1) * cols));
}
