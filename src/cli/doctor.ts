/**
 * `aggregis doctor`: what this machine offers, and whether its arithmetic holds. Meant to be pasted
 * into a report: it prints no path and no name of a person or host.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, totalmem } from 'node:os';
import { Command } from 'commander';
import { createBackend } from '../backend/create-node.ts';
import type { Backend, BackendName, Matrix } from '../backend/kernels.ts';
import { explainNoNodeGpu, findNodeGpu } from '../backend/webgpu/adapter-node.ts';
import { EXIT_CODES } from './failure.ts';

/** What was found out about one backend. */
export interface BackendFindings {
  readonly name: BackendName;
  readonly available: boolean;
  readonly adapter?: string;
  /** Whether the GPU is emulated on the CPU. */
  readonly software?: boolean;
  /** Of the adapter: sizes in bytes. */
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: readonly string[];
  /** Largest error against the definitions in f64, relative to the largest magnitude. */
  readonly worstError?: number;
  /** Why it is not available, or what it does wrong. */
  readonly problem?: string;
}

/** The whole diagnosis. */
export interface Diagnosis {
  readonly aggregis: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly memoryGiB: number;
  /** Versions of packages that matter; null where one is not installed. */
  readonly packages: Readonly<Record<string, string | null>>;
  /** What `auto` takes here. */
  readonly auto: BackendName;
  /** Why `auto` takes no GPU; null where it does. */
  readonly noGpu: string | null;
  readonly backends: readonly BackendFindings[];
}

/** The command. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('show the backends of this machine, and check their arithmetic')
    .description('Shows the backends of this machine, and checks their arithmetic.')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', EXIT_CODES)
    .action(async ({ json }: { json?: true }) => {
      const diagnosis = await diagnose();
      process.stdout.write(json ? `${JSON.stringify(diagnosis)}\n` : textOf(diagnosis));
      const wrong = ({ available, problem }: BackendFindings) => available && problem !== undefined;
      if (diagnosis.backends.some(wrong)) process.exitCode = 1;
    });
}

async function diagnose(): Promise<Diagnosis> {
  const processors = cpus();
  return {
    aggregis: versionOf('../../package.json') ?? 'unknown',
    node: process.version,
    platform: `${process.platform} ${process.arch}, kernel ${release()}`,
    cpu: `${processors.length} × ${processors[0]?.model.trim() || 'unknown'}`,
    memoryGiB: Math.round((10 * totalmem()) / 2 ** 30) / 10,
    packages: { webgpu: versionOf('webgpu/package.json') },
    auto: await autoChoice(),
    noGpu: (await explainNoNodeGpu()) ?? null,
    backends: [await examine('webgpu'), await examine('wasm'), await examine('reference')],
  };
}

/** The version in a `package.json`; null where there is none to be found. */
function versionOf(specifier: string): string | null {
  try {
    const file = createRequire(import.meta.url).resolve(specifier);
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}

async function autoChoice(): Promise<BackendName> {
  await using backend = await createBackend('auto');
  return backend.info.name;
}

async function examine(name: BackendName): Promise<BackendFindings> {
  let backend: Backend;
  try {
    backend = await createBackend(name);
  } catch (error) {
    return { name, available: false, problem: (error as Error).message };
  }
  const { adapter, software } = backend.info;
  const found = { name, available: true, adapter, software };
  try {
    const details = name === 'webgpu' ? await gpuDetails() : {};
    return { ...found, ...details, ...(await selfTest(backend)) };
  } catch (error) {
    return { ...found, problem: (error as Error).message };
  } finally {
    await backend.close();
  }
}

async function gpuDetails(): Promise<Pick<BackendFindings, 'limits' | 'features'>> {
  const found = await findNodeGpu({ software: true });
  if (found === undefined) return {};
  const { limits, features } = found.adapter;
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = limits;
  return {
    limits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
    features: ['shader-f16', 'subgroups', 'timestamp-query'].filter((name) => features.has(name)),
  };
}

// The self-test

const ROWS = 9;
/** Enough entries for a backend on several threads to use them all. */
const COLS = 40_000;
/**
 * Entries round to 24 bits and sums of 9 terms lose a few more; row sums of 40,000 products have
 * eight times the room of log₂(40,000) roundings.
 */
const TOLERANCE = 2 ** -17;

/** Runs each operation and holds it against the same in f64. */
async function selfTest(
  backend: Backend,
): Promise<Pick<BackendFindings, 'worstError' | 'problem'>> {
  await using reference = await createBackend('reference');
  const got = await probe(backend);
  const wanted = await probe(reference);
  let worstError = 0;
  const wrong: string[] = [];
  for (const [operation, values] of wanted) {
    const error = relativeError(got.get(operation)!, values);
    worstError = Math.max(worstError, error);
    // Not `>`: a NaN is an error too.
    if (!(error <= TOLERANCE)) wrong.push(`${operation} is off by ${error.toExponential(1)}`);
  }
  return wrong.length === 0 ? { worstError } : { worstError, problem: wrong.join(', ') };
}

/** A few numbers of every operation, on rows that hold ties, zeros of both signs and large values. */
async function probe(ops: Backend): Promise<Map<string, ArrayLike<number>>> {
  const x = ops.matrix(testRows());
  const half = [Array.from({ length: ROWS }, (_, i) => (i % 2 === 0 ? 0.2 : 0))];
  const wide: [string, Matrix][] = [
    ['select', ops.select(x, [3])],
    ['combine', ops.combine(half, x)],
    ['rankMean', ops.rankMean(x, 2, 7)],
    ['nearestMean', ops.nearestMean(x, ops.rankMean(x, 4, 5), 5)],
    ['signSum', ops.signSum(x)],
    ['deviation', ops.deviation(x)],
  ];
  const results = new Map<string, ArrayLike<number>>();
  for (const [operation, matrix] of wide) results.set(operation, await ops.read(matrix));
  const { nonFinite, squaredNorms, fingerprints } = await ops.screen(x);
  const { products, squaredDistances } = await ops.pairs(x);
  results.set('nonFinite', nonFinite).set('squaredNorms', squaredNorms);
  results.set('fingerprints', new Uint32Array(fingerprints.buffer));
  return results.set('products', products).set('squaredDistances', squaredDistances);
}

function testRows(): Float32Array[] {
  return Array.from({ length: ROWS }, (_, i) =>
    Float32Array.from({ length: COLS }, (_, j) => {
      const wave = Math.sin(1 + i * 12.9898 + j * 78.233);
      return j % 10 === 0 ? Math.round(wave) : j % 7 === 0 ? wave * 1e6 : wave;
    }),
  );
}

function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let error = 0;
  let magnitude = 0;
  for (let i = 0; i < wanted.length; i++) {
    error = Math.max(error, Math.abs(got[i]! - wanted[i]!));
    magnitude = Math.max(magnitude, Math.abs(wanted[i]!));
  }
  return magnitude === 0 ? error : error / magnitude;
}

