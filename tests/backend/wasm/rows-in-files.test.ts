/** Rows that stay in their files: threads read them, and what they cannot read is told as elsewhere. */

import { createHash } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import { Engine } from '../../../src/backend/engine.ts';
import type { Backend, HostRow, Matrix } from '../../../src/backend/kernels.ts';
import { quantize } from '../../../src/backend/secure/quantize.ts';
import { WasmKernels } from '../../../src/backend/wasm/wasm.ts';
import { randomRows } from '../parity.ts';

const ROWS = 9;
/** Ten blocks of a row operation, the last of them short and no multiple of anything. */
const COLS = 9 * 65_536 + 12_345;
/** Room for shards of four blocks, and too little to keep the rows. */
const MEMORY = 2 * 4 * (ROWS + 1) * 4 * 65_536;
/** Where a row is torn in two in its file: at an odd byte, behind other bytes. */
const [TORN, BEFORE, BETWEEN] = [200_001, 3, 5];

const rows = randomRows(ROWS, COLS, 3);
// What the screen does apart: squares that leave the range of f32, and values that are not finite.
rows[2]![70_000] = 1e30;
rows[3]![COLS - 1] = Number.NaN;

let folder: string;
const handles: FileHandle[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-rows-'));
});
afterAll(async () => {
  await Promise.all(handles.map((handle) => handle.close()));
  await rm(folder, { recursive: true });
});

async function opened(path: string): Promise<FileHandle> {
  const handle = await open(path);
  handles.push(handle);
  return handle;
}

interface FileRow extends HostRow {
  readonly path: string;
  /** How often it was read the usual way, and how many of its entries were left to the body. */
  readonly reads: () => number;
  readonly left: () => number;
}

/** A row of which [0, TORN) and the rest lie apart in a file. */
async function inFile(values: Float32Array, name: string): Promise<FileRow> {
  const path = join(folder, name);
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const [head, tail] = [bytes.subarray(0, 4 * TORN), bytes.subarray(4 * TORN)];
  await writeFile(path, Buffer.concat([Buffer.alloc(BEFORE), head, Buffer.alloc(BETWEEN), tail]));
  const handle = await opened(path);
  let [reads, left] = [0, 0];
  return {
    path,
    cols: values.length,
    reads: () => reads,
    left: () => left,
    read(from, to, into) {
      reads++;
      into.set(values.subarray(from, to));
    },
    inFile(from, to) {
      left += to - from;
      const head = { at: BEFORE + 4 * from, length: Math.min(to, TORN) - from };
      const start = Math.max(from, TORN);
      const tail = { at: BEFORE + BETWEEN + 4 * start, length: to - start };
      return { descriptor: handle.fd, runs: [head, tail].filter(({ length }) => length > 0) };
    },
  };
}

/** Of all bits of a result: an array, or an object of arrays. */
function digestOf(result: object): string {
  const hash = createHash('sha256');
  const arrays = ArrayBuffer.isView(result) ? [result] : Object.values(result);
  for (const array of arrays) hash.update(array);
  return hash.digest('hex');
}

const mixture = [Array(ROWS).fill(1 / ROWS), [1, -1, 0, 0, 0, 0, 0, 0, 0]];
const sparse = [[1, 0, 0.5, 0, 0, 0, 0, 0, 0.25]];
const operations: [string, (backend: Backend, x: Matrix) => Promise<object>][] = [
  ['rankMean', (b, x) => b.read(b.rankMean(x, 2, 7))],
  ['a rank', (b, x) => b.read(b.rankMean(x, 4, 5))],
  ['a mean', (b, x) => b.read(b.combine([mixture[0]!], x))],
  ['a sum of some rows', (b, x) => b.read(b.combine(sparse, x))],
  ['several sums', (b, x) => b.read(b.combine(mixture, x))],
  ['deviation', (b, x) => b.read(b.deviation(x))],
  ['signSum', (b, x) => b.read(b.signSum(x))],
  ['a selected row', (b, x) => b.read(b.select(x, [5]))],
  ['rows in another order', (b, x) => b.read(b.rankMean(b.select(x, [8, 1, 0, 3]), 1, 3))],
  [
    'rows above computed ones',
    (b, x) => b.read(b.rankMean(b.stack(x, b.combine(sparse, x)), 2, 8)),
  ],
  ['nearestMean of rows in memory', (b, x) => b.read(b.nearestMean(x, b.matrix([rows[1]!]), 5))],
  ['pairs', (b, x) => b.pairs(x)],
  ['screen', (b, x) => b.screen(x)],
];

