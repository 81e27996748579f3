/**
 * Chooses a backend: the one file that knows every body. How a platform looks for a GPU and starts
 * workers is handed in, so that the browser's face holds nothing of Node.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertOptions } from '../core/assert.ts';
import { BackendError } from '../core/errors.ts';
import type { WorkerSpawner } from '../core/spawn.ts';
import { Engine, type EngineOptions } from './engine.ts';
import type { Backend, BackendName, Regime, TileKernels } from './kernels.ts';
import { ReferenceKernels } from './reference/reference.ts';
import type { ReadRow } from './wasm/job.ts';
import { kernelModule } from './wasm/module.ts';
import { WorkerPool } from './wasm/pool.ts';
import { WasmKernels } from './wasm/wasm.ts';
import { workerScript } from './wasm/worker.gen.ts';
import { deviceMaker, type GpuFinder, ownDevice } from './webgpu/request-device.ts';
import { WebGpuKernels } from './webgpu/webgpu.ts';

/** What may be asked for. */
export type BackendChoice = 'auto' | BackendName;

/** Every {@link BackendChoice}. */
export const BACKEND_CHOICES: readonly BackendChoice[] = ['auto', 'webgpu', 'wasm', 'reference'];

const REGIMES: readonly Regime[] = ['network', 'stream', 'split', 'search'];

/** More threads than any machine of today runs at once. */
export const MAX_THREADS = 256;
/** Unless told otherwise: memory has no bandwidth for more. */
const MAX_DEFAULT_THREADS = 16;

/** Settings of a backend. */
export interface BackendOptions extends EngineOptions {
  /** The caller's own device, for rows and results that stay on it. Implies `webgpu`. */
  readonly device?: GPUDevice;
  /** Forces how order statistics are computed, wherever that way can do the work. */
  readonly regime?: Regime;
  /**
   * Threads of the `wasm` backend, in [1, 256]. 1 starts no worker. Default: as many as run at once,
   * at most 16. Counts for nothing where workers cannot share memory: in pages that are not
   * cross-origin isolated.
   */
  readonly threads?: number;
}

/** What a platform brings. */
export interface Platform {
  readonly gpu: GpuFinder;
  readonly workers: WorkerSpawner;
  /** What workers of the wasm backend run where they can read files, and how this thread reads them. */
  readonly files?: { readonly script: string; readonly readRow: ReadRow };
}

/**
 * Makes a backend. Close it when done, or hold it with `await using`.
 *
 * - `auto`: a hardware GPU if there is one that passes the self-test, else `wasm`, else the
 *   reference. Never an emulated GPU: that is slower than the CPU's own backends.
 * - `webgpu`: a GPU, emulated if there is no other.
 * - `wasm`: the CPU, in WASM SIMD, on several threads where they can share memory.
 * - `reference`: the CPU, in f64.
 *
 * @throws {BackendError} `unavailable` with the reason, or `self-test`.
 */
export type CreateBackend = (choice?: BackendChoice, options?: BackendOptions) => Promise<Backend>;

/** The function `createBackend` of a platform. */
export function backendMaker(platform: Platform): CreateBackend {
  return async (choice = 'auto', options = {}) => {
    check(choice, options);
    return new Engine(await kernelsOf(choice, { platform, options }), options);
  };
}

const OPTIONS: Readonly<Record<keyof BackendOptions, true>> = {
  memory: true,
  device: true,
  regime: true,
  threads: true,
};

function check(choice: BackendChoice, options: BackendOptions): void {
  const { device, regime, threads } = assertOptions(options, OPTIONS);
  assertOneOf('backend', choice, BACKEND_CHOICES);
  if (regime !== undefined) assertOneOf('regime', regime, REGIMES);
  if (threads !== undefined) assertInteger('threads', threads, 1, MAX_THREADS);
  if (device !== undefined && choice !== 'auto' && choice !== 'webgpu') {
    throw new TypeError(`backend must be webgpu where a device is given, got "${choice}"`);
  }
}

/** What is known when kernels are made. */
interface Known {
  readonly platform: Platform;
  readonly options: BackendOptions;
}

async function kernelsOf(choice: BackendChoice, known: Known): Promise<TileKernels> {
  const { device } = known.options;
  if (device !== undefined) return WebGpuKernels.create(ownDevice(device), known.options);
  if (choice !== 'auto') return MAKERS[choice](known);
  for (const make of [hardwareGpu, MAKERS.wasm]) {
    try {
      return await make(known);
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
    }
  }
  return MAKERS.reference(known);
}

type Maker = (known: Known) => Promise<TileKernels>;

const MAKERS: Readonly<Record<BackendName, Maker>> = {
  webgpu: ({ platform, options }) =>
    WebGpuKernels.create(deviceMaker(platform.gpu, { software: true }), options),
  wasm: ({ platform, options }) => wasmKernels(platform, options),
  reference: async () => new ReferenceKernels(),
};

const hardwareGpu: Maker = ({ platform, options }) =>
  WebGpuKernels.create(deviceMaker(platform.gpu, { software: false }), options);

/** Where the engine knows SIMD and a security policy lets kernels be compiled. */
async function wasmKernels(
  platform: Platform,
  { regime, threads }: BackendOptions,
): Promise<WasmKernels> {
  try {
    const team = teamOf(platform, { module: await kernelModule(), threads });
    return await WasmKernels.create({ ...(regime && { regime }), ...(team && { team }) });
  } catch (cause) {
    if (cause instanceof BackendError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BackendError('unavailable', `no WASM SIMD here: ${reason}`, { cause });
  }
}

/** Workers, if more than one may run and they can share memory. */
function teamOf(
  { workers: spawner, files }: Platform,
  { module, threads }: { module: WebAssembly.Module; threads: number | undefined },
): WorkerPool | undefined {
  const parallelism = spawner.parallelism();
  if (parallelism === undefined) return undefined;
  const count = threads ?? Math.min(parallelism, MAX_DEFAULT_THREADS);
  if (count < 2) return undefined;
  return new WorkerPool({ threads: count, module, script: workerScript, spawner, ...files });
}
