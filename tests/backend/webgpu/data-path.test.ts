/** Rows on their way to the device and results on their way home. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostRow, RowSource, Tile } from '../../../src/backend/kernels.ts';
import { arrayRow } from '../../../src/backend/rows.ts';
import { findNodeGpu } from '../../../src/backend/webgpu/adapter-node.ts';
import { Session } from '../../../src/backend/webgpu/device.ts';
import { Dispatcher } from '../../../src/backend/webgpu/dispatch.ts';
import { LEAST_OPERATIONS, Pace } from '../../../src/backend/webgpu/pace.ts';
import { type GpuTile, Tiles } from '../../../src/backend/webgpu/tiles.ts';
import { WebGpuKernels } from '../../../src/backend/webgpu/webgpu.ts';
import { widenBrainFloats, widenHalves } from '../../../src/formats/dtype.ts';
import { randomRows } from '../parity.ts';

async function newDevice(): Promise<GPUDevice> {
  const found = await findNodeGpu({ software: true });
  if (found === undefined) throw new Error('these tests need WebGPU, emulated or not');
  return found.adapter.requestDevice();
}

function words(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** The first place where two rows have not the same bits, or -1. */
function firstDifference(got: Float32Array, want: Float32Array): number {
  const [a, b] = [words(got), words(want)];
  return b.findIndex((word, k) => a[k] !== word);
}

// On a device of the caller's, rows go by queue writes; on one of our own, through mapped memory.
describe.each([
  ['mapped memory', true],
  ['queue writes', false],
])('rows that travel by %s', (_, owned) => {
  let device: GPUDevice;
  let kernels: WebGpuKernels;
  beforeAll(async () => {
    device = await newDevice();
    const description = 'under test';
    kernels = await WebGpuKernels.create(async () => ({
      device,
      description,
      software: true,
      owned,
    }));
  });
  afterAll(async () => {
    await kernels.close();
    device.destroy();
  });

  const expectRows = async (tile: Tile, rows: readonly Float32Array[]): Promise<void> => {
    const home = await kernels.read(tile);
    for (const [i, row] of rows.entries()) {
      const got = home.subarray(i * row.length, (i + 1) * row.length);
      expect(firstDifference(got, row), `row ${i}`).toBe(-1);
    }
  };

  test.each([
    ['short rows go together', 5, 1000],
    ['long rows go in pieces', 2, 2 ** 22 + 100],
  ])('%s', async (_, count, cols) => {
    const long = Float32Array.from({ length: count * cols }, (_, j) => j);
    const rows = Array.from({ length: count }, (_, i) => long.slice(i * cols, (i + 1) * cols));
    const tile = await kernels.upload(rows.map(arrayRow), 0, cols);
    await expectRows(tile, rows);
    kernels.free(tile);
  });

  test('rows over shared memory arrive', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(4 * 70_000));
    shared.set(randomRows(1, 70_000)[0]!);
    const tile = await kernels.upload([arrayRow(shared)], 0, 70_000);
    await expectRows(tile, [shared]);
    kernels.free(tile);
  });

  test('uploads that overlap, with each other and with kernels, do not mix', async () => {
    const cols = 200_000;
    const slow = (row: Float32Array): HostRow => ({
      cols,
      async read(from, to, into) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        into.set(row.subarray(from, to));
      },
    });
    const matrices = Array.from({ length: 5 }, (_, k) => randomRows(2, cols, 20 + k));
    const first = await kernels.upload(matrices[0]!.map(arrayRow), 0, cols);
    const [sum, ...tiles] = await Promise.all([
      kernels.combine([[1, 0]], first),
      ...matrices.map((rows) => kernels.upload(rows.map(slow), 0, cols)),
    ]);
    for (const [k, tile] of tiles.entries()) await expectRows(tile, matrices[k]!);
    await expectRows(sum, [matrices[0]![0]!]);
    for (const tile of [first, sum, ...tiles]) kernels.free(tile);
  });

  test('a read that fails gives its own error, and its memory back', async () => {
    const cols = 100_000;
    const broken: HostRow = {
      cols,
      read: async () => {
        throw new Error('bad sector');
      },
    };
    // More than there are pieces to lend.
    for (let k = 0; k < 5; k++) {
      await expect(kernels.upload([broken], 0, cols)).rejects.toThrow('bad sector');
    }
    const rows = randomRows(1, cols);
    const tile = await kernels.upload(rows.map(arrayRow), 0, cols);
    await expectRows(tile, rows);
    kernels.free(tile);
  });

  test('half precision is widened on the device to the same bits as on the host', async () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    // An odd length, and a start that is none of a word.
    const [from, to] = [1, 65_536];
    const wide = (widen: typeof widenHalves): Float32Array => {
      const values = new Float32Array(65_536);
      widen(all, values);
      return values.subarray(from, to);
    };
    const refuse = (): never => {
      throw new Error('read as f32');
    };
    const half = (format: 'f16' | 'bf16'): HostRow => ({
      cols: 65_536,
      read: refuse,
      half: { format, read: (a, b, into) => into.set(all.subarray(a, b)) },
    });
    const single = randomRows(1, 65_536)[0]!;
    const sources: RowSource[] = [half('f16'), half('f16'), arrayRow(single), half('bf16')];
    const tile = await kernels.upload(sources, from, to);
    const [f16, bf16] = [wide(widenHalves), wide(widenBrainFloats)];
    await expectRows(tile, [f16, f16, single.subarray(from, to), bf16]);
    kernels.free(tile);
  });

  test('an array that came home holds until the next but one', async () => {
    const rows = randomRows(3, 500, 30);
    const tiles = await Promise.all(rows.map((row) => kernels.upload([arrayRow(row)], 0, 500)));
    const homes: Float32Array[] = [];
    for (const tile of tiles) {
      homes.push(await kernels.read(tile));
      // What row operations bring home has memory of its own.
      await kernels.screen(tile, 0, 256);
      const last = homes.length - 1;
      for (const k of [last - 1, last]) {
        if (k >= 0) expect(firstDifference(homes[k]!, rows[k]!)).toBe(-1);
      }
    }
    expect(homes[2]!.buffer).toBe(homes[0]!.buffer);
    for (const tile of tiles) kernels.free(tile);
  });

  test('results longer than a piece come home whole', async () => {
    const row = Float32Array.from({ length: 2 ** 22 + 3 * 64 }, (_, j) => j ^ 5);
    const tile = await kernels.upload([arrayRow(row)], 0, row.length);
    const twice = kernels.select(tile, [0, 0]);
    await expectRows(twice, [row, row]);
    kernels.free(twice);
    kernels.free(tile);
  });
});