describe.each([1, 2, 3])('on %d threads', (threads) => {
  let files: FileRow[];
  let mixed: HostRow[];
  let backend: Backend;
  let inMemory: Backend;
  beforeAll(async () => {
    files = await Promise.all(rows.map((row, i) => inFile(row, `${threads}-${i}`)));
    mixed = files.map((row, i) => (i % 3 === 1 ? { ...row, values: rows[i]! } : row));
    backend = await createBackend('wasm', { threads, memory: MEMORY });
    inMemory = await createBackend('wasm', { threads: 1 });
  });
  afterAll(async () => {
    await backend.close();
    await inMemory.close();
  });

  test.each(operations)('%s has the bits of rows in memory', async (_, run) => {
    const wanted = digestOf(await run(inMemory, inMemory.matrix(rows)));
    expect(digestOf(await run(backend, backend.matrix(files)))).toBe(wanted);
    expect(digestOf(await run(backend, backend.matrix(mixed)))).toBe(wanted);
  });

  test.each(operations)('%s brings the screen along, bit by bit', async (_, run) => {
    const wanted = digestOf(await inMemory.screen(inMemory.matrix(rows)));
    const result = digestOf(await run(inMemory, inMemory.matrix(rows)));
    for (const sources of [files, mixed]) {
      const x = backend.matrix(sources);
      backend.screenAlong(x);
      expect(digestOf(await run(backend, x))).toBe(result);
      expect(digestOf(await backend.screen(x))).toBe(wanted);
    }
  });

  test('a row goes to an operation that brings its kernel, and is screened', async () => {
    const integers = async (on: Backend, source: HostRow | Float32Array): Promise<object> => {
      const x = on.matrix([source]);
      on.screenAlong(x);
      const key = new Uint8Array(32).fill(5);
      const words = quantize(x, { key, clip: 4, scale: 1024, limit: 4096 });
      return { words: await on.readWords(words), ...(await on.screen(x)) };
    };
    const wanted = digestOf(await integers(inMemory, rows[2]!));
    const before = files[2]!.left();
    // Just too little to keep the row: shards are of five blocks, which two threads could screen besides.
    await using small = await createBackend('wasm', { threads, memory: 8 * COLS - 1 });
    expect(digestOf(await integers(small, files[2]!))).toBe(wanted);
    expect(files[2]!.left() - before).toBe(threads === 1 ? 0 : COLS);
  });
});

describe('threads', () => {
  let backend: Backend;
  let file: FileRow[];
  beforeAll(async () => {
    backend = await createBackend('wasm', { threads: 2, memory: MEMORY });
  });
  afterAll(() => backend.close());
  const fresh = async (name: string): Promise<FileRow[]> => {
    file = await Promise.all(rows.map((row, i) => inFile(row, `${name}-${i}`)));
    return file;
  };

  test('read what one operation reads, and its screen with it, once', async () => {
    const x = backend.matrix(await fresh('once'));
    backend.screenAlong(x);
    await backend.read(backend.rankMean(x, 2, 7));
    expect(file.map((row) => [row.reads(), row.left()])).toEqual(rows.map(() => [0, COLS]));
  });

  test('read nothing that several operations read', async () => {
    const x = backend.matrix(await fresh('twice'));
    await backend.read(backend.nearestMean(x, backend.rankMean(x, 4, 5), 5));
    expect(file.map((row) => row.left())).toEqual(rows.map(() => 0));
  });

  test('read nothing that is to stay in memory', async () => {
    await using roomy = await createBackend('wasm', { threads: 2 });
    await roomy.read(roomy.rankMean(roomy.matrix(await fresh('kept')), 2, 7));
    expect(file.map((row) => row.left())).toEqual(rows.map(() => 0));
  });

  test('leave the reading to the row where a file has ended', async () => {
    const sources = await fresh('short');
    // In a unit of the second shard.
    await truncate(sources[4]!.path, 4 * 300_000);
    const rowOf = (why: () => void): HostRow => ({
      ...sources[4]!,
      read(from, to, into) {
        why();
        into.set(rows[4]!.subarray(from, to));
      },
    });
    const x = (row: HostRow): Matrix => backend.matrix((sources as HostRow[]).with(4, row));
    const broken = rowOf(() => {
      throw new Error('bad sector');
    });
    await expect(backend.read(backend.rankMean(x(broken), 2, 7))).rejects.toThrow('bad sector');
    await expect(backend.pairs(x(broken))).rejects.toThrow('bad sector');
    // What it gives is good, and the workers are none the worse for it.
    const rescued = await backend.read(backend.rankMean(x(rowOf(() => {})), 2, 7));
    await using other = await createBackend('wasm', { threads: 1 });
    const wanted = await other.read(other.rankMean(other.matrix(rows), 2, 7));
    expect(digestOf(rescued)).toBe(digestOf(wanted));
  });

  test('leave it to the row where a descriptor is none', async () => {
    const sources = await fresh('closed');
    const closed: HostRow = {
      ...sources[0]!,
      inFile: (from, to) => ({ ...sources[0]!.inFile!(from, to), descriptor: 2 ** 30 }),
    };
    const x = backend.matrix((sources as HostRow[]).with(0, closed));
    backend.screenAlong(x);
    const value = await backend.read(backend.signSum(x));
    await using other = await createBackend('wasm', { threads: 1 });
    const same = other.matrix(rows);
    expect(digestOf(value)).toBe(digestOf(await other.read(other.signSum(same))));
    expect(digestOf(await backend.screen(x))).toBe(digestOf(await other.screen(same)));
    expect(sources[0]!.reads()).toBeGreaterThan(0);
  });
});

test('without threads rows are read as ever', async () => {
  await using backend = new Engine(await WasmKernels.create(), { memory: MEMORY });
  const files = await Promise.all(rows.map((row, i) => inFile(row, `alone-${i}`)));
  await backend.read(backend.rankMean(backend.matrix(files), 2, 7));
  expect(files.every((row) => row.left() === 0 && row.reads() > 0)).toBe(true);
});
