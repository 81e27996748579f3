/**
 * Everything there is to know of Aggregis on the GPU of one machine: facts, parity of every operation
 * and regime with its meaning, rates of the kernels against the device's own copy, all rules.
 *
 *     npx tsx bench/gpu.ts [--shapes 64x25000000 256x10000000] [--json FILE] [--parity borders|quick|none]
 *
 * Bundles into one file that needs the package `webgpu` and nothing else. An emulated GPU gets small
 * sizes by itself, and the figures say so: they are worth nothing but to see that everything runs.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/create-node.ts';
import type { Backend, Matrix, Regime } from '../src/backend/kernels.ts';
import type { FoundGpu } from '../src/backend/webgpu/adapter.ts';
import { explainNoNodeGpu, findNodeGpu } from '../src/backend/webgpu/adapter-node.ts';
import { measureBandwidth } from '../src/lab/bench/bandwidth.ts';
import {
  type Bench,
  isShared,
  type Opened,
  open,
  orProblem,
  type Settings,
  type Shape,
  type Subject,
  type Timing,
  timed,
} from '../src/lab/bench/bench.ts';
import { isWindowed, windowedRows } from '../src/lab/bench/data.ts';
import { peakBytes, thisMachine } from '../src/lab/bench/machine.ts';
import { aligned, duration, grouped, timingTable } from '../src/lab/bench/report.ts';
import { endToEnd, resident } from '../src/lab/bench/rules.ts';
import type { Spread } from '../src/lab/bench/statistics.ts';
import { measure, type Repeats } from '../src/lab/bench/stopwatch.ts';
import { anew, attackersAmong, roundOf, subjectsFor } from '../src/lab/bench/subjects.ts';
import { BORDERS, checkParity, type ParityCase } from './parity.ts';

const REGIMES: readonly Regime[] = ['network', 'stream', 'split', 'search'];
const HARDWARE: readonly string[] = ['64x25000000', '256x10000000'];
const EMULATED: readonly string[] = ['16x4096', '33x1024'];
/** Rows in the middle of the borders, which an emulated GPU compiles in seconds. */
const QUICK_ROWS: readonly number[] = [1, 3, 32, 33];
/** Copies in one submission, so that what a submission costs is no part of the rate. */
const COPIES = 16;
/** GPUBufferUsage, MAP_READ aside; the global is there in browsers alone. */
const [COPY_SRC, COPY_DST] = [4, 8];

const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', multiple: true },
    rules: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    parity: { type: 'string' },
    cpu: { type: 'string', default: '1000000' },
  },
  allowPositionals: true,
});

/** A rate of one kernel. */
interface Rate extends Shape {
  readonly kernel: string;
  readonly seconds: Spread;
  /** Bytes read and written over the median time, per second. */
  readonly bandwidth: number;
  /** Of the device's own copy. */
  readonly share: number;
  readonly kernels: readonly string[];
}

const seed = Number(options.seed);

function shapeOf(text: string): Shape {
  const [n, d] = text.split(/[x×:]/).map(Number);
  if (!(Number.isSafeInteger(n) && Number.isSafeInteger(d) && n! > 0 && d! > 0)) {
    throw new RangeError(`shapes must be rows × columns such as 64x25000000, got ${text}`);
  }
  return { n: n!, d: d! };
}

async function deviceOn({ adapter }: FoundGpu): Promise<GPUDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const binding = Math.min(maxStorageBufferBindingSize, 2 ** 31 - 4);
  const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize: binding };
  return await adapter.requestDevice({ label: 'bench', requiredLimits });
}

function factsOf({ adapter, description, software }: FoundGpu): object {
  const { limits, features, info } = adapter;
  const { vendor, architecture, device } = info;
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = limits;
  return {
    adapter: description,
    emulated: software,
    info: { vendor, architecture, device },
    limits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
    features: [...features].sort(),
  };
}

