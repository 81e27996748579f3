import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import { Engine } from '../../../src/backend/engine.ts';
import { ReferenceKernels } from '../../../src/backend/reference/reference.ts';
import { findNodeGpu } from '../../../src/backend/webgpu/adapter-node.ts';
import type { DeviceMaker } from '../../../src/backend/webgpu/device.ts';
import { judge, PROBES } from '../../../src/backend/webgpu/self-test.ts';
import { WebGpuKernels } from '../../../src/backend/webgpu/webgpu.ts';
import { randomRows } from '../parity.ts';

const STORAGE_AND_COPIES = 0x80 | 0x04 | 0x08;

async function newDevice(): Promise<GPUDevice> {
  const found = await findNodeGpu({ software: true });
  if (found === undefined) throw new Error('these tests need WebGPU, emulated or not');
  return found.adapter.requestDevice();
}

/** A maker whose devices a test can reach. */
function observedMaker(): { make: DeviceMaker; devices: GPUDevice[] } {
  const devices: GPUDevice[] = [];
  const make: DeviceMaker = async () => {
    const device = await newDevice();
    devices.push(device);
    return { device, description: 'under test', software: true };
  };
  return { make, devices };
}

describe('a device that goes away', () => {
  test('between two calls: it is rebuilt and the result is the same', async () => {
    const { make, devices } = observedMaker();
    await using engine = new Engine(await WebGpuKernels.create(make));
    const x = engine.matrix(randomRows(5, 3000));
    const before = await engine.pairs(x);
    devices[0]!.destroy();
    await devices[0]!.lost;
    engine.release(x);
    const y = engine.matrix(randomRows(5, 3000));
    expect(await engine.pairs(y)).toEqual(before);
    expect(devices.length).toBe(2);
  });

  test('while rows are uploaded: the shard is done again', async () => {
    const { make, devices } = observedMaker();
    await using engine = new Engine(await WebGpuKernels.create(make), { memory: 2 ** 20 });
    const rows = randomRows(2, 100_000);
    let reads = 0;
    const fragile = rows.map((row) => ({
      cols: row.length,
      read: (from: number, to: number, into: Float32Array) => {
        reads++;
        if (reads === 3) devices[0]!.destroy();
        into.set(row.subarray(from, to));
      },
    }));
    const got = await engine.read(engine.rankMean(engine.matrix(fragile), 0, 1));
    const reference = new Engine(new ReferenceKernels());
    expect(got).toEqual(await reference.read(reference.rankMean(reference.matrix(rows), 0, 1)));
    expect(devices.length).toBe(2);
  });

  test("the caller's own cannot be rebuilt, and the error says so", async () => {
    const device = await newDevice();
    await using engine = await createBackend('webgpu', { device });
    device.destroy();
    await device.lost;
    await expect(engine.read(engine.matrix(randomRows(2, 10)))).rejects.toMatchObject({
      code: 'device-lost',
    });
  });
});

describe('want of memory', () => {
  test('reported by the device, it halves the tile; the result is the same', async () => {
    const device = await newDevice();
    const limit = 2 ** 20;
    const asked: number[] = [];
    // The real device refuses what exceeds its limits by validation; want of memory is injected.
    let pending = 0;
    const createBuffer = device.createBuffer.bind(device);
    const popErrorScope = device.popErrorScope.bind(device);
    device.createBuffer = (descriptor) => {
      if (descriptor.label?.includes('tile') !== true || descriptor.size <= limit) {
        return createBuffer(descriptor);
      }
      asked.push(descriptor.size);
      pending = 2;
      return createBuffer({ ...descriptor, size: 16 });
    };
    device.popErrorScope = async () => {
      const found = await popErrorScope();
      // Scopes are popped innermost first: internal, memory, validation.
      pending--;
      return pending === 0 ? ({ message: 'injected' } as GPUError) : found;
    };
    const make = async () => ({ device, description: 'short of memory', software: true });
    await using engine = new Engine(await WebGpuKernels.create(make));
    const rows = randomRows(3, 300_000);
    const reference = new Engine(new ReferenceKernels());
    const want = await reference.read(reference.signSum(reference.matrix(rows)));
    expect(await engine.read(engine.signSum(engine.matrix(rows)))).toEqual(want);
    expect(asked.length).toBeGreaterThan(1);
  });
});

