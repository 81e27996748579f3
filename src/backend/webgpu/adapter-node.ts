/**
 * A GPU under Node: Dawn, Chromium's WebGPU, through the optional package `webgpu`; and SwiftShader
 * where there is no hardware and the caller permits an emulated one.
 *
 * @module
 */

import { describeAdapter, type FoundGpu, foundGpu, isSoftwareAdapter } from './adapter.ts';
import { hasSystemVulkanLoader, withSwiftShader } from './swiftshader.ts';
import { messageOf } from './verified-files.ts';

/** Which adapters will do, and how Dawn is started. */
export interface FindNodeGpuOptions {
  /** Whether an adapter emulated on the CPU will do where there is no hardware. Default false. */
  readonly software?: boolean;
  /** Dawn's own switches, as in `adapter=NVIDIA` or `disable-dawn-features=disable_robustness`. */
  readonly dawnFlags?: readonly string[];
}

/** A `GPU` object that has offered an adapter, or in one line why there is none. */
type Outcome = GPU | string;

/**
 * Every `GPU` object ever made. Dawn aborts the process if one is collected while a device of its
 * own lives, so they are held until the process ends.
 */
const held = new Set<GPU>();

/** One search for each set of options: drivers do not come and go within a process. */
const searches = new Map<string, Promise<Outcome>>();

type CreateGpu = (flags: string[]) => GPU;

/** Dawn's entry, or in one line why it cannot be loaded. */
async function loadDawn(): Promise<CreateGpu | string> {
  try {
    const dawn = await import('webgpu');
    return dawn.create;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException)?.code === 'ERR_MODULE_NOT_FOUND') {
      return 'the optional package `webgpu` is not installed (npm install webgpu)';
    }
    return `the package \`webgpu\` cannot be loaded: ${messageOf(cause)}`;
  }
}

function requestAdapter(gpu: GPU): Promise<GPUAdapter | null> {
  return gpu.requestAdapter({ powerPreference: 'high-performance' });
}

/** A `GPU` object and the adapter it offers, if any. */
async function start(
  create: CreateGpu,
  flags: readonly string[],
): Promise<{ gpu: GPU; adapter: GPUAdapter | null }> {
  const gpu = create([...flags]);
  held.add(gpu);
  return { gpu, adapter: await requestAdapter(gpu) };
}

/** A `GPU` object whose adapter comes from a driver of the system's own. */
async function searchSystem(
  create: CreateGpu,
  { software, flags }: { software: boolean; flags: readonly string[] },
): Promise<Outcome> {
  if (process.platform === 'linux' && !hasSystemVulkanLoader()) {
    return 'no Vulkan loader is installed (libvulkan.so.1; on Debian and Ubuntu: apt install libvulkan1)';
  }
  const { gpu, adapter } = await start(create, flags);
  if (adapter === null) return 'no GPU driver offers an adapter';
  if (software || !isSoftwareAdapter(adapter)) return gpu;
  return `the only adapter is emulated on the CPU: ${describeAdapter(adapter)}`;
}

/**
 * Every kernel writes workgroup memory before it reads it. To zero it all the same takes SwiftShader
 * seconds of compilation for each kernel that has 16 KiB; a hardware driver takes no time.
 */
const EMULATED_FLAGS = ['enable-dawn-features=disable_workgroup_init'];

/** A `GPU` object whose adapter is SwiftShader. */
async function searchEmulated(create: CreateGpu, flags: readonly string[]): Promise<Outcome> {
  const started = await withSwiftShader(() => start(create, [...EMULATED_FLAGS, ...flags]));
  if (typeof started === 'string') return started;
  return started.adapter === null ? 'Dawn refuses SwiftShader' : started.gpu;
}

/** Step by step: Dawn, then a driver of the system, then SwiftShader if the caller permits. */
async function search(software: boolean, flags: readonly string[]): Promise<Outcome> {
  const create = await loadDawn();
  if (typeof create === 'string') return create;
  try {
    const system = await searchSystem(create, { software, flags });
    if (typeof system !== 'string' || !software) return system;
    const emulated = await searchEmulated(create, flags);
    return typeof emulated === 'string' ? `${system}; ${emulated}` : emulated;
  } catch (cause) {
    return `Dawn failed: ${messageOf(cause)}`;
  }
}

function outcomeOf({ software = false, dawnFlags = [] }: FindNodeGpuOptions): Promise<Outcome> {
  const key = JSON.stringify([software, dawnFlags]);
  let outcome = searches.get(key);
  if (outcome === undefined) {
    outcome = search(software, dawnFlags);
    searches.set(key, outcome);
  }
  return outcome;
}

/**
 * The fastest adapter of this machine, or `undefined`; {@link explainNoNodeGpu} then tells why.
 * Never throws for want of a package, a driver or a GPU. The search runs once for each set of
 * options (some 0.1 s, the first use of SwiftShader 0.3 s); each call gives a fresh adapter.
 */
export async function findNodeGpu(options: FindNodeGpuOptions = {}): Promise<FoundGpu | undefined> {
  const gpu = await outcomeOf(options);
  if (typeof gpu === 'string') return undefined;
  const adapter = await requestAdapter(gpu);
  return adapter === null ? undefined : foundGpu(gpu, adapter);
}

/** In one line, why {@link findNodeGpu} finds nothing; `undefined` when it does find a GPU. */
export async function explainNoNodeGpu(
  options: FindNodeGpuOptions = {},
): Promise<string | undefined> {
  const outcome = await outcomeOf(options);
  if (typeof outcome === 'string') return outcome;
  return (await requestAdapter(outcome)) === null ? 'the GPU has gone away' : undefined;
}