test('a large slab that is freed serves the next shard of its shape, and no other keeps it', async () => {
  const session = new Session({ device: await newDevice() });
  const tiles = new Tiles(session, new Dispatcher(session), { mapped: true });
  const destroyed = new Set<GPUBuffer>();
  const make = async (cols: number): Promise<GpuTile> => {
    const tile = await tiles.allocate(4, cols);
    const { buffer } = tile.slab;
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      destroyed.add(buffer);
      destroy();
    };
    return tile;
  };
  // 16 MiB.
  const first = await make(2 ** 20);
  const view = tiles.select(first, [2, 1]);
  tiles.free(first);
  const beside = await make(2 ** 20);
  expect(beside.slab.buffer).not.toBe(first.slab.buffer);
  tiles.free(view);
  const second = await make(2 ** 20);
  expect(second.slab.buffer).toBe(first.slab.buffer);
  tiles.free(second);
  expect([...destroyed]).toEqual([]);
  await make(2 ** 19);
  expect([...destroyed]).toEqual([first.slab.buffer]);
  tiles.free(beside);
  tiles.destroy();
  expect([...destroyed]).toEqual([first.slab.buffer, beside.slab.buffer]);
  session.device.destroy();
});

test('rows that were screened are not looked at again for pairs, in any view', async () => {
  const device = await newDevice();
  const made = { device, description: 'under test', software: true };
  const kernels = await WebGpuKernels.create(async () => made);
  const data = randomRows(6, 300, 40);
  const x = await kernels.upload(data.map(arrayRow), 0, 300);
  const fresh = await kernels.upload(data.map(arrayRow), 0, 300);
  const looks: number[] = [];
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    if (descriptor.label === 'screen') looks.push(descriptor.size);
    return createBuffer(descriptor);
  };
  const some = kernels.select(x, [4, 1]);
  // Two blocks of 24 bytes for each of two rows, then of the other four.
  await kernels.screen(some, 1024, 256);
  await kernels.screen(x, 1024, 256);
  expect(looks).toEqual([96, 192]);
  const pairs = await kernels.pairs(kernels.select(x, [5, 4, 3, 2, 1, 0]), 256);
  expect(looks).toEqual([96, 192]);
  // Other columns have other fingerprints.
  const elsewhere = await kernels.screen(x, 2048, 256);
  expect(looks).toEqual([96, 192, 288]);
  expect(elsewhere).toEqual(await kernels.screen(fresh, 2048, 256));
  expect(pairs).toEqual(await kernels.pairs(kernels.select(fresh, [5, 4, 3, 2, 1, 0]), 256));
  await kernels.close();
});

