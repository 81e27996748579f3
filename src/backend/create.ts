/**
 * Chooses a backend: the one file that knows every body. How a platform looks for a GPU is handed
 * in, so that the browser's face holds nothing of Node.
 *
 * @module
 */

import { assertOneOf } from '../core/assert.ts';
import { BackendError } from '../core/errors.ts';
import { Engine, type EngineOptions } from './engine.ts';
import type { Backend, BackendName, Regime } from './kernels.ts';
import { ReferenceKernels } from './reference/reference.ts';
import { deviceMaker, type GpuFinder, ownDevice } from './webgpu/request-device.ts';
import { WebGpuKernels } from './webgpu/webgpu.ts';

/** What may be asked for. */
export type BackendChoice = 'auto' | BackendName;

/** Settings of a backend. */
export interface BackendOptions extends EngineOptions {
  /** The caller's own device, for rows and results that stay on it. Implies `webgpu`. */
  readonly device?: GPUDevice;
  /** Forces how order statistics are computed, wherever that way can do the work. */
  readonly regime?: Regime;
}

/**
 * Makes a backend. Close it when done, or hold it with `await using`.
 *
 * - `auto`: a hardware GPU if there is one that passes the self-test, else the reference. Never an
 *   emulated GPU: that is slower than the CPU's own backends.
 * - `webgpu`: a GPU, emulated if there is no other.
 * - `reference`: the CPU, in f64.
 *
 * @throws {BackendError} `unavailable` with the reason, or `self-test`.
 */
export type CreateBackend = (choice?: BackendChoice, options?: BackendOptions) => Promise<Backend>;

/** The function `createBackend` of a platform, which looks for a GPU through `gpu`. */
export function backendMaker(gpu: GpuFinder): CreateBackend {
  return async (choice = 'auto', options = {}) => {
    assertOneOf('backend', choice, ['auto', 'reference', 'webgpu']);
    const { device } = options;
    if (device !== undefined) {
      if (choice === 'reference') {
        throw new TypeError('backend must be webgpu where a device is given, got "reference"');
      }
      return new Engine(await WebGpuKernels.create(ownDevice(device), options), options);
    }
    if (choice === 'reference') return new Engine(new ReferenceKernels(), options);
    try {
      const maker = deviceMaker(gpu, { software: choice === 'webgpu' });
      return new Engine(await WebGpuKernels.create(maker, options), options);
    } catch (error) {
      if (choice === 'webgpu' || !(error instanceof BackendError)) throw error;
      return new Engine(new ReferenceKernels(), options);
    }
  };
}
