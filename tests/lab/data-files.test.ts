import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FormatError } from '../../src/core/errors.ts';
import { createRandom } from '../../src/core/random.ts';
import { parseCsv } from '../../src/lab/csv.ts';
import { loadData } from '../../src/lab/data-files.ts';
import { parseIdx } from '../../src/lab/idx.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-data-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const random = () => createRandom(1);

/** An IDX file of unsigned bytes. */
function idx(shape: readonly number[], values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, 8, shape.length]);
  shape.forEach((size, i) => {
    new DataView(bytes.buffer).setUint32(4 + 4 * i, size);
  });
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

async function inFolder(name: string, files: Record<string, Uint8Array | string>): Promise<string> {
  const inner = await mkdtemp(join(folder, `${name}-`));
  for (const [file, content] of Object.entries(files)) await writeFile(join(inner, file), content);
  return inner;
}

describe('IDX', () => {
  const images = (n: number) =>
    idx(
      [n, 2, 2],
      Array.from({ length: 4 * n }, (_, i) => (i * 51) % 256),
    );
  const labels = (n: number) =>
    idx(
      [n],
      Array.from({ length: n }, (_, i) => i % 3),
    );

  test('a folder with the four MNIST files gives their training and test halves', async () => {
    const path = await inFolder('mnist', {
      'train-images-idx3-ubyte': images(6),
      'train-labels-idx1-ubyte.gz': gzipSync(labels(6)),
      't10k-images.idx3-ubyte': images(3),
      't10k-labels.idx1-ubyte': labels(3),
    });
    const { train, test: unseen } = await loadData(path, { random: random() });
    expect([train.size, unseen.size, train.features, train.classes]).toEqual([6, 3, 4, 3]);
    expect([...train.labels]).toEqual([0, 1, 2, 0, 1, 2]);
    // 51 is a fifth of 255.
    expect([...train.inputs.subarray(0, 6)]).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1].map(Math.fround));
  });

  test('one file of the pair finds the other; without a test half, a fifth is kept', async () => {
    const path = await inFolder('pair', {
      'train-images-idx3-ubyte': images(10),
      'train-labels-idx1-ubyte': labels(10),
    });
    const data = await loadData(join(path, 'train-images-idx3-ubyte'), { random: random() });
    expect([data.train.size, data.test.size]).toEqual([8, 2]);
  });

  test.each([
    ['images without labels', { 'train-images-idx3-ubyte': images(2) }, 'no file of labels'],
    [
      'fewer labels than images',
      { 'train-images-idx3-ubyte': images(3), 'train-labels-idx1-ubyte': labels(2) },
      '3 images need 3 labels, got 2',
    ],
    [
      'a truncated file',
      {
        'train-images-idx3-ubyte': images(3).subarray(0, 20),
        'train-labels-idx1-ubyte': labels(3),
      },
      'sizes 3 × 2 × 2 need 12 bytes, got 4',
    ],
    [
      'no image at all',
      { 'train-images-idx3-ubyte': images(0), 'train-labels-idx1-ubyte': labels(0) },
      'none of them 0, got 0 × 2 × 2',
    ],
    ['an empty folder', {}, 'holds no file named train-images'],
    [
      'something else under the name of a gzip file',
      { 'train-images-idx3-ubyte.gz': images(3), 'train-labels-idx1-ubyte': labels(3) },
      'is not a gzip file',
    ],
  ])('%s is refused', async (_, files, message) => {
    const path = await inFolder('bad', files as unknown as Record<string, Uint8Array>);
    const load = loadData(path, { random: random() });
    await expect(load).rejects.toBeInstanceOf(FormatError);
    await expect(load).rejects.toThrow(message);
  });

  test('sizes that lie are refused before anything is allocated', () => {
    const lying = idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], [1]);
    expect(() => parseIdx(lying, 'f')).toThrow(FormatError);
    expect(() => parseIdx(Uint8Array.of(0, 0, 8), 'f')).toThrow('starts with two zero bytes');
    expect(() => parseIdx(Uint8Array.of(0, 0, 8, 3, 0), 'f')).toThrow('16-byte header');
    expect(() => parseIdx(Uint8Array.of(0, 0, 0x0d, 1), 'f')).toThrow('got type 0x0d');
  });

  test('any bytes are either read or refused with a FormatError', () => {
    const start = fc.constantFrom([], [0, 0, 8, 1, 0, 0, 0], [0, 0, 8]);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 64 }), (head, tail) => {
        try {
          const { shape, values } = parseIdx(Uint8Array.from([...head, ...tail]), 'f');
          expect(shape.reduce((a, b) => a * b, 1)).toBe(values.length);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});

