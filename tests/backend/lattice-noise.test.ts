import { describe, expect, test, vi } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { Engine } from '../../src/backend/engine.ts';
import type { Backend, LatticeNoise, NoiseDraw, TileKernels } from '../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { arrayRow } from '../../src/backend/rows.ts';
import { WasmKernels } from '../../src/backend/wasm/wasm.ts';
import { findNodeGpu } from '../../src/backend/webgpu/adapter-node.ts';
import { Pace } from '../../src/backend/webgpu/pace.ts';
import { WebGpuKernels } from '../../src/backend/webgpu/webgpu.ts';
import { expectSameWords } from '../support/words.ts';
import { latticeSuite, noiseOf, rankSumSuite } from './lattice-noise.ts';

const options = (memory?: number): { memory?: number } => (memory === undefined ? {} : { memory });
const reference = (memory?: number) => createBackend('reference', options(memory));

latticeSuite('webgpu', (memory) => createBackend('webgpu', options(memory)), reference);
rankSumSuite(
  'webgpu by search',
  async (memory) => createBackend('webgpu', { regime: 'search', ...options(memory) }),
  reference,
);
latticeSuite(
  'wasm on two threads',
  (memory) => createBackend('wasm', { threads: 2, ...options(memory) }),
  reference,
);
rankSumSuite(
  'wasm by search',
  async (memory) => new Engine(await WasmKernels.create({ regime: 'search' }), options(memory)),
  reference,
);

async function newDevice(): Promise<GPUDevice> {
  const found = await findNodeGpu({ software: true });
  if (found === undefined) throw new Error('these tests need WebGPU, emulated or not');
  return found.adapter.requestDevice();
}

/** Kernels on a device that a test can watch. */
async function kernelsOn(device: GPUDevice): Promise<WebGpuKernels> {
  return WebGpuKernels.create(async () => ({ device, description: 'under test', software: true }));
}

/** Noise on zeros in columns from `firstCol` on. */
async function noiseAt(kernels: TileKernels, firstCol: number, cols: number): Promise<Uint32Array> {
  const x = await kernels.upload([arrayRow(new Float32Array(cols))], 0, cols);
  const noisy = await kernels.addLatticeNoise(x, noiseOf(), firstCol);
  const { buffer, byteOffset } = (await kernels.read(noisy)).slice();
  return new Uint32Array(buffer, byteOffset, cols);
}

describe('2^22 draws', () => {
  const [a, b, c] = noiseOf().draws as [NoiseDraw, NoiseDraw, NoiseDraw];
  // A million at one level and at two, two millions at three; no width is a multiple of a block.
  const parts = [
    { cols: 2 ** 20 + 1, draws: [c] },
    { cols: 2 ** 19 + 3, draws: [b, c] },
    { cols: 699_051, draws: [a, b, c] },
  ];
  const zeros = (backend: Backend, cols: number) => backend.words([new Uint32Array(cols)]);

  test.each([
    ['wasm', {}],
    // Shards of other widths than those of wasm.
    ['webgpu', { memory: 2 ** 22 }],
  ] as const)('are the same words on %s as on the reference', async (name, settings) => {
    await using backend = await createBackend(name, settings);
    for (const [k, { cols, draws }] of parts.entries()) {
      const noise = noiseOf({ seed: 20 + k, draws });
      const got = await backend.readWords(backend.addLatticeNoise(zeros(backend, cols), noise));
      meant[k] ??= await meaning(cols, noise);
      expectSameWords(got, meant[k]);
    }
  });

  /** The reference is slow: its words are made once. */
  const meant: Uint32Array[] = [];
  async function meaning(cols: number, noise: LatticeNoise): Promise<Uint32Array> {
    await using backend = await reference();
    return await backend.readWords(backend.addLatticeNoise(zeros(backend, cols), noise));
  }
});

describe('blocks are counted in 32 bits', () => {
  // Around 2³¹ and at the end of the count.
  test.each([2 ** 33 - 16, 2 ** 33, 2 ** 34 - 64])('from column %i on', async (firstCol) => {
    const want = await noiseAt(new ReferenceKernels(), firstCol, 64);
    expectSameWords(await noiseAt(await WasmKernels.create(), firstCol, 64), want);
    const gpu = await kernelsOn(await newDevice());
    try {
      expectSameWords(await noiseAt(gpu, firstCol, 64), want);
    } finally {
      await gpu.close();
    }
  });
});

describe('on a GPU', () => {
  test('noise is the same however a tile is cut into submissions', async () => {
    const cols = 3 * 2 ** 16 + 21;
    const device = await newDevice();
    const gpu = await kernelsOn(device);
    const submissions = vi.spyOn(device.queue, 'submit');
    // As if each 65,536 columns took all the time that a submission may take.
    const pace = vi.spyOn(Pace.prototype, 'most').mockReturnValue(1);
    try {
      const got = await noiseAt(gpu, 256, cols);
      expect(submissions.mock.calls.length).toBeGreaterThan(4);
      expectSameWords(got, await noiseAt(new ReferenceKernels(), 256, cols));
    } finally {
      pace.mockRestore();
      await gpu.close();
    }
  });

  test('the key is overwritten before its memory is given back', async () => {
    const device = await newDevice();
    const gpu = await kernelsOn(device);
    const writes: { label: string; words: number[] }[] = [];
    const destroyed: string[] = [];
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        if (buffer.label === 'noise program') destroyed.push(`after ${writes.length} writes`);
        destroy();
      };
      return buffer;
    };
    const writeBuffer = device.queue.writeBuffer.bind(device.queue);
    device.queue.writeBuffer = (buffer, at, data, ...rest) => {
      if (buffer.label === 'noise program') {
        writes.push({ label: buffer.label, words: [...(data as Uint32Array)] });
      }
      writeBuffer(buffer, at, data, ...rest);
    };
    await noiseAt(gpu, 0, 100);
    expect(writes.length).toBe(2);
    expect(writes[0]!.words.some((word) => word !== 0)).toBe(true);
    expect(writes[1]!.words.length).toBe(writes[0]!.words.length);
    expect(writes[1]!.words.every((word) => word === 0)).toBe(true);
    expect(destroyed).toEqual(['after 2 writes']);
    await gpu.close();
  });
});
