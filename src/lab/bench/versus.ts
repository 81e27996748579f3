/**
 * Ours against others', on the same rows, in the same minutes: for each line of {@link LINES} one run of
 * ours, one of each of theirs, and round again. Under Node.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend, BackendName, Matrix } from '../../backend/kernels.ts';
import { AggregationError, BackendError } from '../../core/errors.ts';
import { type Bench, isShared, open } from './bench.ts';
import { normalRows } from './data.ts';
import { leastObjective, objective } from './optimum.ts';
import { findPython, Python, PythonProblem } from './python.ts';
import {
  agrees,
  type DistanceError,
  differenceOf,
  groupsOf,
  judged,
  LINES,
  type Line,
  type Ratio,
  type RivalFacts,
} from './ratios.ts';
import { race } from './stopwatch.ts';
import { applied, roundOf, subject } from './subjects.ts';
import { readVector, writeRows } from './vector-files.ts';

/** How others are found. */
export interface Rivals {
  /** An interpreter; default the first on the path that imports NumPy. */
  readonly interpreter?: string | undefined;
  /** The script that answers requests. */
  readonly script: string;
  readonly onRatio: (ratio: Ratio) => void;
}

/** A quick run shrinks every shape by this. */
const QUICK_SHARE = 500;

/**
 * Measures every line.
 *
 * @returns what the interpreter says of itself, or why none could be asked.
 */
