import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { divideToEven } from '../../src/formats/carried.ts';
import type { Dtype } from '../../src/formats/dtype.ts';
import {
  compare,
  type LayoutOptions,
  layoutOf,
  type TensorPolicies,
  vectorLayout,
} from '../../src/formats/layout.ts';
import { npyResult, resultFormat, safetensorsResult } from '../../src/formats/result.ts';
import { npyRows, tensorRow } from '../../src/formats/rows.ts';
import type { TensorFile } from '../../src/formats/safetensors.ts';
import {
  bytesOf,
  contents,
  expectRefusal,
  f32,
  i64,
  open,
  readRow,
  type Spec,
  sameBits,
  sink,
  tensorFile,
} from './support.ts';

interface Round {
  readonly updates: readonly TensorFile[];
  readonly value: Float32Array;
  readonly base?: TensorFile;
  readonly policies?: TensorPolicies;
  /** Lengths of the tiles that the value comes in; the last one repeats. */
  readonly tiles?: readonly number[];
}

/** Writes a result as the engine would hand it over, and reads the file back. */
async function written({
  updates,
  value,
  base,
  policies,
  tiles = [2],
}: Round): Promise<TensorFile> {
  const options: LayoutOptions = {
    ...(base && { base: base.header }),
    ...(policies && { policies }),
  };
  const layout = layoutOf(
    updates.map((u) => u.header),
    options,
  );
  const { append, bytes } = sink();
  const writer = await safetensorsResult(append, {
    layout,
    updates,
    ...(base && { baseFile: base, base: tensorRow(base.source, base.header, layout) }),
  });
  const reused = new Float32Array(value.length);
  for (let at = 0, i = 0; at < value.length; i++) {
    const tile = reused.subarray(
      0,
      Math.min(tiles[Math.min(i, tiles.length - 1)]!, value.length - at),
    );
    tile.set(value.subarray(at, at + tile.length));
    await writer.append(tile);
    at += tile.length;
    reused.fill(Number.NaN);
  }
  await writer.finish();
  return open(bytesSource('result', bytes()));
}

const cohort = (list: readonly Readonly<Record<string, Spec>>[]) =>
  Promise.all(list.map((tensors, i) => tensorFile(`client-${i}`, tensors)));

const numbers = (spec: Spec | undefined) => [...new Float32Array(spec![2].slice().buffer)];
const counts = (spec: Spec | undefined) => [...new BigInt64Array(spec![2].slice().buffer)];

