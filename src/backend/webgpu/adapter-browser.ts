/**
 * The browser's GPU, through `navigator.gpu`; in a page and in a worker alike.
 *
 * @module
 */

import { type FoundGpu, foundGpu } from './adapter.ts';

/** Which adapters will do. */
export interface FindBrowserGpuOptions {
  /** Whether an adapter emulated on the CPU will do. Default false. */
  readonly software?: boolean;
}

/** What the search came to: a GPU, or in one line why there is none. */
type Outcome = FoundGpu | string;

async function search(options: FindBrowserGpuOptions): Promise<Outcome> {
  const gpu = globalThis.navigator?.gpu as GPU | undefined;
  if (gpu === undefined) {
    return globalThis.isSecureContext === false
      ? 'WebGPU needs a secure context: serve the page from https or localhost'
      : 'this browser has no WebGPU (navigator.gpu is missing)';
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) return 'the browser offers no WebGPU adapter; see its chrome://gpu page';
  const found = foundGpu(gpu, adapter);
  if (found.software && options.software !== true) {
    return `the only adapter is emulated on the CPU: ${found.description}`;
  }
  return found;
}

/**
 * The browser's fastest adapter, or `undefined`; {@link explainNoBrowserGpu} then tells why.
 * Nothing is kept: each call asks the browser anew and gives a fresh adapter.
 */
export async function findBrowserGpu(
  options: FindBrowserGpuOptions = {},
): Promise<FoundGpu | undefined> {
  const outcome = await search(options);
  return typeof outcome === 'string' ? undefined : outcome;
}

/** In one line, why {@link findBrowserGpu} finds nothing; `undefined` when it does find a GPU. */
export async function explainNoBrowserGpu(
  options: FindBrowserGpuOptions = {},
): Promise<string | undefined> {
  const outcome = await search(options);
  return typeof outcome === 'string' ? outcome : undefined;
}
