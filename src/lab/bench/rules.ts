/**
 * Rules × shapes × backends, on data in memory: what does a rule take where the rows are resident, and
 * what from arrays to the result, screen included? And the questions that are cut out of the same
 * cloth: how do sorting rules scale with threads, and how near do sums come to the memory's own rate?
 *
 * @module
 */

import { aggregateWith } from '../../aggregate.ts';
import type { Backend, BackendName } from '../../backend/kernels.ts';
import type { Update } from '../../screen.ts';
import { copier } from './bandwidth.ts';
import {
  type Bench,
  isShared,
  type Opened,
  open,
  orProblem,
  places,
  type Question,
  type Settings,
  type Shape,
  type Subject,
  type Timing,
  timed,
} from './bench.ts';
import { isWindowed, windowedRows } from './data.ts';
import { measure, race } from './stopwatch.ts';
import { applied, attackersAmong, roundOf, subject, subjectsFor } from './subjects.ts';

/** Each rule on each backend and shape, resident and end to end. */
export const ruleTimes: Question = {
  name: 'rules',
  asks: 'What does each rule take, resident and from arrays to the result?',
  async ask(bench) {
    for (const shape of bench.settings.shapes) {
      const subjects = subjectsFor(bench.settings, shape.n);
      await timeRules(bench, { question: 'rules', shape, subjects });
    }
  },
};

/** Sorting rules with 1, 2, 4, … threads, which take turns. */
export const threadScaling: Question = {
  name: 'threads',
  asks: 'How do sorting rules scale with threads? (Two hardware threads may share one core.)',
  async ask(bench) {
    const { settings } = bench;
    const shape = settings.shapes[0]!;
    const f = attackersAmong(shape.n);
    const specs = ['median', `trimmed-mean:f=${f}`, `mea-med:f=${f}`, `phocas:f=${f}`];
    const teams: Opened[] = [];
    try {
      for (const threads of doublings(settings.cores)) {
        const opened = await open(bench, { name: 'wasm', threads });
        if (typeof opened === 'string') {
          const line = { question: 'threads', what: 'all', mode: 'resident', ...shape } as const;
          bench.record({ ...line, backend: 'wasm', problem: opened });
          return;
        }
        teams.push(opened);
      }
      for (const one of specs.map(subject)) await scale(bench, { shape, one, teams });
    } finally {
      for (const { backend } of teams) await backend.close();
    }
  },
};

async function scale(
  bench: Bench,
  { shape, one, teams }: { shape: Shape; one: Subject; teams: readonly Opened[] },
): Promise<void> {
  const { seed, repeats } = bench.settings;
  const rows = windowedRows(shape, seed, { shared: true });
  const into = new Float32Array(shape.d);
  let kernels: readonly string[] = [];
  const runs = teams.map(({ backend }) => {
    const x = backend.matrix(rows);
    return async () => {
      ({ kernels } = await applied(one, { backend, x, into }));
    };
  });
  const times = await race(runs, repeats);
  times.forEach((seconds, k) => {
    const { place } = teams[k]!;
    const line = { question: 'threads', what: one.spec, mode: 'resident', ...shape, ...place };
    bench.record(timed({ ...line, mode: 'resident', kernels }, seconds));
  });
}

/** The sums against the bandwidth of the memory, which is measured in turns with them. */
export const sumTimes: Question = {
  name: 'sums',
  asks: 'How near do sums come to what the memory can do?',
  async ask(bench) {
    const shape = bench.settings.quick ? { n: 8, d: 65_536 } : { n: 32, d: 10_000_000 };
    const subjects = ['weighted-mean', 'mean'].map(subject);
    await timeRules(bench, { question: 'sums', shape, subjects, copy: copier() });
  },
};

/** 1, 2, 4, … and all. */
export function doublings(cores: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log2(cores)) + 1 }, (_, k) => 2 ** k);
  return [...new Set([...powers, cores])];
}

interface Group {
  readonly question: string;
  readonly shape: Shape;
  readonly subjects: readonly Subject[];
  /** What takes turns with rules on resident rows. */
  readonly copy?: Copier;
}

type Copier = ReturnType<typeof copier>;

async function timeRules(bench: Bench, { question, shape, subjects, copy }: Group): Promise<void> {
  const { seed } = bench.settings;
  const rows = windowedRows(shape, seed);
  const note = isWindowed(shape) ? { note: 'rows share memory' } : {};
  const missing = new Set<BackendName>();
  for (const place of places(bench.settings)) {
    if (missing.has(place.name)) continue;
    const opened = await open(bench, place);
    if (typeof opened === 'string') {
      const line = { question, what: 'all', mode: 'resident', backend: place.name } as const;
      bench.record({ ...line, ...shape, problem: opened });
      missing.add(place.name);
      continue;
    }
    const { backend } = opened;
    try {
      const inPlace = isShared(place) ? windowedRows(shape, seed, { shared: true }) : rows;
      const on = { backend, x: backend.matrix(inPlace), into: new Float32Array(shape.d) };
      for (const one of subjects) {
        const line = { question, what: one.spec, ...shape, ...opened.place, ...note };
        const { repeats } = bench.settings;
        const found = await resident({ ...line, mode: 'resident' }, one, {
          ...on,
          repeats,
          ...(copy && { copy }),
        });
        bench.record(found);
        // What a rule cannot do resident it cannot do otherwise.
        if (found.problem !== undefined) continue;
        bench.record(
          await endToEnd({ ...line, mode: 'end to end' }, one, { bench, backend, rows }),
        );
      }
    } finally {
      await backend.close();
    }
  }
}

/** A rule on rows that the backend has. */
export function resident(
  line: Omit<Timing, 'seconds'>,
  one: Subject,
  {
    repeats,
    copy,
    ...on
  }: Parameters<typeof applied>[1] & Pick<Settings, 'repeats'> & { copy?: Copier },
): Promise<Timing> {
  return orProblem(line, async () => {
    let kernels: readonly string[] = [];
    const run = async (): Promise<void> => {
      ({ kernels } = await applied(one, on));
    };
    const [seconds, copied] = await race(copy ? [run, copy.run] : [run], repeats);
    const beside = copied && copy && { copy: copy.rate(copied.median) };
    const { peakTileBytes } = on.backend;
    return timed({ ...line, kernels, peakTileBytes, ...beside }, seconds!);
  });
}

/** `aggregate` with a rule on rows in arrays. */
export function endToEnd(
  line: Omit<Timing, 'seconds'>,
  { spec, rule, named = rule }: Subject,
  { bench, backend, rows }: { bench: Bench; backend: Backend; rows: readonly Float32Array[] },
): Promise<Timing> {
  const aggregate = aggregateWith(bench.createBackend);
  // Counts need names, and rules that know a client by its place need none.
  const counted = spec.includes('weighted') || spec.includes('examples');
  const updates = counted ? withCounts(rows) : rows;
  const weights = counted ? 'examples' : 'uniform';
  return orProblem(line, async () => {
    const seconds = await measure(async () => {
      await aggregate(updates, named, { backend, weights });
    }, bench.settings.repeats);
    return timed({ ...line, peakTileBytes: backend.peakTileBytes }, seconds);
  });
}

function withCounts(rows: readonly Float32Array[]): Update[] {
  const { exampleCounts } = roundOf(rows.length);
  return rows.map((row, i) => {
    return { client: String(i).padStart(6, '0'), row, examples: exampleCounts![i]! };
  });
}
