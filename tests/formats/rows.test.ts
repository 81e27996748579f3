import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../src/formats/byte-source.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { layoutOf } from '../../src/formats/layout.ts';
import { fileSource, writeFileAtomic } from '../../src/formats/node-files.ts';
import { differenceRow, tensorRow } from '../../src/formats/rows.ts';
import { type TensorFile, writeSafetensors } from '../../src/formats/safetensors.ts';
import {
  bytesOf,
  expectRefusal,
  f32,
  i64,
  open,
  readRow,
  safetensorsBytes,
  sameBits,
  tensorFile,
} from './support.ts';

const rowOf = ({ source, header }: TensorFile, ...others: TensorFile[]) =>
  tensorRow(source, header, layoutOf([header, ...others.map((file) => file.header)]));

/** A source that counts its reads. */
function counted(source: ByteSource): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const read: ByteSource['read'] = (from, to) => {
    reads.push([from, to]);
    return source.read(from, to);
  };
  return { source: { name: source.name, size: source.size, read }, reads };
}

describe('tensorRow', () => {
  it('lines tensors up by name, whatever their type and place in the file', async () => {
    const file = await tensorFile('mixed', {
      d: ['F64', [2], bytesOf(Float64Array.of(0.1, 1e300))],
      b: ['F16', [3], bytesOf(Uint16Array.of(0x3c00, 0x0001, 0xfc00))],
      c: ['F32', [], f32(7)],
      a: ['BF16', [1, 2], bytesOf(Uint16Array.of(0x3f80, 0xc000))],
      empty: ['F32', [0], f32()],
      n: ['I64', [], i64(5)],
    });
    const values = [1, -2, 1, 2 ** -24, -Infinity, 7, Math.fround(0.1), Infinity];
    expect(await readRow(rowOf(file))).toEqual(values);
  });

  it('tells where f32 lie in an open file, run by run', async () => {
    const file = await tensorFile('f32', {
      a: ['F32', [3], f32(1, 2, 3)],
      b: ['F32', [7], f32(0, 0, 0, 0, 0, 0, 0)],
      c: ['F32', [2], f32(4, 5)],
    });
    const { source, header } = file;
    const opened = { source: { ...source, descriptor: 7 }, header };
    const [a, c] = [header.tensors.get('a')!.from, header.tensors.get('c')!.from];
    const layout = layoutOf([header], { policies: { b: 'exclude' } });
    const { inFile } = tensorRow(opened.source, header, layout);
    const both = [
      { at: a + 4, length: 2 },
      { at: c, length: 1 },
    ];
    expect(inFile?.(1, 4)).toEqual({ descriptor: 7, runs: both });
    expect(inFile?.(3, 5).runs).toEqual([{ at: c, length: 2 }]);
    expect(() => inFile?.(1, 6)).toThrow(RangeError);
    // No file, no such numbers in it, and numbers that are yet to be computed.
    expect(rowOf(file).inFile).toBeUndefined();
    const doubles = await tensorFile('f64', { a: ['F64', [1], bytesOf(Float64Array.of(1))] });
    const halves = await tensorFile('f16', { a: ['F16', [1], bytesOf(Uint16Array.of(1))] });
    for (const { source, header } of [doubles, halves]) {
      expect(rowOf({ source: { ...source, descriptor: 7 }, header }).inFile).toBeUndefined();
    }
    expect(differenceRow(rowOf(opened), rowOf(opened)).inFile).toBeUndefined();
  });

  it('gives halves as they are where all of it is one type of half precision', async () => {
    const file = await tensorFile('halves', {
      a: ['F16', [3], bytesOf(Uint16Array.of(1, 2, 3))],
      gap: ['I64', [], i64(5)],
      b: ['F16', [2], bytesOf(Uint16Array.of(0x7c01, 0xfc00))],
    });
    const { half } = rowOf(file);
    expect(half?.format).toBe('f16');
    const into = new Uint16Array(4);
    await half!.read(1, 5, into);
    expect([...into]).toEqual([2, 3, 0x7c01, 0xfc00]);
    await expect(half!.read(1, 5, new Uint16Array(3))).rejects.toThrow('must hold 4 entries');
  });

  it('gives no halves of mixed types, of other types, or of a difference', async () => {
    const bytes = bytesOf(Uint16Array.of(1, 2));
    const brain = await tensorFile('brain', { a: ['BF16', [2], bytes] });
    const mixed = await tensorFile('mixed', { a: ['BF16', [2], bytes], b: ['F16', [2], bytes] });
    const single = await tensorFile('single', { a: ['F32', [2], f32(1, 2)] });
    expect(rowOf(brain).half?.format).toBe('bf16');
    expect(rowOf(mixed).half).toBeUndefined();
    expect(rowOf(single).half).toBeUndefined();
    expect(differenceRow(rowOf(brain), rowOf(brain)).half).toBeUndefined();
  });

  it('reads any range alike, also several at once', async () => {
    const halves = bytesOf(Uint16Array.from({ length: 9 }, (_, i) => 0x3c00 + i));
    const file = await tensorFile('ranges', {
      a: ['F32', [5], f32(1, 2, 3, 4, 5)],
      b: ['F16', [9], halves],
      c: ['F32', [0], f32()],
      d: ['F64', [3], bytesOf(Float64Array.of(6, 7, 8))],
    });
    const row = rowOf(file);
    const whole = await readRow(row);
    expect(whole).toHaveLength(17);
    const ranges = fc.array(fc.tuple(fc.nat(17), fc.nat(17)), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(ranges, async (list) => {
        const parts = await Promise.all(
          list.map(([a, b]) => readRow(row, Math.min(a, b), Math.max(a, b))),
        );
        expect(parts).toEqual(list.map(([a, b]) => whole.slice(Math.min(a, b), Math.max(a, b))));
      }),
      { seed: 9 },
    );
  });

  it('reads tensors that lie one behind the other at once, and nothing that was not asked for', async () => {
    const file = await tensorFile('adjacent', {
      a: ['F32', [4], f32(1, 2, 3, 4)],
      b: ['F32', [2, 2], f32(5, 6, 7, 8)],
      c: ['F32', [2], f32(9, 10)],
      n: ['I64', [], i64(1)],
    });
    const { source, reads } = counted(file.source);
    const row = rowOf({ ...file, source });
    expect(reads).toEqual([]);
    expect(await readRow(row, 2, 9)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    const start = file.header.tensors.get('a')!.from;
    expect(reads).toEqual([[start + 8, start + 36]]);
  });

  it('reads tensors that lie in another order than that of their names', async () => {
    const member = (name: string, at: number) =>
      `"${name}":{"dtype":"F32","shape":[2],"data_offsets":[${at},${at + 8}]}`;
    const header = `{${member('c', 0)},${member('a', 8)},${member('b', 16)}}`;
    const file = await open(bytesSource('old', safetensorsBytes(header, f32(5, 6, 1, 2, 3, 4))));
    const { source, reads } = counted(file.source);
    expect(await readRow(rowOf({ ...file, source }))).toEqual([1, 2, 3, 4, 5, 6]);
    // `a` and `b` are neighbours in both orders.
    expect(reads.map(([from, to]) => to - from)).toEqual([16, 8]);
  });

  it('reads data that is not aligned', async () => {
    const header =
      '{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}';
    const data = new Uint8Array(9);
    data.set(f32(1.5, -3), 1);
    expect(
      await readRow(rowOf(await open(bytesSource('odd', safetensorsBytes(header, data))))),
    ).toEqual([1.5, -3]);
  });

  it('with a base is the difference, subtracted in f32, whatever the types of the two', async () => {
    const base = await tensorFile('base', {
      w: ['F32', [3], f32(1, 0.1, Infinity)],
      frozen: ['F32', [2], f32(8, 9)],
      lora: ['BF16', [2], bytesOf(Uint16Array.of(0x3f80, 0x4000))],
    });
    const update = await tensorFile('update', {
      lora: ['F16', [2], bytesOf(Uint16Array.of(0x4200, 0x3c00))],
      w: ['F32', [3], f32(2 ** 24, 0.3, Infinity)],
    });
    const layout = layoutOf([update.header], { base: base.header });
    const baseRow = tensorRow(base.source, base.header, layout);
    const row = tensorRow(update.source, update.header, layout, { base: baseRow });
    const third = Math.fround(Math.fround(0.3) - Math.fround(0.1));
    // lora: 3 − 1, 1 − 2. 2²⁴ − 1 is an f32; ∞ − ∞ is for the screen to find.
    expect(await readRow(row)).toEqual([2, -1, 2 ** 24 - 1, third, Number.NaN]);
    expect(await readRow(row, 1, 3)).toEqual([-1, 2 ** 24 - 1]);
  });

  it('refuses a file that does not fit, in the words of compare', async () => {
    const layout = layoutOf([(await tensorFile('a', { w: ['F32', [2], f32(1, 2)] })).header]);
    const { source, header } = await tensorFile('b', { v: ['F32', [2], f32(1, 2)] });
    await expectRefusal(
      (async () => tensorRow(source, header, layout))(),
      'mismatch',
      'b: lacks tensor "w"; has tensor "v", which is not in the layout',
    );
  });

  it('holds the caller to its own length', async () => {
    const row = rowOf(await tensorFile('w', { w: ['F32', [2], f32(1, 2)] }));
    await expect(readRow(row, 0, 3)).rejects.toThrow(RangeError);
    await expect(readRow(row, -1, 1)).rejects.toThrow(RangeError);
    await expect(row.read(0, 2, new Float32Array(3))).rejects.toThrow(
      'into must hold 2 entries, got 3',
    );
  });
});

describe('differenceRow', () => {
  const rowFrom = (values: Float32Array) => ({
    cols: values.length,
    read: (from: number, to: number, into: Float32Array) => into.set(values.subarray(from, to)),
  });

  it('goes piece by piece over long rows', async () => {
    const length = 600_001;
    const row = rowFrom(Float32Array.from({ length }, (_, i) => 2 * i));
    const base = rowFrom(Float32Array.from({ length }, (_, i) => i));
    const difference = await readRow(differenceRow(row, base), 3);
    expect(difference).toHaveLength(length - 3);
    expect(difference.every((x, i) => x === i + 3)).toBe(true);
  });

  it('needs rows of one length', () => {
    expect(() => differenceRow(rowFrom(f32row(1)), rowFrom(f32row(1, 2)))).toThrow(
      'base must have 1 entries, has 2',
    );
  });

  const f32row = (...values: number[]) => Float32Array.from(values);
});

describe('on files of Node', () => {
  it('a row is read by range through the file, never whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aggregis-rows-'));
    try {
      const path = join(folder, 'w.safetensors');
      const piece = Float32Array.from({ length: 2 ** 18 }, (_, i) => i);
      await writeFileAtomic(path, (append) =>
        writeSafetensors(append, [
          { name: 'w', dtype: 'F32', shape: [16, 2 ** 18], data: Array(16).fill(bytesOf(piece)) },
        ]),
      );
      await using source = await fileSource(path);
      const row = rowOf(await open(source));
      expect(row.cols).toBe(2 ** 22);
      const at = 9 * 2 ** 18 - 2;
      expect(await readRow(row, at, at + 4)).toEqual([2 ** 18 - 2, 2 ** 18 - 1, 0, 1]);
      const into = new Float32Array(2 ** 18);
      await Promise.all([0, 5, 15].map((i) => row.read(i * 2 ** 18, (i + 1) * 2 ** 18, into)));
      expect(sameBits(into, piece)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
