/**
 * What an adapter says of itself: one line for people, and whether it is emulated on the CPU.
 *
 * @module
 */

/** A GPU that was found. The adapter is fresh: no device has been requested from it. */
export interface FoundGpu {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  /** True when the GPU is emulated on the CPU: right, but far slower than the CPU backends. */
  readonly software: boolean;
  /** The device in the driver's words, with vendor and architecture. */
  readonly description: string;
}

/** Rasterisers that run on the CPU: SwiftShader, Mesa's llvmpipe and lavapipe, Windows' WARP. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

/** Whether the adapter is emulated: it says so itself, or bears the name of a known emulator. */
export function isSoftwareAdapter({ info }: Pick<GPUAdapter, 'info'>): boolean {
  if (info.isFallbackAdapter) return true;
  return SOFTWARE.test(`${info.vendor} ${info.architecture} ${info.device} ${info.description}`);
}

/** The adapter in one line, as in `NVIDIA H100 80GB HBM3 (nvidia hopper)`. */
export function describeAdapter({ info }: Pick<GPUAdapter, 'info'>): string {
  const family = [info.vendor, info.architecture].filter((word) => word !== '').join(' ');
  const name = info.description || info.device;
  if (name === '') return family || 'unnamed adapter';
  return family === '' ? name : `${name} (${family})`;
}

/** Wraps an adapter with what is said of it. */
export function foundGpu(gpu: GPU, adapter: GPUAdapter): FoundGpu {
  return {
    gpu,
    adapter,
    software: isSoftwareAdapter(adapter),
    description: describeAdapter(adapter),
  };
}