export async function measureRatios(
  bench: Bench,
  { interpreter: named, script, onRatio }: Rivals,
): Promise<RivalFacts | { problem: string }> {
  const found = await findPython(named);
  if ('problem' in found) return found;
  const { interpreter } = found;
  const folder = await mkdtemp(join(tmpdir(), 'aggregis-bench-'));
  const { cores } = bench.settings;
  try {
    const single = await Python.start(interpreter, { script, threads: 1 });
    await using one = single.python;
    await using all = (await Python.start(interpreter, { script, threads: cores })).python;
    for (const lines of shapesOf(linesFor(bench))) {
      const { n, d } = lines[0]!;
      const rows = normalRows({ n, d }, bench.settings.seed);
      const file = join(folder, 'rows.npy');
      await writeRows(file, rows);
      const counts = roundOf(n).exampleCounts;
      for (const threads of ['one', 'all'] as const) {
        const mine = lines.filter((line) => line.threads === threads);
        if (mine.length === 0) continue;
        const python = threads === 'one' ? one : all;
        await python.ask({ do: 'load', file, counts });
        await compare(bench, { lines: mine, rows, python, folder, onRatio });
        await python.ask({ do: 'forget' });
      }
    }
    const distances = await distanceErrors(bench, { python: one, folder });
    return { ...single.facts, interpreter, distances };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function linesFor({ settings }: Bench): Line[] {
  const asked = LINES.filter(({ rule }) => settings.rules?.includes(rule) ?? true);
  if (!settings.quick) return asked;
  // What is required is required at full size.
  return asked.map(({ atLeast: _, ...line }) => ({ ...line, d: Math.ceil(line.d / QUICK_SHARE) }));
}

function shapesOf(lines: readonly Line[]): Line[][] {
  const shapes = new Map<string, Line[]>();
  for (const line of lines) {
    const key = `${line.n} ${line.d}`;
    shapes.set(key, [...(shapes.get(key) ?? []), line]);
  }
  return [...shapes.values()];
}

interface Arena {
  readonly lines: readonly Line[];
  readonly rows: readonly Float32Array[];
  readonly python: Python;
  readonly folder: string;
  readonly onRatio: (ratio: Ratio) => void;
}

/** All lines on one set of rows and one number of threads. */
async function compare(bench: Bench, arena: Arena): Promise<void> {
  const { settings } = bench;
  const count = arena.lines[0]!.threads === 'one' ? 1 : settings.cores;
  for (const name of cpuBackends(settings.backends)) {
    const opened = await open(bench, { name, threads: count });
    if (typeof opened === 'string') {
      for (const line of arena.lines) {
        arena.onRatio({ ...line, backend: name, count, problem: opened });
      }
      continue;
    }
    const { backend } = opened;
    try {
      const shape = { n: arena.rows.length, d: arena.rows[0]!.length };
      const x = backend.matrix(
        isShared(opened.place) ? normalRows(shape, settings.seed, { shared: true }) : arena.rows,
      );
      for (const lines of groupsOf(arena.lines)) {
        const ratios = await rival(bench, { ...arena, lines, backend, x, count });
        ratios.forEach(arena.onRatio);
      }
    } finally {
      await backend.close();
    }
  }
}

/** Others run on the CPU here; ours does likewise. */
function cpuBackends(names: readonly BackendName[]): BackendName[] {
  return names.filter((name) => name !== 'webgpu');
}

/** One rule of ours against all entries of theirs that do the same work. */
async function rival(
  bench: Bench,
  arena: Arena & { backend: Backend; x: Matrix; count: number },
): Promise<Ratio[]> {
  const { lines, rows, python, folder, backend, x, count } = arena;
  const base = { backend: backend.info.name, count };
  const theirs: { line: Line; result: Float32Array }[] = [];
  const refused: Ratio[] = [];
  for (const line of lines) {
    try {
      theirs.push({ line, result: await resultOf(python, line, folder) });
    } catch (error) {
      if (!(error instanceof PythonProblem)) throw error;
      refused.push({ ...line, ...base, problem: error.message });
    }
  }
  if (theirs.length === 0) return refused;
  const one = subject(lines[0]!.rule);
  const value = new Float32Array(x.cols);
  try {
    const ours = async (): Promise<void> => void (await applied(one, { backend, x, into: value }));
    const runs = theirs.map(
      ({ line }) =>
        () =>
          timeOf(python, line),
    );
    const [mine, ...times] = await race([ours, ...runs], bench.settings.repeats);
    const found = theirs.map(({ line, result }, k): Ratio => {
      const compared = comparison(line, { rows, ours: value, theirs: result });
      const verdict = agrees(line.agreement, compared);
      return {
        ...line,
        ...base,
        ...judged(line, { ours: mine!, their: times[k]! }),
        ...compared,
        ...(verdict !== undefined && { agrees: verdict }),
      };
    });
    return [...found, ...refused];
  } catch (error) {
    if (!(error instanceof AggregationError || error instanceof BackendError)) throw error;
    return lines.map((line) => ({ ...line, ...base, problem: error.message }));
  }
}

async function timeOf(python: Python, { theirs, f }: Line): Promise<number> {
  return (await python.ask({ do: 'time', entry: theirs, f })).seconds as number;
}

async function resultOf(
  python: Python,
  line: Pick<Line, 'theirs' | 'f'>,
  folder: string,
): Promise<Float32Array> {
  const file = join(folder, 'result.npy');
  await python.ask({ do: 'keep', entry: line.theirs, f: line.f, file });
  return await readVector(file);
}

function comparison(
  line: Line,
  {
    rows,
    ours,
    theirs,
  }: Record<'ours' | 'theirs', Float32Array> & { rows: readonly Float32Array[] },
): Pick<Ratio, 'difference' | 'aboveOptimum'> {
  const difference = differenceOf(ours, theirs);
  if (line.agreement !== 'optimum') return { difference };
  const least = leastObjectiveOf(rows);
  const above = (z: Float32Array): number => objective(rows, z) / least - 1;
  return { difference, aboveOptimum: { ours: above(ours), theirs: above(theirs) } };
}

const optima = new WeakMap<readonly Float32Array[], number>();

/** Found once for each set of rows: it takes a pass of n²·d. */
function leastObjectiveOf(rows: readonly Float32Array[]): number {
  const known = optima.get(rows) ?? leastObjective(rows);
  optima.set(rows, known);
  return known;
}

/** Rows 1000 + 0.01·N(0, 1): ‖a‖² + ‖b‖² − 2⟨a, b⟩ loses all digits of their distances in f32. */
function alikeRows({ settings: { quick, seed } }: Bench): Float32Array[] {
  const rows = normalRows({ n: 32, d: quick ? 1000 : 100_000 }, seed);
  return rows.map((row) => row.map((value) => 1000 + 0.01 * value));
}

async function distanceErrors(
  bench: Bench,
  { python, folder }: Pick<Arena, 'python' | 'folder'>,
): Promise<DistanceError[]> {
  const rows = alikeRows(bench);
  const exact = distancesOf(rows);
  const errors: DistanceError[] = [];
  for (const name of bench.settings.backends) {
    const opened = await open(bench, { name });
    if (typeof opened === 'string') continue;
    try {
      const { squaredDistances } = await opened.backend.pairs(opened.backend.matrix(rows));
      errors.push({ whose: name, ours: true, worst: worstError(squaredDistances, exact) });
    } finally {
      await opened.backend.close();
    }
  }
  const file = join(folder, 'rows.npy');
  await writeRows(file, rows);
  await python.ask({ do: 'load', file, counts: roundOf(rows.length).exampleCounts });
  for (const theirs of ['numpy distances (x @ x.T)', 'torch distances (cdist)']) {
    try {
      const result = await resultOf(python, { theirs, f: 0 }, folder);
      errors.push({ whose: theirs, ours: false, worst: worstError(result, exact) });
    } catch (error) {
      if (!(error instanceof PythonProblem)) throw error;
      errors.push({ whose: theirs, ours: false, problem: error.message });
    }
  }
  return errors;
}

function distancesOf(rows: readonly Float32Array[]): Float64Array {
  const n = rows.length;
  const distances = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = i + 1; k < n; k++) {
      let sum = 0;
      for (let j = 0; j < rows[i]!.length; j++) sum += (rows[i]![j]! - rows[k]![j]!) ** 2;
      distances[i * n + k] = distances[k * n + i] = sum;
    }
  }
  return distances;
}

function worstError(got: ArrayLike<number>, exact: Float64Array): number {
  // Own distances are 0, whatever they are taken for.
  return exact.reduce(
    (worst, value, k) => (value === 0 ? worst : Math.max(worst, Math.abs(got[k]! - value) / value)),
    0,
  );
}
