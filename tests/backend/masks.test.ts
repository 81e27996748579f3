import { describe, expect, test, vi } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { Engine } from '../../src/backend/engine.ts';
import type { MaskKeys, TileKernels } from '../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { arrayRow } from '../../src/backend/rows.ts';
import { addMasks, maskOperation } from '../../src/backend/secure/masks.ts';
import { WasmKernels } from '../../src/backend/wasm/wasm.ts';
import { findNodeGpu } from '../../src/backend/webgpu/adapter-node.ts';
import { Pace } from '../../src/backend/webgpu/pace.ts';
import { WebGpuKernels } from '../../src/backend/webgpu/webgpu.ts';
import { words } from '../../src/backend/words.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';
import { maskSuite, masksOf } from './masks.ts';

const options = (memory?: number): { memory?: number } => (memory === undefined ? {} : { memory });
const reference = (memory?: number) => createBackend('reference', options(memory));

maskSuite('webgpu', (memory) => createBackend('webgpu', options(memory)), reference);
maskSuite(
  'wasm on two threads',
  (memory) => createBackend('wasm', { threads: 2, ...options(memory) }),
  reference,
);

async function newDevice(): Promise<GPUDevice> {
  const found = await findNodeGpu({ software: true });
  if (found === undefined) throw new Error('these tests need WebGPU, emulated or not');
  return found.adapter.requestDevice();
}

/** Kernels on a device that a test can watch; after a loss, on the next one. */
async function kernelsOn(...devices: readonly GPUDevice[]): Promise<WebGpuKernels> {
  const left = [...devices];
  return WebGpuKernels.create(async () => ({
    device: left.shift()!,
    description: 'under test',
    software: true,
  }));
}

/** Masks on zeros in columns from `firstCol` on. */
async function masksAt(
  kernels: TileKernels,
  masks: MaskKeys,
  { firstCol, cols }: { firstCol: number; cols: number },
): Promise<Uint32Array> {
  const x = await kernels.upload([arrayRow(new Float32Array(cols))], 0, cols);
  const masked = await kernels.extra(maskOperation(masks), x, { cols, firstCol });
  const { buffer, byteOffset } = (await kernels.read(masked)).slice();
  return new Uint32Array(buffer, byteOffset, cols);
}

describe('blocks are counted in 32 bits', () => {
  // Around 2³¹ and at the end of the count.
  test.each([2 ** 35 - 64, 2 ** 35, 2 ** 36 - 64])('from column %i on', async (firstCol) => {
    const [masks, place] = [masksOf(3), { firstCol, cols: 64 }];
    const want = await masksAt(new ReferenceKernels(), masks, place);
    expectSameWords(await masksAt(await WasmKernels.create(), masks, place), want);
    const gpu = await kernelsOn(await newDevice());
    try {
      expectSameWords(await masksAt(gpu, masks, place), want);
    } finally {
      await gpu.close();
    }
  });
});