describe('a result as safetensors', () => {
  it('has every tensor in its place, whatever the tiles', async () => {
    const tensors: Record<string, Spec> = {
      b: ['F16', [2], bytesOf(Uint16Array.of(0, 0))],
      a: ['F32', [2, 2], f32(0, 0, 0, 0)],
      scalar: ['F32', [], f32(0)],
      none: ['F32', [3, 0], f32()],
      counter: ['I64', [], i64(3)],
      flags: ['BOOL', [3], Uint8Array.of(1, 0, 1)],
      frozen: ['F32', [2], f32(8, 9)],
    };
    const updates = await cohort([tensors]);
    const value = Float32Array.of(1, 2, 3, 4, 5, 6, 7);
    const policies = { frozen: 'copy-from-base' } as const;
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(sizes, async (tiles) => {
        const found = await contents(await written({ updates, value, policies, tiles }));
        expect(found).toEqual({
          counter: ['I64', [], i64(3)],
          a: ['F32', [2, 2], f32(1, 2, 3, 4)],
          b: ['F32', [2], f32(5, 6)],
          // `frozen` stands between columns; the f32 tensors of a file go by name.
          frozen: ['F32', [2], f32(8, 9)],
          none: ['F32', [3, 0], f32()],
          scalar: ['F32', [], f32(7)],
          flags: ['BOOL', [3], Uint8Array.of(1, 0, 1)],
        });
      }),
      { numRuns: 30, seed: 6 },
    );
  });

  it('of a batch-norm cohort keeps the counter that most clients hold', async () => {
    const client = (w: number, steps: number): Record<string, Spec> => ({
      'bn.running_mean': ['F32', [2], f32(w, w)],
      'bn.num_batches_tracked': ['I64', [], i64(steps)],
    });
    const updates = await cohort([client(1, 40), client(2, 40), client(3, 40)]);
    const found = await contents(await written({ updates, value: Float32Array.of(2, 2) }));
    expect(counts(found['bn.num_batches_tracked'])).toEqual([40n]);

    // Nobody stops a round, or decides it, alone; wherever the odd one stands.
    for (const steps of [
      [41, 40, 40],
      [40, 41, 40],
      [40, 40, 41],
      [39, 40, 41, 40, 40],
    ]) {
      const most = await cohort(steps.map((count, i) => client(i, count)));
      const kept = await contents(await written({ updates: most, value: Float32Array.of(2, 2) }));
      expect(counts(kept['bn.num_batches_tracked'])).toEqual([40n]);
    }

    const differing = await cohort([client(1, 40), client(2, 41), client(3, 40), client(4, 41)]);
    const round = { updates: differing, value: Float32Array.of(2, 2) };
    await expectRefusal(
      written(round),
      'mismatch',
      '"bn.num_batches_tracked" has no copy that more than half of the 4 updates hold',
    );

    const base = await tensorFile('base', client(0, 30));
    const fromBase = await contents(await written({ ...round, base }));
    expect(counts(fromBase['bn.num_batches_tracked'])).toEqual([30n]);

    const policies = { '*.num_batches_tracked': 'mean' } as const;
    const mean = await contents(await written({ ...round, policies }));
    // 121 / 3 = 40.33…
    expect(counts(mean['bn.num_batches_tracked'])).toEqual([40n]);

    const without = await written({ ...round, policies: { '*.num_batches_tracked': 'exclude' } });
    expect([...without.header.tensors.keys()]).toEqual(['bn.running_mean']);
  });

  it('of adapters is the base with the adapters moved', async () => {
    const base = await tensorFile(
      'base',
      {
        'w.lora_A': ['F32', [2], f32(1, 2)],
        w: ['F16', [3], bytesOf(Uint16Array.of(0x3c00, 0x4000, 0x4200))],
        step: ['I64', [], i64(9)],
      },
      new Map([['format', 'pt']]),
    );
    const updates = await cohort([
      { 'w.lora_A': ['F32', [2], f32(1.5, 2.5)] },
      { 'w.lora_A': ['F32', [2], f32(1.5, 3.5)] },
    ]);
    const layout = layoutOf(
      updates.map((u) => u.header),
      { base: base.header },
    );
    const baseRow = tensorRow(base.source, base.header, layout);
    const rows = updates.map((u) => tensorRow(u.source, u.header, layout, { base: baseRow }));
    const [first, second] = await Promise.all(rows.map((row) => readRow(row)));
    const value = Float32Array.from(first!, (x, i) => (x + second![i]!) / 2);

    const file = await written({ updates, base, value });
    expect(await contents(file)).toEqual({
      step: ['I64', [], i64(9)],
      'w.lora_A': ['F32', [2], f32(1.5, 3)],
      w: ['F16', [3], bytesOf(Uint16Array.of(0x3c00, 0x4000, 0x4200))],
    });
    expect(file.header.metadata).toEqual(new Map([['format', 'pt']]));

    const policies: TensorPolicies = ({ missing }) => (missing ? 'exclude' : undefined);
    const adapters = await written({ updates, base, value, policies });
    expect([...adapters.header.tensors.keys()]).toEqual(['w.lora_A']);
  });

  it('reads back as the row that was written', async () => {
    const value = Float32Array.from({ length: 700_000 }, (_, i) => i / 8);
    const { append, bytes } = sink();
    const layout = vectorLayout(value.length);
    const writer = await safetensorsResult(append, { layout });
    await writer.append(value);
    await writer.finish();
    const file = await open(bytesSource('vector', bytes()));
    expect(compare(layout, file.header)).toEqual([]);
    const found = Float32Array.from(await readRow(tensorRow(file.source, file.header, layout)));
    expect(sameBits(found, value)).toBe(true);
  });

  it('adds the base in f32, piece by piece', async () => {
    const length = 2 ** 18 + 5;
    const base = await tensorFile('base', {
      w: ['F32', [length], bytesOf(new Float32Array(length).fill(2 ** 24))],
    });
    const value = Float32Array.from({ length }, (_, i) => (i % 2 === 0 ? 1 : 3));
    const found = await contents(await written({ updates: [base], base, value, tiles: [length] }));
    // 2²⁴ + 1 and 2²⁴ + 3 are ties between f32s: both go to even.
    const expected = value.map((x) => (x === 1 ? 2 ** 24 : 2 ** 24 + 4));
    expect(sameBits(found.w![2], expected)).toBe(true);
  });

  it('says what is wrong before anything is written', async () => {
    const updates = await cohort([
      { w: ['F32', [1], f32(1)], n: ['U8', [2], Uint8Array.of(1, 2)] },
      { w: ['F32', [1], f32(1)], n: ['U8', [2], Uint8Array.of(1, 3)] },
    ]);
    const layout = layoutOf(updates.map((u) => u.header));
    let appended = 0;
    const append = async () => {
      appended++;
    };
    await expectRefusal(
      safetensorsResult(append, { layout, updates }),
      'mismatch',
      '"n" has no copy',
    );
    await expectRefusal(safetensorsResult(append, { layout }), 'mismatch', 'no update is left');
    const stranger = await tensorFile('stranger', { w: ['F32', [1], f32(1)] });
    await expectRefusal(
      safetensorsResult(append, { layout, updates: [stranger] }),
      'mismatch',
      'stranger: lacks tensor "n"',
    );
    const based = layoutOf([], { base: updates[0]!.header });
    await expect(safetensorsResult(append, { layout: based })).rejects.toThrow(
      'baseFile must be given',
    );
    expect(appended).toBe(0);
  });

  it('must get as many entries as it has', async () => {
    const writer = await safetensorsResult(sink().append, { layout: vectorLayout(3) });
    await writer.append(new Float32Array(2));
    await expect(writer.append(new Float32Array(2))).rejects.toThrow(RangeError);
    await expect(writer.finish()).rejects.toThrow('result needs 3 entries, got 2');
  });
});