// The text

function textOf(diagnosis: Diagnosis): string {
  const { aggregis, node, platform, cpu, memoryGiB, packages, auto, noGpu, backends } = diagnosis;
  const versions = Object.entries(packages).map(([name, v]) => `${name} ${v ?? 'not installed'}`);
  const lines = [
    ['aggregis', aggregis],
    ['node', node],
    ['platform', platform],
    ['cpu', `${cpu}, ${memoryGiB} GiB`],
    ['packages', versions.join(', ')],
    ['auto', noGpu === null ? auto : `${auto} (no GPU: ${noGpu})`],
    ...backends.flatMap(linesOf),
  ];
  return lines.map(([name, text]) => `${name!.padEnd(10)} ${text}\n`).join('');
}

function linesOf(backend: BackendFindings): [string, string][] {
  const { name, available, adapter, software, limits, features, worstError, problem } = backend;
  if (!available) return [[name, `not available: ${problem}`]];
  const lines: [string, string][] = [
    [name, `${adapter}${software && limits ? ', emulated on the CPU' : ''}`],
  ];
  if (limits) {
    const sizes = Object.entries(limits).map(([limit, bytes]) => `${limit} ${bytes}`);
    lines.push(['', [...sizes, ...(features ?? [])].join(', ')]);
  }
  lines.push([
    '',
    problem === undefined
      ? `self-test passed, worst relative error ${worstError?.toExponential(1)}`
      : `SELF-TEST FAILED: ${problem}`,
  ]);
  return lines;
}
