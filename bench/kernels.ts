/**
 * How long does each operation take, resident, on each backend of this machine?
 *
 *     npm run bench [-- --rows 32 --cols 262144 --repeats 5]
 *
 * Medians over the repeats after one warm-up, which compiles and uploads; each run ends with the
 * result at home. GB/s counts the bytes of the updates once. Times of an emulated GPU say nothing
 * of a real one.
 */

import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/create-node.ts';
import type { Backend, Matrix } from '../src/backend/kernels.ts';
import { createRandom } from '../src/core/random.ts';

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

/** Fresh expressions each time: row results are remembered for each expression. */
const operations: [string, (backend: Backend, x: Matrix) => Promise<unknown>][] = [
  ['combine', (b, x) => b.read(b.combine([Array(n).fill(1 / n)], x))],
  ['rank_mean (median)', (b, x) => b.read(b.rankMean(x, (n - 1) >> 1, (n >> 1) + 1))],
  ['rank_mean (trimmed)', (b, x) => b.read(b.rankMean(x, n >> 3, n - (n >> 3)))],
  ['nearest_mean', (b, x) => b.read(b.nearestMean(x, b.rankMean(x, n >> 1, (n >> 1) + 1), n >> 1))],
  ['sign_sum', (b, x) => b.read(b.signSum(x))],
  ['deviation', (b, x) => b.read(b.deviation(x))],
  ['screen', (b, x) => b.screen(b.select(x, everyRow))],
  ['pairs', (b, x) => b.pairs(b.select(x, everyRow))],
];
const everyRow = Array.from({ length: n }, (_, i) => i);

function median(times: number[]): number {
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

const random = createRandom(1);
const updates = Array.from({ length: n }, () =>
  Float32Array.from({ length: d }, () => random.uniform() - 0.5),
);
console.log(`n = ${n}, d = ${d}, f32, seed 1, medians of ${repeats}`);
for (const name of ['reference', 'webgpu'] as const) {
  await using backend = await createBackend(name);
  const x = backend.matrix(updates);
  const kind = backend.info.software && name === 'webgpu' ? ', emulated on the CPU' : '';
  console.log(`\n${name}: ${backend.info.adapter}${kind}`);
  for (const [what, run] of operations) {
    await run(backend, x);
    const times: number[] = [];
    for (let k = 0; k < repeats; k++) {
      const start = performance.now();
      await run(backend, x);
      times.push(performance.now() - start);
    }
    const ms = median(times);
    const rate = (4 * n * d) / ms / 1e6;
    console.log(
      `${what.padEnd(22)} ${ms.toFixed(1).padStart(9)} ms ${rate.toFixed(2).padStart(8)} GB/s`,
    );
  }
}
