import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendMaker } from '../../../src/backend/create.ts';
import { createBackend } from '../../../src/backend/create-node.ts';
import { Engine } from '../../../src/backend/engine.ts';
import { ReferenceKernels } from '../../../src/backend/reference/reference.ts';
import { arrayRow } from '../../../src/backend/rows.ts';
import { findNodeGpu } from '../../../src/backend/webgpu/adapter-node.ts';
import type { DeviceMaker } from '../../../src/backend/webgpu/device.ts';
import { judge, PROBES } from '../../../src/backend/webgpu/self-test.ts';
import { WebGpuKernels } from '../../../src/backend/webgpu/webgpu.ts';
import { nodeSpawner } from '../../../src/core/spawn-node.ts';
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

/** Counts the buffers of a device that are not destroyed, by label. */
function liveBuffers(device: GPUDevice): Map<GPUBuffer, string> {
  const live = new Map<GPUBuffer, string>();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    live.set(buffer, descriptor.label ?? '');
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(buffer);
      destroy();
    };
    return buffer;
  };
  return live;
}

describe('want of memory', () => {
  test.each([20, 70])(
    'pairs of %i rows that do not fit a buffer are computed in parts, to the same bits',
    async (rows) => {
      const { make, devices } = observedMaker();
      const kernels = await WebGpuKernels.create(make);
      const data = randomRows(rows, 300);
      // The kernel loses what tells these apart, the repair does not.
      data[1]!.set(data[0]!.map((value) => value * 2 ** 60));
      data[1]![299] = 2;
      data[rows - 1]!.set(data[1]!);
      data[rows - 1]![299] = 1;
      const x = await kernels.upload(data.map(arrayRow), 0, 300);
      const whole = await kernels.pairs(x, 64);
      // Of 5 blocks with 1 tile for 20 rows, 3 for 70, a workgroup of 64 KiB each: two at once.
      const size = 2 * 2 ** 16;
      const limits = { maxBufferSize: size, maxStorageBufferBindingSize: size };
      Object.defineProperty(devices[0]!, 'limits', { value: limits });
      const sizes: number[] = [];
      const createBuffer = devices[0]!.createBuffer.bind(devices[0]!);
      devices[0]!.createBuffer = (descriptor) => {
        if (descriptor.label === 'pairs') sizes.push(descriptor.size);
        return createBuffer(descriptor);
      };
      expect(await kernels.pairs(x, 64)).toEqual(whole);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(size);
      expect(whole.at(-1)!.squaredDistances[rows + rows - 1]).toBe(1);
      await kernels.close();
    },
  );

  test('within an operation, it leaves no buffer behind', async () => {
    const { make, devices } = observedMaker();
    await using engine = new Engine(await WebGpuKernels.create(make));
    const device = devices[0]!;
    const x = engine.matrix(randomRows(3, 64));
    await engine.read(x);
    const live = liveBuffers(device);
    const createBuffer = device.createBuffer;
    for (const label of [
      'pairs',
      'pair sums',
      'units',
      'params',
      'screen',
      '1×64 tile',
      '4×64 tile',
    ]) {
      device.createBuffer = (descriptor) => {
        if (descriptor.label === label) throw new RangeError('injected');
        return createBuffer(descriptor);
      };
      const y = engine.select(x, [2, 0, 1]);
      const results = await Promise.allSettled([
        engine.pairs(y),
        engine.screen(y),
        engine.read(engine.stack(y, engine.rankMean(x, 0, 1))),
      ]);
      expect(
        results.some(({ status }) => status === 'rejected'),
        label,
      ).toBe(true);
      engine.release(x);
      device.createBuffer = createBuffer;
      await engine.read(engine.matrix([Float32Array.of(1)]));
      const left = [...live.values()].filter((what) => what !== 'read back');
      expect(new Set(left), label).toEqual(new Set(['1×1 tile']));
    }
  });

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

  test.each([100, 2 ** 20 + 100])(
    'rows of %i in memory and on the device may be mixed',
    async (cols) => {
      await using backend = await createBackend('webgpu', { device });
      const rows = randomRows(1, 5 * cols).flatMap((all) =>
        Array.from({ length: 5 }, (_, i) => all.slice(i * cols, (i + 1) * cols)),
      );
      const buffer = device.createBuffer({ size: 4 * cols, usage: STORAGE_AND_COPIES });
      device.queue.writeBuffer(buffer, 0, rows[2] as Float32Array<ArrayBuffer>);
      const x = backend.matrix(rows.map((row, i) => (i === 2 ? { cols, buffer } : row)));
      const got = await backend.read(x);
      expect(rows.findIndex((row, i) => row.some((value, j) => got[i * cols + j] !== value))).toBe(
        -1,
      );
    },
  );

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

  test("an error of the caller's own on it is not ours", async () => {
    await using backend = await createBackend('webgpu', { device });
    const small = device.createBuffer({ size: 16, usage: STORAGE_AND_COPIES });
    const reported = new Promise((resolve) => {
      device.addEventListener('uncapturederror', resolve, { once: true });
    });
    device.queue.writeBuffer(small, 8, new Float32Array(10));
    await reported;
    expect(await backend.read(backend.matrix([Float32Array.of(3)]))).toEqual(Float32Array.of(3));
  });

  test('an upload that fails is an exception, never zeros', async () => {
    const mine = await newDevice();
    await using backend = await createBackend('webgpu', { device: mine });
    const writeBuffer = mine.queue.writeBuffer.bind(mine.queue);
    Object.defineProperty(mine.queue, 'writeBuffer', {
      value: (buffer: GPUBuffer, _: number, data: Float32Array<ArrayBuffer>) =>
        writeBuffer(buffer, 2 ** 20, data),
    });
    await expect(backend.read(backend.matrix([Float32Array.of(3)]))).rejects.toMatchObject({
      code: 'failed',
    });
    mine.destroy();
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

describe('an adapter that gives no device', () => {
  const adapter = {
    info: { vendor: 'v', architecture: 'a', device: 'd', description: 'broken GPU' },
    limits: { maxBufferSize: 1, maxStorageBufferBindingSize: 1 },
    requestDevice: () => Promise.reject(new Error('out of luck')),
  } as unknown as GPUAdapter;
  const found = { gpu: {} as GPU, adapter, software: false, description: 'broken GPU' };
  const gpu = { find: async () => found, explain: async () => undefined };
  const create = backendMaker({ gpu, workers: nodeSpawner });

  test('is unavailable by name', async () => {
    const error = { code: 'unavailable', message: 'broken GPU gives no device: out of luck' };
    await expect(create('webgpu')).rejects.toMatchObject(error);
  });

  test('leaves auto to the CPU', async () => {
    await using backend = await create('auto');
    expect(backend.info.name).toBe('wasm');
  });
});

describe('the self-test', () => {
  const right = async (): Promise<Uint32Array> => {
    const { make } = observedMaker();
    const seen: Uint32Array[] = [];
    const kernels = await WebGpuKernels.create(make, {
      observe: (words) => seen.push(words),
    });
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

  test('a device that fails it is given back', async () => {
    const { make, devices } = observedMaker();
    const spoil = (words: Uint32Array): void => {
      words[0]! ^= 1;
    };
    await expect(WebGpuKernels.create(make, { observe: spoil })).rejects.toMatchObject({
      code: 'self-test',
    });
    expect(await devices[0]!.lost).toMatchObject({ reason: 'destroyed' });
  });

  test('a new device that fails it serves no later call', async () => {
    const { make, devices } = observedMaker();
    const second: DeviceMaker = async () => {
      const made = await make();
      if (devices.length !== 2) return made;
      const createShaderModule = made.device.createShaderModule.bind(made.device);
      made.device.createShaderModule = ({ code, ...rest }) =>
        createShaderModule({ ...rest, code: code.replace('is_finite(word))|', 'false)|') });
      return made;
    };
    await using engine = new Engine(await WebGpuKernels.create(second));
    devices[0]!.destroy();
    await devices[0]!.lost;
    const x = engine.matrix([Float32Array.of(4)]);
    await expect(engine.read(x)).rejects.toMatchObject({ code: 'self-test' });
    expect(await engine.read(x)).toEqual(Float32Array.of(4));
    expect(devices.length).toBe(3);
  });

  test('plain sums serve where compensated ones cannot', async () => {
    const { make } = observedMaker();
    const kernels = await WebGpuKernels.create(make, {
      observe: (words) => {
        words[8 * PROBES.indexOf(0x3f800000) + 6] = 0;
      },
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
