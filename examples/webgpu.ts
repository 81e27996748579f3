/**
 * WebGPU where there is a GPU, the CPU where there is none; the result says which. With a device of
 * your own, rows and result stay on it.
 *
 *     npx tsx examples/webgpu.ts
 *
 * @module
 */

import { aggregate, BackendError, createBackend, geometricMedian } from '../src/index.ts';

const updates = Array.from({ length: 9 }, (_, i) =>
  Float32Array.from({ length: 20_000 }, (_, j) => (i === 0 ? 1e4 : Math.sin(i + j))),
);

/** `webgpu` by name also takes an emulated GPU, which `auto` never does. */
async function gpuOrCpu() {
  try {
    return await createBackend('webgpu');
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    console.log(`no GPU: ${error.message}`);
    return await createBackend('reference');
  }
}

await using backend = await gpuOrCpu();
const { value, backend: where, seconds } = await aggregate(updates, geometricMedian(), { backend });
const emulated = where.software && where.name === 'webgpu' ? ', emulated' : '';
console.log(`${where.name} (${where.adapter}${emulated}): ${seconds.toFixed(3)} s`);
console.log('first entries', [...value.subarray(0, 3)]);