describe('the policy mean', () => {
  const meanOf = async (dtype: Dtype, ...values: Uint8Array[]) => {
    const size = values[0]!.length;
    const shape = [
      (size * 8) /
        {
          BOOL: 8,
          U8: 8,
          I8: 8,
          I16: 16,
          U16: 16,
          I32: 32,
          U32: 32,
          U64: 64,
          I64: 64,
          F32: 32,
          BF16: 16,
        }[dtype as 'U8'],
    ];
    const updates = await cohort(
      values.map((bytes) => ({ t: [dtype, shape, bytes], w: ['F32', [1], f32(0)] })),
    );
    const found = await contents(
      await written({ updates, value: Float32Array.of(1), policies: { t: 'mean' } }),
    );
    return found.t;
  };

  it('of counters is rounded to nearest, ties to even, exactly', async () => {
    const big = 2n ** 62n;
    expect(
      counts(await meanOf('I64', i64(1, 2, -1, -2, big + 1n), i64(2, 3, -2, -3, big + 4n))),
    ).toEqual([2n, 2n, -2n, -2n, big + 2n]);
  });

  it.each<[Dtype, Uint8Array, Uint8Array, Uint8Array]>([
    ['U8', Uint8Array.of(255, 0), Uint8Array.of(254, 1), Uint8Array.of(254, 0)],
    [
      'I8',
      bytesOf(Int8Array.of(-128, 5)),
      bytesOf(Int8Array.of(-127, 5)),
      bytesOf(Int8Array.of(-128, 5)),
    ],
    [
      'U16',
      bytesOf(Uint16Array.of(65535)),
      bytesOf(Uint16Array.of(65533)),
      bytesOf(Uint16Array.of(65534)),
    ],
    ['I16', bytesOf(Int16Array.of(-3)), bytesOf(Int16Array.of(-4)), bytesOf(Int16Array.of(-4))],
    [
      'U32',
      bytesOf(Uint32Array.of(2 ** 32 - 1)),
      bytesOf(Uint32Array.of(2 ** 32 - 1)),
      bytesOf(Uint32Array.of(2 ** 32 - 1)),
    ],
    [
      'I32',
      bytesOf(Int32Array.of(-(2 ** 31))),
      bytesOf(Int32Array.of(-(2 ** 31))),
      bytesOf(Int32Array.of(-(2 ** 31))),
    ],
    [
      'U64',
      bytesOf(BigUint64Array.of(2n ** 64n - 1n)),
      bytesOf(BigUint64Array.of(2n ** 64n - 3n)),
      bytesOf(BigUint64Array.of(2n ** 64n - 2n)),
    ],
    // One of two is a tie, which goes to even: false. Any byte but 0 is true, once.
    ['BOOL', Uint8Array.of(1, 1, 0), Uint8Array.of(0, 200, 0), Uint8Array.of(0, 1, 0)],
  ])('of %s stays within the type', async (dtype, a, b, mean) => {
    expect((await meanOf(dtype, a, b))?.[2]).toEqual(mean);
  });

  it('of floats is rounded once, and leaves out what is not finite', async () => {
    const t = await meanOf(
      'F32',
      f32(1, Number.NaN, 3e38),
      f32(2, 4, 3e38),
      f32(4, Infinity, 3e38),
    );
    expect(numbers(t)).toEqual([Math.fround(7 / 3), 4, Math.fround(3e38)]);
    const nothing = meanOf('F32', f32(1, Number.NaN), f32(1, Infinity));
    await expectRefusal(nothing, 'mismatch', 'finite value for entry 1 of tensor "t"');
  });

  it('of bf16 is written as f32', async () => {
    const one = bytesOf(Uint16Array.of(0x3f80));
    const two = bytesOf(Uint16Array.of(0x4000));
    expect(await meanOf('BF16', one, two)).toEqual(['F32', [1], f32(1.5)]);
  });

  it('divideToEven is exact division, rounded', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
        fc.bigInt({ min: 1n, max: 99n }),
        (a, b) => {
          const q = divideToEven(a, b);
          const error = 2n * (a - q * b);
          expect(error <= b && -error <= b).toBe(true);
          if (error === b || -error === b) expect(q % 2n).toBe(0n);
        },
      ),
      { seed: 8 },
    );
  });
});

describe('a result as npy', () => {
  it('is a vector that reads back, with a base added', async () => {
    const base = {
      cols: 3,
      read: (from: number, to: number, into: Float32Array) =>
        into.set(Float32Array.of(10, 20, 30).subarray(from, to)),
    };
    const { append, bytes } = sink();
    const writer = await npyResult(append, { cols: 3, base });
    await writer.append(Float32Array.of(1, 2));
    await writer.append(Float32Array.of(3));
    await writer.finish();
    const [row] = await npyRows(bytesSource('result', bytes()));
    expect(await readRow(row!)).toEqual([11, 22, 33]);
  });

  it('needs a base of its own length', async () => {
    const base = { cols: 4, read: () => {} };
    await expectRefusal(
      npyResult(sink().append, { cols: 3, base }),
      'mismatch',
      'base must have 3',
    );
  });
});

it('the format of a result is that of its name', () => {
  expect(resultFormat('a/global.safetensors')).toBe('safetensors');
  expect(resultFormat('GLOBAL.NPY')).toBe('npy');
  expect(() => resultFormat('global.pt')).toThrow('"global.pt" must end in .safetensors or .npy');
});