/** Bytes read plus bytes written by copyBufferToBuffer, per second. */
async function copyBandwidth(device: GPUDevice, bytes: number): Promise<number> {
  const usage = COPY_SRC | COPY_DST;
  const [from, to] = [0, 1].map(() => device.createBuffer({ size: bytes, usage }));
  const { median } = await measure(async () => {
    const encoder = device.createCommandEncoder();
    for (let k = 0; k < COPIES; k++) encoder.copyBufferToBuffer(from!, 0, to!, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  }, repeats);
  from!.destroy();
  to!.destroy();
  return (2 * bytes * COPIES) / median;
}

/** What is timed of single kernels: rows are resident, results of a row's width stay on the device. */
function kernelsFor(
  n: number,
): [string, (backend: Backend, x: Matrix) => Matrix | Promise<unknown>][] {
  const f = attackersAmong(n);
  const few = Math.min(8, f);
  const weights = [Array.from({ length: n }, (_, i) => (i + 1) / (n * (n + 1)))];
  return [
    ['weighted sum', (b, x) => b.combine(weights, x)],
    ['median', (b, x) => b.rankMean(x, (n - 1) >> 1, (n >> 1) + 1)],
    [`trimmed mean, b = ${f}`, (b, x) => b.rankMean(x, f, n - f)],
    [`trimmed mean, b = ${few}`, (b, x) => b.rankMean(x, few, n - few)],
    ['MeaMed', (b, x) => b.nearestMean(x, b.rankMean(x, (n - 1) >> 1, (n >> 1) + 1), n - f)],
    ['signs', (b, x) => b.signSum(x)],
    ['deviation', (b, x) => b.deviation(x)],
    ['screen', (b, x) => b.screen(anew(b, x))],
    ['pairs', (b, x) => b.pairs(anew(b, x))],
  ];
}

interface Stage {
  readonly device: GPUDevice;
  readonly opened: Opened;
  readonly x: Matrix;
  readonly output: GPUBuffer;
  readonly shape: Shape;
}

async function ratesOf({ opened, x, output, shape, device }: Stage, copy: number): Promise<Rate[]> {
  const { backend } = opened;
  const rates: Rate[] = [];
  for (const [kernel, run] of kernelsFor(shape.n)) {
    let kernels: readonly string[] = [];
    let wide = false;
    const seconds = await measure(async () => {
      const result = run(backend, x);
      wide = !(result instanceof Promise);
      if (result instanceof Promise) return void (await result);
      kernels = backend.explain(result);
      await backend.copyTo(result, output);
      await device.queue.onSubmittedWorkDone();
    }, repeats);
    const bytes = 4 * shape.d * (shape.n + (wide ? 1 : 0));
    const bandwidth = bytes / seconds.median;
    rates.push({ kernel, ...shape, seconds, bandwidth, share: bandwidth / copy, kernels });
  }
  return rates;
}

async function onDevice(
  { spec, rule }: Subject,
  { opened: { backend, place }, x, output, shape, device }: Stage,
): Promise<Timing> {
  const line = { question: 'rules', what: spec, mode: 'on device', ...shape, ...place } as const;
  return await orProblem(line, async () => {
    let kernels: readonly string[] = [];
    const seconds = await measure(async () => {
      const { value } = await rule.apply(anew(backend, x), backend, roundOf(shape.n));
      kernels = backend.explain(value);
      await backend.copyTo(value, output);
      await device.queue.onSubmittedWorkDone();
    }, repeats);
    return timed({ ...line, kernels }, seconds);
  });
}

/** Every rule on one shape: on the device, resident and read home, end to end. */
async function rulesOn(stage: Stage, bench: Bench, rows: readonly Float32Array[]): Promise<void> {
  const { shape, opened, x } = stage;
  const into = new Float32Array(shape.d);
  const note = isWindowed(shape) ? { note: 'rows share memory on the host' } : {};
  for (const one of subjectsFor(bench.settings, shape.n)) {
    const found = await onDevice(one, stage);
    bench.record(found);
    if (found.problem !== undefined) continue;
    const line = { question: 'rules', what: one.spec, ...shape, ...opened.place, ...note };
    const { backend } = opened;
    const on = { backend, x, into, repeats };
    bench.record(await resident({ ...line, mode: 'resident' }, one, on));
    bench.record(await endToEnd({ ...line, mode: 'end to end' }, one, { bench, backend, rows }));
  }
}

/** The same rules on the CPU of this machine, on fewer columns where there are many. */
async function rulesOnCpu(shape: Shape, bench: Bench): Promise<void> {
  const wasm = await open(bench, { name: 'wasm', threads: bench.settings.cores });
  const isWasm = typeof wasm !== 'string';
  const most = Number(options.cpu) / (isWasm ? 1 : 16);
  const fewer = { n: shape.n, d: Math.min(shape.d, Math.ceil(most)) };
  const opened = isWasm ? wasm : await open(bench, { name: 'reference' });
  if (typeof opened === 'string') throw new Error(opened);
  const { backend, place } = opened;
  try {
    const x = backend.matrix(windowedRows(fewer, seed, { shared: isShared(place) }));
    const into = new Float32Array(fewer.d);
    for (const one of subjectsFor(bench.settings, fewer.n)) {
      const line = {
        question: 'cpu',
        what: one.spec,
        mode: 'resident',
        ...fewer,
        ...place,
      } as const;
      bench.record(await resident(line, one, { backend, x, into, repeats }));
    }
  } finally {
    await backend.close();
  }
}

async function parityOn(device: GPUDevice, software: boolean): Promise<ParityCase[]> {
  const kind = options.parity ?? (software ? 'quick' : 'borders');
  if (kind === 'none') return [];
  await using reference = await createBackend('reference');
  const cases = await checkParity({
    rows: kind === 'quick' ? QUICK_ROWS : BORDERS,
    cols: 131,
    regimes: REGIMES,
    make: (regime) => createBackend('webgpu', { device, ...(regime && { regime }) }),
    reference,
    onCase({ ok, what, rows, regime }) {
      if (!ok) console.log(`  parity fails: ${what}, n = ${rows}, ${regime ?? 'any regime'}`);
    },
  });
  const failed = cases.filter(({ ok }) => !ok);
  console.log(`parity: ${cases.length - failed.length} of ${cases.length} cases hold`);
  for (const { what, rows, regime, kernels, worst } of failed) {
    const how = [regime && `asked for ${regime}`, ...(kernels ?? [])].filter(Boolean).join(', ');
    console.log(`  ${what}, n = ${rows} (${how}): error is ${worst} times what is allowed`);
  }
  return cases;
}

function printRates(rates: readonly Rate[]): void {
  const head = ['kernel', 'n × d', 'median', 'GB/s', 'of the device’s copy', 'regime'];
  const rows = rates.map(({ kernel, n, d, seconds, bandwidth, share, kernels }) => [
    kernel,
    `${n} × ${grouped(d)}`,
    duration(seconds.median),
    (bandwidth / 1e9).toPrecision(3),
    `${Math.round(100 * share)} %`,
    kernels.join(', '),
  ]);
  console.log(aligned([head, ...rows]).join('\n'));
}

const found = await findNodeGpu({ software: true });
if (found === undefined) {
  console.error(`no GPU, not even an emulated one: ${await explainNoNodeGpu({ software: true })}`);
  process.exit(1);
}
const facts = factsOf(found);
const { software } = found;
const repeats: Repeats = {
  rounds: Number(options.rounds ?? (software ? 2 : 7)),
  seconds: Number(options.seconds),
};
const machine = thisMachine();
const emulated = software ? ', emulated on the CPU: these times say nothing of a GPU' : '';
console.log(`${found.description}${emulated}`);
console.log(`${machine.cpu}, ${machine.cores} threads, ${machine.runtime}`);

const device = await deviceOn(found);
const copySize = software ? 2 ** 24 : Math.min(2 ** 30, device.limits.maxBufferSize);
const copy = await copyBandwidth(device, copySize);
console.log(`copy on the device: ${(copy / 1e9).toPrecision(4)} GB/s, read + written`);
const bandwidth = await measureBandwidth(
  { ...repeats, seconds: 2 },
  software ? 2 ** 24 : undefined,
);
const parity = await parityOn(device, software);

const shapes = (options.shapes ?? (software ? EMULATED : HARDWARE)).map(shapeOf);
const settings: Settings = {
  ...(options.rules && { rules: options.rules }),
  shapes,
  backends: ['webgpu'],
  threads: [machine.cores],
  cores: machine.cores,
  repeats,
  seed,
  quick: software,
};
const timings: Timing[] = [];
const rates: Rate[] = [];
const bench: Bench = {
  settings,
  createBackend,
  bandwidth,
  record: (timing) => timings.push(timing),
};
const gpu = { name: 'webgpu', device } as const;
for (const shape of shapes) {
  const before = timings.length;
  // Rows stay on the device beside those of a call that is timed from arrays.
  const memory = Math.max(2 ** 30, 20 * shape.n * shape.d);
  const opened = await open(bench, { ...gpu, memory });
  if (typeof opened === 'string') throw new Error(opened);
  const rows = windowedRows(shape, seed);
  const output = device.createBuffer({ size: 4 * shape.d, usage: COPY_DST | COPY_SRC });
  try {
    const stage = { device, opened, x: opened.backend.matrix(rows), output, shape };
    const own = await ratesOf(stage, copy);
    rates.push(...own);
    printRates(own);
    await rulesOn(stage, bench, rows);
  } finally {
    output.destroy();
    await opened.backend.close();
  }
  await rulesOnCpu(shape, bench);
  const yardstick = { copy, bytes: copySize };
  const title = { asks: `Rules at ${shape.n} × ${grouped(shape.d)}, against the device’s copy` };
  console.log(`\n${timingTable(title, timings.slice(before), yardstick)}\n`);
}
device.destroy();

if (options.json !== undefined) {
  const report = {
    started: new Date(performance.timeOrigin).toISOString(),
    machine,
    gpu: facts,
    emulated: software,
    seed,
    copyBandwidth: copy,
    hostBandwidth: bandwidth,
    parity: { cases: parity.length, failed: parity.filter(({ ok }) => !ok) },
    rates,
    timings,
    peakBytes: peakBytes(),
  };
  writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
}
if (parity.some(({ ok }) => !ok)) process.exitCode = 1;
