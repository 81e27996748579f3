import { describe, expect, expectTypeOf, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend, LatticeNoise, Matrix, Words } from '../../src/backend/kernels.ts';
import { addLatticeNoise, rankSum, sumRows, words } from '../../src/backend/words.ts';
import { noiseOf } from './lattice-noise.ts';

const x = words([Int32Array.of(1, -1, 2)]);

describe('words', () => {
  test('are no matrix, and a matrix is no words', async () => {
    expectTypeOf<Words>().not.toExtend<Matrix>();
    expectTypeOf<Matrix>().not.toExtend<Words>();
    await using backend = await createBackend('reference');
    const m = backend.matrix([Float32Array.of(1)]);
    await expect(backend.read(x as unknown as Matrix)).rejects.toThrow(
      'x must be a matrix expression, got words',
    );
    await expect(backend.readWords(m as unknown as Words)).rejects.toThrow(
      'x must be an expression of words, got a matrix expression',
    );
    expect(() => backend.signSum(x as unknown as Matrix)).toThrow('got words');
    expect(() => backend.rankSum({ rows: 1, cols: 1, element: 'u32' }, 0, 1)).toThrow(
      'x must be an expression of words, got an object',
    );
  });

  test.each([
    ['no rows', [], 'number of rows must be at least 1, got 0'],
    ['floats', [Float32Array.of(1)], 'row 0 must be a Uint32Array or an Int32Array'],
    ['no columns', [new Uint32Array(0)], 'length of row 0 must be at least 1, got 0'],
    [
      'rows of two lengths',
      [new Uint32Array(2), new Int32Array(3)],
      'rows must be equally long: row 0 has 2, row 1 3',
    ],
  ])('of %s are refused', (_, rows, message) => {
    expect(() => words(rows as Uint32Array[])).toThrow(message);
  });

  test('may be part of a larger array', async () => {
    await using backend = await createBackend('reference');
    const row = Uint32Array.of(9, 8, 7, 6).subarray(1, 3);
    expect(await backend.readWords(backend.words([row]))).toEqual(Uint32Array.of(8, 7));
  });

  test('are read into an array of the right kind and length alone', async () => {
    await using backend = await createBackend('reference');
    const into = new Uint32Array(3);
    expect(await backend.readWords(x, into)).toBe(into);
    expect(into).toEqual(Uint32Array.of(1, 2 ** 32 - 1, 2));
    await expect(backend.readWords(x, new Uint32Array(2))).rejects.toThrow(
      'into must have 3 entries, got 2',
    );
    await expect(
      backend.readWords(x, new Float32Array(3) as unknown as Uint32Array),
    ).rejects.toThrow('into must be a Uint32Array');
  });

  test.each(['reference', 'wasm', 'webgpu'] as const)(
    'pass through %s as they are, whatever floats they would be',
    async (name) => {
      const row = Uint32Array.of(0x7f800001, 0xffc12345, 0x7fffffff, 1, 0x80000000, 0xffffffff);
      await using backend = await createBackend(name);
      expect(await backend.readWords(backend.words([row, row]))).toEqual(
        Uint32Array.of(...row, ...row),
      );
    },
  );

  test('say what runs for them', async () => {
    await using backend: Backend = await createBackend('reference');
    const noisy = backend.addLatticeNoise(backend.rankSum(x, 0, 1), noiseOf());
    expect(backend.explain(noisy)).toEqual(['rankSum', 'addLatticeNoise']);
    backend.release(noisy);
  });
});

describe('sums by rank', () => {
  test.each([
    [-1, 1, 'from must be in [0, 0], got -1'],
    [0, 0, 'to must be in [1, 1], got 0'],
    [0, 2, 'to must be in [1, 1], got 2'],
  ])('of ranks [%i, %i) of one row are refused', (from, to, message) => {
    expect(() => rankSum(x, from, to)).toThrow(message);
  });
});

describe('sums of groups of rows', () => {
  const two = words([Int32Array.of(1), Int32Array.of(2)]);

  test.each<[string, readonly (readonly number[])[], string]>([
    ['nothing', null as unknown as number[][], 'groups must be an array, got null'],
    ['a number', [[0], 1 as unknown as number[]], 'group 1 must be an array, got 1'],
    ['no group', [], 'number of groups must be at least 1, got 0'],
    ['an empty group', [[0], []], 'size of group 1 must be at least 1, got 0'],
    ['a row that is not there', [[0], [1], [0, 2]], 'row in group 2 must be in [0, 1], got 2'],
    ['a row below 0', [[-1]], 'row in group 0 must be in [0, 1], got -1'],
    ['half a row', [[0.5]], 'row in group 0 must be an integer, got 0.5'],
  ])('with %s are refused', (_, groups, message) => {
    expect(() => sumRows(two, groups)).toThrow(message);
  });

  test('keep their groups, though the caller changes them', async () => {
    await using backend = await createBackend('reference');
    const groups = [[0, 1]];
    const sums = sumRows(two, groups);
    groups[0]![1] = 0;
    expect(await backend.readWords(sums)).toEqual(Uint32Array.of(3));
    expect(backend.explain(sums)).toEqual(['sumRows']);
  });

  test('and distances are of words alone', async () => {
    await using backend = await createBackend('reference');
    const m = backend.matrix([Float32Array.of(1)]) as unknown as Words;
    expect(() => backend.sumRows(m, [[0]])).toThrow('x must be an expression of words');
    await expect(backend.squaredDistances(m)).rejects.toThrow('x must be an expression of words');
  });
});

describe('noise', () => {
  test('keeps the key it was given, though the caller clears it', async () => {
    await using backend = await createBackend('reference');
    const { key, ...rest } = noiseOf();
    const want = await backend.readWords(backend.addLatticeNoise(x, { ...rest, key }));
    const noisy = backend.addLatticeNoise(x, { ...rest, key });
    key.fill(0);
    expect(await backend.readWords(noisy)).toEqual(want);
  });

  const good = noiseOf();
  const table = good.draws[0]!.table;
  test.each<[string, Partial<Record<keyof LatticeNoise, unknown>>, string]>([
    ['a key that was cleared', { key: new Uint8Array(32) }, 'key must not be all zero'],
    ['a short key', { key: new Uint8Array(16).fill(1) }, 'key must be a Uint8Array of 32 bytes'],
    ['a nonce of two words', { nonce: [1, 2] }, 'nonce must be three words'],
    ['a nonce with a fraction', { nonce: [0.5, 0, 0] }, 'nonce[0] must be an integer'],
    ['a nonce without room for levels', { nonce: [0, 0, 5] }, 'nonce[2] must be a multiple of 256'],
    ['no draw', { draws: [] }, 'number of draws must be in [1, 256], got 0'],
    [
      'a factor of 2^31',
      { draws: [{ table, factor: 2 ** 31 }] },
      'draws[0].factor must be in [-2147483648, 2147483647]',
    ],
    [
      'a table that is short',
      { draws: [{ table: { ...table, words: new Uint32Array(4) }, factor: 1 }] },
      'draws[0].table.words must be a Uint32Array of 4·4096 words',
    ],
  ])('with %s is refused', (_, bad, message) => {
    expect(() => addLatticeNoise(x, { ...good, ...bad } as LatticeNoise)).toThrow(message);
  });

  test('on several rows is refused: they would get the same', () => {
    const rows = words([Uint32Array.of(1), Uint32Array.of(2)]);
    expect(() => addLatticeNoise(rows, good)).toThrow('addLatticeNoise needs one row, got 2');
  });
});