describe("rows and results on the caller's own device", () => {
  let device: GPUDevice;
  beforeAll(async () => {
    device = await newDevice();
  });
  afterAll(() => device.destroy());

  test('rows in buffers are aggregated and the result stays: nothing is read back', async () => {
    const rows = randomRows(4, 5000);
    const offset = 256;
    const buffers = rows.map((row) => {
      const size = offset + row.byteLength;
      const buffer = device.createBuffer({ size, usage: STORAGE_AND_COPIES });
      device.queue.writeBuffer(buffer, offset, row as Float32Array<ArrayBuffer>);
      return buffer;
    });
    await using backend = await createBackend('webgpu', { device, memory: 4 * 5000 * 3 });
    const x = backend.matrix(buffers.map((buffer) => ({ cols: 5000, buffer, byteOffset: offset })));
    const out = device.createBuffer({ size: 4 * 5000, usage: STORAGE_AND_COPIES });
    let mapped = 0;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      if ((descriptor.usage & 1) !== 0) mapped++;
      return createBuffer(descriptor);
    };
    await backend.copyTo(backend.rankMean(x, 1, 2), out);
    device.createBuffer = createBuffer;
    expect(mapped).toBe(0);

    const seen = backend.matrix([{ cols: 5000, buffer: out }]);
    const reference = new Engine(new ReferenceKernels());
    const want = reference.rankMean(reference.matrix(rows), 1, 2);
    expect(await backend.read(seen)).toEqual(await reference.read(want));
  });

  test('a row that can be read is read, whatever it calls its buffer', async () => {
    await using backend = await createBackend('webgpu', { device });
    const row = {
      cols: 1,
      buffer: Buffer.alloc(4),
      read: (_f: number, _t: number, into: Float32Array) => into.fill(5),
    };
    expect(await backend.read(backend.matrix([row as unknown as Float32Array]))).toEqual(
      Float32Array.of(5),
    );
  });

  test('a buffer that cannot take the result is refused before anything is computed', async () => {
    await using backend = await createBackend('webgpu', { device });
    const x = backend.matrix([new Float32Array(100)]);
    const small = device.createBuffer({ size: 16, usage: STORAGE_AND_COPIES });
    const readOnly = device.createBuffer({ size: 400, usage: 0x80 });
    await expect(backend.copyTo(x, small)).rejects.toThrow(
      'buffer must hold at least 400 bytes, got 16',
    );
    await expect(backend.copyTo(x, readOnly)).rejects.toThrow(
      'buffer must have the usage COPY_DST',
    );
    expect(backend.peakTileBytes).toBe(0);
  });

  test("the device is still the caller's after close", async () => {
    const mine = await newDevice();
    const backend = await createBackend('webgpu', { device: mine });
    await backend.read(backend.matrix([Float32Array.of(1)]));
    await backend.close();
    const buffer = mine.createBuffer({ size: 16, usage: STORAGE_AND_COPIES });
    mine.pushErrorScope('validation');
    mine.queue.writeBuffer(buffer, 0, Float32Array.of(1));
    expect(await mine.popErrorScope()).toBeNull();
    mine.destroy();
  });

  test('rows on a GPU are refused by the reference, by number', async () => {
    const reference = new Engine(new ReferenceKernels());
    const buffer = device.createBuffer({ size: 16, usage: STORAGE_AND_COPIES });
    const x = reference.matrix([Float32Array.of(1), { cols: 1, buffer }]);
    await expect(reference.read(x)).rejects.toThrow('row 1 lies on a GPU');
  });
});

describe('the self-test', () => {
  const right = async (): Promise<Uint32Array> => {
    const { make } = observedMaker();
    const seen: Uint32Array[] = [];
    const kernels = await WebGpuKernels.create(make, (words) => seen.push(words));
    await kernels.close();
    return seen[0]!;
  };

  test('passes on this adapter, sums compensated', async () => {
    expect(judge(await right())).toEqual({ compensated: true });
  });

  test('a sum that loses its low part means plain sums, any other wrong word a refusal', async () => {
    const words = await right();
    for (let at = 0; at < words.length; at++) {
      const wrong = words.slice();
      wrong[at]! ^= 1;
      const probe = PROBES[at >> 3]!;
      const finite = (probe & 0x7f800000) !== 0x7f800000;
      const column = at % 8;
      const checked = column < 3 || (finite && column < 7);
      // The word of a zero put together again may have either sign.
      if (!checked || (probe << 1 === 0 && column === 5)) {
        expect(judge(wrong)).toEqual({ compensated: true });
      } else if (column === 6) {
        expect(judge(wrong)).toEqual({ compensated: false });
      } else {
        expect(() => judge(wrong)).toThrow('numeric self-test');
      }
    }
  });

  test('plain sums serve where compensated ones cannot', async () => {
    const { make } = observedMaker();
    const kernels = await WebGpuKernels.create(make, (words) => {
      words[8 * PROBES.indexOf(0x3f800000) + 6] = 0;
    });
    expect(kernels.compensated).toBe(false);
    await using engine = new Engine(kernels);
    const rows = randomRows(10, 1000);
    const got = await engine.read(engine.combine([Array(10).fill(0.1)], engine.matrix(rows)));
    for (let j = 0; j < 1000; j++) {
      const mean = rows.reduce((sum, row) => sum + row[j]!, 0) / 10;
      const size = rows.reduce((sum, row) => sum + Math.abs(row[j]!), 0) / 10;
      // Ten additions, each rounded once, of terms rounded twice.
      expect(Math.abs(got[j]! - mean)).toBeLessThanOrEqual(13 * 2 ** -24 * size);
    }
  });
});
