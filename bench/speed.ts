/**
 * How long does each operation and each rule take on each backend of this machine, with the updates
 * resident?
 *
 *     npm run bench [-- --rows 32 --cols 262144 --repeats 5]
 *
 * Medians over the repeats after one warm-up, which compiles and uploads; each run ends with the
 * result at home. GB/s counts the bytes of the updates once. Times of an emulated GPU say nothing
 * of a real one.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/create-node.ts';
import type { Backend, Matrix } from '../src/backend/kernels.ts';
import { AggregationError } from '../src/core/errors.ts';
import { createRandom } from '../src/core/random.ts';
import { rules } from '../src/rules/index.ts';
import type { Rule } from '../src/rules/rule.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '32' },
    cols: { type: 'string', default: '262144' },
    repeats: { type: 'string', default: '5' },
  },
});
const [n, d, repeats] = [values.rows, values.cols, values.repeats].map(Number) as [
  number,
  number,
  number,
];
const f = Math.max(0, Math.floor((n - 3) / 4));

type Run = (backend: Backend, x: Matrix) => Promise<unknown>;

/** The same rows as a new expression: row results are remembered for each expression. */
function anew(backend: Backend, x: Matrix): Matrix {
  return backend.select(
    x,
    Array.from({ length: n }, (_, i) => i),
  );
}

const operations: [string, Run][] = [
  ['combine', (b, x) => b.read(b.combine([Array(n).fill(1 / n)], x))],
  ['rank_mean (median)', (b, x) => b.read(b.rankMean(x, (n - 1) >> 1, (n >> 1) + 1))],
  ['rank_mean (trimmed)', (b, x) => b.read(b.rankMean(x, f, n - f))],
  ['nearest_mean', (b, x) => b.read(b.nearestMean(x, b.select(x, [0]), n - f))],
  ['sign_sum', (b, x) => b.read(b.signSum(x))],
  ['deviation', (b, x) => b.read(b.deviation(x))],
  ['screen', (b, x) => b.screen(anew(b, x))],
  ['pairs', (b, x) => b.pairs(anew(b, x))],
];

function runOf(rule: Rule): Run {
  return async (backend, x) => {
    const exampleCounts = Array<number>(n).fill(1);
    const { value } = await rule.apply(anew(backend, x), backend, { exampleCounts });
    return backend.read(value);
  };
}

/** Every rule of the list, with options that suit n clients. */
const everyRule: [string, Run][] = rules.flatMap((entry) =>
  entry.kind === 'rule' ? [[entry.name, runOf(entry.make(entry.sample({ n, f })))]] : [],
);

async function medianTime(run: Run, backend: Backend, x: Matrix): Promise<number> {
  await run(backend, x);
  const times: number[] = [];
  for (let k = 0; k < repeats; k++) {
    const start = performance.now();
    await run(backend, x);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

async function line(what: string, run: Run, { backend, x }: { backend: Backend; x: Matrix }) {
  try {
    const ms = await medianTime(run, backend, x);
    const rate = (4 * n * d) / ms / 1e6;
    return `${what.padEnd(22)} ${ms.toFixed(1).padStart(9)} ms ${rate.toFixed(2).padStart(8)} GB/s`;
  } catch (error) {
    // A rule that searches subsets says so where they are too many.
    if (!(error instanceof AggregationError)) throw error;
    return `${what.padEnd(22)} ${error.message}`;
  }
}

const random = createRandom(1);
const updates = Array.from({ length: n }, () =>
  Float32Array.from({ length: d }, () => random.uniform() - 0.5),
);
console.log(`n = ${n}, f = ${f}, d = ${d}, f32, seed 1, medians of ${repeats}`);
for (const name of ['reference', 'webgpu'] as const) {
  await using backend = await createBackend(name);
  const x = backend.matrix(updates);
  const kind = backend.info.software && name === 'webgpu' ? ', emulated on the CPU' : '';
  for (const [title, runs] of [
    ['operations', operations],
    ['rules', everyRule],
  ] as const) {
    console.log(`\n${title} on ${name}: ${backend.info.adapter}${kind}`);
    for (const [what, run] of runs) console.log(await line(what, run, { backend, x }));
  }
}