test('work that took too long goes in several submissions, to the same bits', async () => {
  const device = await newDevice();
  const made = { device, description: 'under test', software: true };
  const kernels = await WebGpuKernels.create(async () => made);
  const submitted: string[] = [];
  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    if (descriptor?.label !== undefined) submitted.push(descriptor.label.split(',')[0]!);
    return createCommandEncoder(descriptor);
  };
  const { queue } = device;
  const onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue);
  let learned: Promise<unknown> = Promise.resolve();
  // Any submission seems to have taken half a second.
  Object.defineProperty(queue, 'onSubmittedWorkDone', {
    configurable: true,
    value: () => {
      const late = onSubmittedWorkDone().then(
        () => new Promise<undefined>((resolve) => setTimeout(resolve, 500)),
      );
      learned = late;
      return late;
    },
  });
  // 9 blocks of 8,192 columns, the last one narrow; two parts for a column kernel.
  const [rows, cols, blockCols] = [9, 2 ** 16 + 100, 2 ** 13];
  const sources = randomRows(rows, cols, 50).map(arrayRow);
  const run = async (): Promise<unknown[]> => {
    const x = await kernels.upload(sources, 0, cols);
    const timed = async <T>(result: Promise<T>): Promise<T> => {
      await result;
      await learned;
      return result;
    };
    const screen = await timed(kernels.screen(x, 0, blockCols));
    const pairs = await timed(kernels.pairs(x, blockCols));
    const center = await timed(kernels.rankMean(x, 4, 5));
    const near = await timed(kernels.nearestMean(x, center, 3));
    const columns = [await kernels.read(center), await kernels.read(near)];
    for (const tile of [x, center, near]) kernels.free(tile);
    return [
      screen,
      pairs,
      columns.map((row) => Buffer.from(row.slice().buffer).toString('base64')),
    ];
  };
  const submissions = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const label of submitted.splice(0)) counts[label] = (counts[label] ?? 0) + 1;
    return counts;
  };
  const whole = await run();
  expect(submissions()).toEqual({ screen: 1, pairs: 1, rank_mean: 1, nearest_mean: 1 });
  // Nothing is learned any more.
  learned = Promise.resolve();
  Object.defineProperty(queue, 'onSubmittedWorkDone', { value: () => new Promise(() => {}) });
  expect(await run()).toEqual(whole);
  // None goes below 2²³ operations, 8.4 million: three blocks of screen are 7.1, two of pairs 6.3.
  expect(submissions()).toEqual({ screen: 3, pairs: 5, rank_mean: 2, nearest_mean: 2 });
  await kernels.close();
});

describe('the pace of a kernel', () => {
  test('falls to a tenth of a second when a submission took much longer', () => {
    const pace = new Pace();
    const first = pace.most('screen');
    pace.note('screen', { operations: first, ms: 1000 });
    expect(pace.most('screen')).toBe(first / 10);
    expect(pace.most('pairs')).toBe(first);
  });

  test('grows while submissions are short, if they are as large as they may be', () => {
    const pace = new Pace();
    const first = pace.most('screen');
    pace.note('screen', { operations: first / 4, ms: 1 });
    expect(pace.most('screen')).toBe(first);
    pace.note('screen', { operations: first, ms: 1 });
    expect(pace.most('screen')).toBe(2 * first);
  });

  test('stays where submissions take about what they should, and has an end below', () => {
    const pace = new Pace();
    const first = pace.most('screen');
    pace.note('screen', { operations: first, ms: 150 });
    expect(pace.most('screen')).toBe(first);
    pace.note('screen', { operations: LEAST_OPERATIONS, ms: 1e6 });
    expect(pace.most('screen')).toBe(LEAST_OPERATIONS);
  });
});