describe('on a GPU', () => {
  test('masks are the same however they are cut into submissions', async () => {
    const place = { firstCol: 256, cols: 5000 };
    const device = await newDevice();
    const gpu = await kernelsOn(device);
    const submissions = vi.spyOn(device.queue, 'submit');
    // As if each workgroup took all the time that a submission may take.
    const pace = vi.spyOn(Pace.prototype, 'most').mockReturnValue(1);
    try {
      const got = await masksAt(gpu, masksOf(30), place);
      // Five groups of columns, eight slices of four keys.
      expect(submissions.mock.calls.length).toBeGreaterThanOrEqual(40);
      expectSameWords(got, await masksAt(new ReferenceKernels(), masksOf(30), place));
    } finally {
      pace.mockRestore();
      await gpu.close();
    }
  });

  test('a lost device is replaced, and nothing is added twice', async () => {
    const devices = [await newDevice(), await newDevice()] as const;
    const gpu = await kernelsOn(...devices);
    // Shards of 512 columns; the device goes in the middle of the third.
    const engine = new Engine(gpu, { memory: 2 ** 13 });
    const add = gpu.extra.bind(gpu);
    let calls = 0;
    gpu.extra = async (...given) => {
      const masked = await add(...given);
      if (++calls === 3) devices[0].destroy();
      return masked;
    };
    try {
      const x = wordsOf(3000);
      const got = await engine.readWords(addMasks(engine.words([x]), masksOf(70)));
      await using meaning = await reference();
      const want = await meaning.readWords(addMasks(meaning.words([x]), masksOf(70)));
      expect(await devices[0].lost).toMatchObject({ reason: 'destroyed' });
      expectSameWords(got, want);
    } finally {
      await engine.close();
    }
  });

  test('keys are overwritten before their memory is given back', async () => {
    const device = await newDevice();
    const gpu = await kernelsOn(device);
    const writes: number[][] = [];
    const destroyed: string[] = [];
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        if (buffer.label === 'mask keys') destroyed.push(`after ${writes.length} writes`);
        destroy();
      };
      return buffer;
    };
    const writeBuffer = device.queue.writeBuffer.bind(device.queue);
    device.queue.writeBuffer = (buffer, at, data, ...rest) => {
      if (buffer.label === 'mask keys') writes.push([...(data as Uint32Array)]);
      writeBuffer(buffer, at, data, ...rest);
    };
    await masksAt(gpu, masksOf(9), { firstCol: 0, cols: 100 });
    expect(writes.length).toBe(2);
    expect(writes[0]!.filter((word) => word !== 0).length).toBeGreaterThan(60);
    expect(writes[1]).toEqual(Array(72).fill(0));
    expect(destroyed).toEqual(['after 2 writes']);
    await gpu.close();
  });
});

describe('masks', () => {
  const x = words([wordsOf(40)]);
  const good = masksOf(2);

  test('keep their keys, though the caller clears them, until they are released', async () => {
    await using backend = await reference();
    const { keys, signs } = masksOf(2);
    const want = await backend.readWords(addMasks(x, { keys, signs }));
    const masked = addMasks(x, { keys, signs });
    keys.fill(0);
    signs.fill(0);
    // What was asked for before the release is still given.
    const reading = backend.readWords(masked);
    backend.release(masked);
    expect(await reading).toEqual(want);
    await expect(backend.readWords(masked)).rejects.toThrow('their keys are overwritten');
    expect(backend.explain(masked)).toEqual(['addMasks']);
  });

  test.each<[string, Partial<Record<keyof MaskKeys, unknown>>, string]>([
    ['no key', { keys: new Uint8Array(0), signs: new Int8Array(0) }, 'number of masks must be in'],
    ['half a key', { keys: good.keys.subarray(16) }, 'keys must be a Uint8Array of 32·2 bytes'],
    ['a key too many', { signs: Int8Array.of(1) }, 'keys must be a Uint8Array of 32·1 bytes'],
    ['signs in a list', { signs: [1, -1] }, 'signs must be an Int8Array, got an array of 2'],
    ['a sign of 0', { signs: Int8Array.of(1, 0) }, 'sign 1 must be 1 or -1, got 0'],
    [
      'a key that was cleared',
      { keys: Uint8Array.from(good.keys, (byte, i) => (i < 32 ? byte : 0)) },
      'key 1 must not be all zero',
    ],
  ])('with %s are refused', (_, bad, message) => {
    expect(() => addMasks(x, { ...good, ...bad } as MaskKeys)).toThrow(message);
  });

  test('never show a key in what is refused', () => {
    try {
      addMasks(x, { ...good, signs: Int8Array.of(1) });
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toMatch(new RegExp([...good.keys.subarray(0, 3)].join('.*')));
    }
  });

  test('on several rows are refused: they would get the same', () => {
    const rows = words([Uint32Array.of(1), Uint32Array.of(2)]);
    expect(() => addMasks(rows, good)).toThrow('addMasks needs one row, got 2');
  });
});
