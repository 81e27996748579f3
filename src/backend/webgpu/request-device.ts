/**
 * From an adapter to a device with the limits that large tiles need.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';
import type { FoundGpu } from './adapter.ts';
import { describeAdapter, isSoftwareAdapter } from './adapter.ts';
import type { DeviceMaker } from './device.ts';

/** How a platform looks for a GPU. */
export interface GpuFinder {
  find(options: { software: boolean }): Promise<FoundGpu | undefined>;
  /** In one line, why nothing was found. */
  explain(options: { software: boolean }): Promise<string | undefined>;
}

/** One binding may not be larger: beyond, some drivers report an array length of 0. */
const MAX_BINDING_BYTES = 2 ** 31 - 4;

/**
 * Makes devices from what the platform finds.
 *
 * @throws {BackendError} (from the maker) `unavailable`, with the reason in one line.
 */
export function deviceMaker(gpu: GpuFinder, options: { software: boolean }): DeviceMaker {
  return async () => {
    const found = await gpu.find(options);
    if (found === undefined) {
      const reason = (await gpu.explain(options)) ?? 'the GPU is gone';
      throw new BackendError('unavailable', `no WebGPU here: ${reason}`);
    }
    const device = await requestDevice(found.adapter).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const what = `${found.description} gives no device: ${reason}`;
      throw new BackendError('unavailable', what, { cause });
    });
    return { device, description: found.description, software: found.software };
  };
}

/** Hands out the caller's own device; a lost one cannot be made anew. */
export function ownDevice(device: GPUDevice): DeviceMaker {
  let given = false;
  return async () => {
    if (given) throw new BackendError('device-lost', "the caller's GPU device was lost");
    given = true;
    const adapter = { info: device.adapterInfo };
    return {
      device,
      description: describeAdapter(adapter),
      software: isSoftwareAdapter(adapter),
      owned: false,
    };
  };
}

/** With the adapter's own limits if it grants them, else with the default ones. */
async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const requiredLimits = {
    maxBufferSize,
    maxStorageBufferBindingSize: Math.min(maxStorageBufferBindingSize, MAX_BINDING_BYTES),
  };
  try {
    return await adapter.requestDevice({ label: 'aggregis', requiredLimits });
  } catch {
    // Some drivers promise more than they give; a consumed adapter then refuses, and says so.
    return adapter.requestDevice({ label: 'aggregis' });
  }
}
