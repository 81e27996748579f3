/**
 * From which n and d on is a GPU faster than the CPU? End to end and resident, over a grid.
 *
 * @module
 */

import { aggregateWith } from '../../aggregate.ts';
import {
  type Bench,
  isShared,
  type Opened,
  open,
  orProblem,
  type Question,
  type Shape,
  type Subject,
  timed,
} from './bench.ts';
import { windowedRows } from './data.ts';
import { race } from './stopwatch.ts';
import { applied, attackersAmong, subject } from './subjects.ts';

/** The grid on a hardware GPU, and the one on an emulated GPU, whose times say nothing of a real one. */
const HARDWARE: readonly Shape[] = grid([8, 32, 64, 128], [1e4, 1e5, 1e6, 1e7]);
const EMULATED: readonly Shape[] = grid([8, 32], [1e3, 1e4]);
const QUICK: readonly Shape[] = grid([8], [1e3]);

function grid(ns: readonly number[], ds: readonly number[]): Shape[] {
  return ns.flatMap((n) => ds.map((d) => ({ n, d })));
}

/** GPU and the fastest body on the CPU, over n and d. */
export const crossover: Question = {
  name: 'crossover',
  asks: 'From which size on is the GPU faster than the CPU?',
  async ask(bench) {
    const { settings } = bench;
    const gpu = settings.backends.includes('webgpu')
      ? await open(bench, { name: 'webgpu' })
      : 'webgpu is not among the backends asked for';
    if (typeof gpu === 'string') {
      const line = { question: 'crossover', what: 'all', mode: 'end to end' } as const;
      bench.record({ ...line, ...settings.shapes[0]!, backend: 'webgpu', problem: gpu });
      return;
    }
    const cpu = await fastestCpu(bench);
    try {
      const shapes = settings.quick ? QUICK : gpu.place.emulated ? EMULATED : HARDWARE;
      for (const shape of shapes) await compare(bench, { shape, opened: [gpu, cpu] });
    } finally {
      await gpu.backend.close();
      await cpu.backend.close();
    }
  },
};

async function fastestCpu(bench: Bench): Promise<Opened> {
  const wasm = await open(bench, { name: 'wasm', threads: bench.settings.cores });
  if (typeof wasm !== 'string') return wasm;
  const reference = await open(bench, { name: 'reference' });
  // The reference needs nothing that could be missing.
  if (typeof reference === 'string') throw new Error(reference);
  return reference;
}

async function compare(
  bench: Bench,
  { shape, opened }: { shape: Shape; opened: readonly Opened[] },
): Promise<void> {
  const { seed } = bench.settings;
  const rows = windowedRows(shape, seed);
  const inPlace = windowedRows(shape, seed, { shared: true });
  const f = attackersAmong(shape.n);
  for (const one of ['mean', `trimmed-mean:f=${f}`, `multi-krum:f=${f}`].map(subject)) {
    await compareRule(bench, { shape, opened, one, rows, inPlace });
  }
}

async function compareRule(
  bench: Bench,
  setting: {
    shape: Shape;
    opened: readonly Opened[];
    one: Subject;
    rows: readonly Float32Array[];
    inPlace: readonly Float32Array[];
  },
): Promise<void> {
  const { shape, opened, one, rows, inPlace } = setting;
  const aggregate = aggregateWith(bench.createBackend);
  const matrices = opened.map(({ backend, place }) =>
    backend.matrix(isShared(place) ? inPlace : rows),
  );
  const into = new Float32Array(shape.d);
  const modes = {
    resident: opened.map(
      ({ backend }, k) =>
        async () =>
          void (await applied(one, { backend, x: matrices[k]!, into })),
    ),
    'end to end': opened.map(
      ({ backend }) =>
        async () =>
          void (await aggregate(rows, one.rule, { backend })),
    ),
  } as const;
  for (const mode of ['resident', 'end to end'] as const) {
    const line = { question: 'crossover', what: one.spec, mode, ...shape };
    let times: Awaited<ReturnType<typeof race>> = [];
    const first = await orProblem({ ...line, ...opened[0]!.place }, async () => {
      times = await race(modes[mode], bench.settings.repeats);
      return timed({ ...line, ...opened[0]!.place }, times[0]!);
    });
    bench.record(first);
    times.slice(1).forEach((seconds, k) => {
      bench.record(timed({ ...line, ...opened[k + 1]!.place }, seconds));
    });
  }
  for (const [k, { backend }] of opened.entries()) backend.release(matrices[k]!);
}
