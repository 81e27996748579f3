/**
 * WebGPU where there is a GPU, the CPU where there is none; every result says which it was.
 *
 *     npx tsx examples/webgpu.ts [auto|webgpu|wasm|reference]
 *
 * @module
 */

import { aggregate, type BackendChoice, createBackend, geometricMedian } from '../src/index.ts';

const updates = Array.from({ length: 9 }, (_, i) =>
  Float32Array.from({ length: 100_000 }, (_, j) => (i === 0 ? 1e4 : Math.sin(i + j))),
);

// `auto` takes a hardware GPU or the CPU, and never an emulated GPU, which is slower than the CPU;
// `webgpu` takes any GPU, and throws a BackendError that says why where there is none.
const choice = (process.argv[2] ?? 'auto') as BackendChoice;
await using backend = await createBackend(choice);

const result = await aggregate(updates, geometricMedian(), { backend });
const { name, adapter, software } = result.backend;
const emulated = name === 'webgpu' && software ? ', emulated on the CPU' : '';
console.log(`${name} (${adapter}${emulated}): ${result.seconds.toFixed(3)} s`);
console.log('first entries', [...result.value.subarray(0, 3)]);