describe('CSV', () => {
  test('the label is the last column; a line of names, CRLF and a last newline are fine', () => {
    const data = parseCsv('a,b,label\r\n1,-2.5,1\r\n 3e1,.5,0\r\n', 'f');
    expect([...data.inputs]).toEqual([1, -2.5, 30, 0.5]);
    expect([...data.labels]).toEqual([1, 0]);
    expect([data.size, data.features, data.classes]).toEqual([2, 2, 2]);
  });

  test.each([
    ['', 'holds no line of numbers'],
    ['a,b,label\n', 'holds no line of numbers'],
    ['1\n0\n', 'needs a column of inputs before the label'],
    ['1,2,1\n3,1\n', 'line 2 needs 3 fields, got 2'],
    ['1,2,1\n\n3,4,0\n', 'line 2 needs 3 fields, got 1'],
    ['1,2,1\n3,,0\n', 'line 2, column 2 needs a number, got ""'],
    ['1,2,1\n3,0x10,0\n', 'line 2, column 2 needs a number, got "0x10"'],
    ['1,2,1\n3,Infinity,0\n', 'column 2 needs a number, got "Infinity"'],
    ['1,2,1\n3,1e39,0\n', 'column 2 needs a number, got "1e39"'],
    ['1,2,1\n3,4,1.5\n', 'line 2: the label (last column) must be an integer in [0, 255], got 1.5'],
    ['1,2,1\n3,4,-1\n', 'got -1'],
    ['1,2,1\n3,4,256\n', 'got 256'],
    ['1,2,0\n3,4,0\n', 'every label is 0'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => parseCsv(text, 'f')).toThrow(FormatError);
    expect(() => parseCsv(text, 'f')).toThrow(message);
  });

  test('columns are scaled by the training examples, a constant column becomes 0', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => `${100 + 10 * i},7,${i % 2}`).join('\n');
    const path = join(await inFolder('csv', { 'x.csv.gz': gzipSync(rows) }), 'x.csv.gz');
    const { train, test: unseen } = await loadData(path, { random: random() });
    expect([train.size, unseen.size]).toEqual([8, 2]);
    const column = (c: number) => [...train.inputs].filter((_, i) => i % 2 === c);
    expect([Math.min(...column(0)), Math.max(...column(0))]).toEqual([0, 1]);
    expect(column(1)).toEqual(new Array(8).fill(0));
    expect(unseen.inputs.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  test.skipIf(process.platform === 'win32')('a pipe is refused, not waited for', async () => {
    const path = join(await inFolder('pipe', {}), 'table.csv');
    execFileSync('mkfifo', [path]);
    await expect(loadData(path, { random: random() })).rejects.toThrow('is not a regular file');
  });

  test('bytes that are not UTF-8 and names that say nothing are refused', async () => {
    const path = await inFolder('odd', {
      'x.csv': Uint8Array.of(0x31, 0xff, 0xfe),
      'x.bin': 'abc',
    });
    await expect(loadData(join(path, 'x.csv'), { random: random() })).rejects.toThrow(
      'is not UTF-8 text',
    );
    await expect(loadData(join(path, 'x.bin'), { random: random() })).rejects.toThrow(
      'needs a name that ends in .csv',
    );
    await expect(loadData(join(path, 'none.csv'), { random: random() })).rejects.toThrow('ENOENT');
  });
});
