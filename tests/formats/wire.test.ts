import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrayRow } from '../../src/backend/rows.ts';
import { BLOCK, blockScales, encodeBlocks } from '../../src/formats/blocks.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { widenHalves } from '../../src/formats/dtype.ts';
import { type Layout, layoutOf, vectorLayout } from '../../src/formats/layout.ts';
import type { TensorFile } from '../../src/formats/safetensors.ts';
import {
  readUpdate,
  type WireDtype,
  wireDtypes,
  wireLength,
  wireTensors,
  writeUpdate,
} from '../../src/formats/wire.ts';
import { aggregate } from '../../src/index.ts';
import { mean } from '../../src/rules/mean.ts';
import {
  bytesOf,
  expectRefusal,
  f32,
  open,
  readRow,
  type Spec,
  sink,
  tensorFile,
} from './support.ts';

/** An update as a file in memory. */
async function written(
  values: Float32Array | number[],
  { layout = vectorLayout(values.length), dtype }: { layout?: Layout; dtype: WireDtype },
): Promise<TensorFile> {
  const { append, bytes } = sink();
  await writeUpdate(append, arrayRow(Float32Array.from(values)), { layout, dtype });
  const file = bytes();
  expect(file.length).toBe(wireLength({ layout, dtype }));
  return open(bytesSource('update', file));
}

async function roundTrip(values: number[], dtype: WireDtype): Promise<number[]> {
  const layout = vectorLayout(values.length);
  return readRow(await readUpdate(await written(values, { dtype }), { layout, dtype }));
}

const never = (entry: number): never => expect.fail(`refused entry ${entry}`);

/** Scale of one block as a number. */
function stepOf(...values: number[]): number {
  const wide = new Float32Array(1);
  widenHalves(blockScales(Float32Array.from(values), never), wide);
  return wide[0]!;
}

describe('blocks', () => {
  it('take the greatest value for 127 steps', async () => {
    // 127 · ¼: the scale is ¼, and 0.37 is nearest to 1 step, −0.38 to −2 steps.
    expect(stepOf(31.75, 0.37, -0.38)).toBe(0.25);
    expect(await roundTrip([31.75, 0.37, -0.38, -31.75], 'I8')).toEqual([
      31.75, 0.25, -0.5, -31.75,
    ]);
  });

  it('round ties to even, both signs alike', async () => {
    const ties = [0.5, 1.5, 2.5, 126.5];
    expect(await roundTrip([127, ...ties, ...ties.map((x) => -x)], 'I8')).toEqual(
      [127, 0, 2, 2, 126, -0, -2, -2, -126].map((x) => x + 0),
    );
  });

  it('round the scale up, so that no value is beyond 127 steps', () => {
    // 1/127 = 2⁻⁷ · (1 + 8.06/1024): to nearest that is 0x2008, and 127 of it are less than 1.
    expect([...blockScales(Float32Array.of(1), never)]).toEqual([0x2009]);
    expect([...encodeBlocks(Float32Array.of(1), Uint16Array.of(0x2009))]).toEqual([127]);
  });

  it('of zeros have the scale 0', async () => {
    expect([...blockScales(Float32Array.of(0, -0), never)]).toEqual([0]);
    expect(await roundTrip([0, -0, 0], 'I8')).toEqual([0, 0, 0]);
  });

  it('of tiny values have a subnormal scale, and lose what is below half of it', async () => {
    const step = 2 ** -24;
    expect(stepOf(1e-30)).toBe(step);
    expect(await roundTrip([3 * step, 0.75 * step, 0.25 * step, 1e-45], 'I8')).toEqual([
      3 * step,
      step,
      0,
      0,
    ]);
    // 127 · 2⁻²⁴ takes one such step, the next f32 takes two.
    expect(stepOf(127 * step)).toBe(step);
    expect(stepOf(127 * step * (1 + 2 ** -23))).toBe(2 * step);
  });

  it('are cut every 256 values, anew in each tensor', async () => {
    const values = Array.from({ length: 2 * BLOCK + 1 }, (_, i) => (i === BLOCK ? 127 : 0.5));
    const [first, second, third] = blockScales(Float32Array.from(values), never);
    expect(second).toBe(0x3c00);
    expect(third).toBe(first);
    const back = await roundTrip(values, 'I8');
    expect(back[BLOCK]).toBe(127);
    // Half a step beside 127, and nearly itself in blocks of its own.
    expect(back[BLOCK + 1]).toBe(0);
    expect(back[BLOCK - 1]).toBeCloseTo(0.5, 3);
    expect(back[2 * BLOCK]).toBe(back[BLOCK - 1]);
  });

  it('are off by half a step at most, and the step is as small as stated', () => {
    const anyValue = fc.oneof(
      fc.float({ noNaN: true, min: -1e6, max: 1e6 }),
      fc.float({ noNaN: true, min: Math.fround(-1e-4), max: Math.fround(1e-4) }),
    );
    const blocks = fc.array(anyValue, { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(blocks, (values) => {
        const given = Float32Array.from(values);
        const scales = blockScales(given, never);
        const steps = new Float32Array(scales.length);
        widenHalves(scales, steps);
        const integers = encodeBlocks(given, scales);
        for (const [i, x] of given.entries()) {
          const step = steps[Math.floor(i / BLOCK)]!;
          // Exact in f64: at most 18 bits less at most 24, near each other.
          expect(Math.abs(x - integers[i]! * step)).toBeLessThanOrEqual(step / 2);
          expect(Math.abs(integers[i]!)).toBeLessThanOrEqual(127);
        }
        for (const [k, step] of steps.entries()) {
          const block = given.subarray(k * BLOCK, (k + 1) * BLOCK);
          const needed = Math.max(...block.map(Math.abs)) / 127;
          expect(step).toBeGreaterThanOrEqual(needed * (1 - 2 ** -53));
          const most = needed >= 2 ** -14 ? needed * (1 + 2 ** -10) : needed + 2 ** -24;
          expect(step).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});

/** Tensors whose names, sizes and order make ranges that cross blocks, tensors and an empty one. */
const LAYOUT: Layout = layoutOf([
  (
    await tensorFile('model', {
      'a.weight': ['F32', [3, 100], f32(...Array<number>(300).fill(0))],
      b: ['F32', [0], f32()],
      c: ['F32', [], f32(1)],
      d: ['F32', [257], f32(...Array<number>(257).fill(0))],
    })
  ).header,
]);
const VALUES: number[] = Array.from({ length: LAYOUT.cols }, (_, j) => Math.sin(j * j) * (1 + j));

describe.each(wireDtypes)('an update in %s', (dtype) => {
  it('has the length that is known before', async () => {
    const file = await written(VALUES, { layout: LAYOUT, dtype });
    expect([...file.header.tensors.keys()].sort()).toEqual(
      wireTensors({ layout: LAYOUT, dtype })
        .map(({ name }) => name)
        .sort(),
    );
    expect(file.header.metadata.size).toBe(0);
  });

  it('is read by range as it is read whole, within its bound', async () => {
    const file = await written(VALUES, { layout: LAYOUT, dtype });
    const row = await readUpdate(file, { layout: LAYOUT, dtype });
    const whole = await readRow(row);
    for (const [from, to] of [
      [0, 1],
      [255, 257],
      [299, 303],
      [300, 301],
      [280, 558],
      [557, 558],
      [5, 5],
    ] as const) {
      expect(await readRow(row, from, to)).toEqual(whole.slice(from, to));
    }
    const wide = { F32: 0, F16: 2 ** -11, BF16: 2 ** -8, I8: Number.NaN }[dtype];
    for (const { from, to } of LAYOUT.tensors) {
      for (let j = from; j < to; j++) {
        const x = Math.fround(VALUES[j]!);
        const start = j - ((j - from) % BLOCK);
        const block = VALUES.slice(start, Math.min(to, start + BLOCK));
        const bound = dtype === 'I8' ? stepOf(...block) / 2 : wide * Math.abs(x) + 2 ** -25;
        expect(Math.abs(whole[j]! - x)).toBeLessThanOrEqual(bound);
      }
    }
  });

  it('crosses the pieces that it is written in', async () => {
    const values = Float32Array.from({ length: 2 ** 18 + 300 }, (_, j) => (j % 251) - 125);
    const layout = vectorLayout(values.length);
    const file = await written(values, { dtype });
    const row = await readUpdate(file, { layout, dtype });
    const back = new Float32Array(values.length);
    await row.read(0, values.length, back);
    // Integers up to 125 are exact in halves; of blocks they take half a step of about 125/127.
    const bound = dtype === 'I8' ? 0.5 : 0;
    expect(back.every((x, j) => Math.abs(x - values[j]!) <= bound)).toBe(true);
    expect(await readRow(row, 2 ** 18 - 2, 2 ** 18 + 2)).toEqual([
      ...back.subarray(2 ** 18 - 2, 2 ** 18 + 2),
    ]);
  });

  it.each([Number.NaN, Infinity, -Infinity])('is not written with %s in it', async (wrong) => {
    const values = VALUES.with(302, wrong);
    await expectRefusal(
      written(values, { layout: LAYOUT, dtype }),
      'unsupported',
      `entry 1 of tensor "d" is ${wrong}: no update of this type can hold it`,
    );
  });

  it('must be as long as its layout', async () => {
    await expectRefusal(
      written([1, 2], { layout: LAYOUT, dtype }),
      'mismatch',
      'update must have 558 entries, has 2',
    );
  });
});

describe('what a type does not hold', () => {
  it('is refused when it is written: 65,520 in f16, 127 · 65,504 and more in blocks', async () => {
    expect(await roundTrip([65_519], 'F16')).toEqual([65_504]);
    await expectRefusal(
      written([0, -65_520], { dtype: 'F16' }),
      'unsupported',
      'entry 1 of tensor',
    );
    const most = 127 * 65_504;
    expect(await roundTrip([most, -most], 'I8')).toEqual([most, -most]);
    const values = Array<number>(300).fill(0).with(299, -8_319_010);
    await expectRefusal(
      written(values, { dtype: 'I8' }),
      'unsupported',
      'entry 299 of tensor "update" is -8319010',
    );
    await expectRefusal(written([3.4e38], { dtype: 'BF16' }), 'unsupported', 'entry 0 of tensor');
  });

  it('is a name that scales would take', () => {
    const layout: Layout = {
      ...vectorLayout(2),
      tensors: [
        { name: 'w', shape: [1], from: 0, to: 1 },
        { name: 'w.scales', shape: [1], from: 1, to: 2 },
      ],
    };
    expect(wireLength({ layout, dtype: 'F32' })).toBeGreaterThan(0);
    expect(() => wireLength({ layout, dtype: 'I8' })).toThrow('two tensors named "w.scales"');
  });

  it('is a type that there is not', () => {
    const layout = vectorLayout(1);
    expect(() => wireLength({ layout, dtype: 'F8' as WireDtype })).toThrow(
      'dtype must be one of F32, F16, BF16, I8, got "F8"',
    );
  });
});

describe('an update that came', () => {
  const layout = vectorLayout(300, 'w');
  const integers: Spec = ['I8', [300], new Uint8Array(300).fill(3)];
  const scales = (...halves: number[]): Spec => {
    return ['F16', [halves.length], bytesOf(Uint16Array.from(halves))];
  };
  const read = async (tensors: Readonly<Record<string, Spec>>, dtype: WireDtype = 'I8') =>
    readUpdate(await tensorFile('client-7', tensors), { layout, dtype });

  it('is a row like any other to an aggregation', async () => {
    // 3 · ½ in the first block, 3 · 2 in the second; −128 is read as it stands.
    const low = bytesOf(new Int8Array(300).fill(3).fill(-128, 299));
    const row = await read({ w: ['I8', [300], low], 'w.scales': scales(0x3800, 0x4000) });
    expect(await readRow(row, 254, 258)).toEqual([1.5, 1.5, 6, 6]);
    expect(await readRow(row, 299)).toEqual([-256]);
    const other = new Float32Array(300).fill(1);
    const updates = [
      { client: 'a', row },
      { client: 'b', row: other },
    ];
    const { value } = await aggregate(updates, mean(), { backend: 'reference' });
    expect([...value.subarray(254, 258)]).toEqual([1.25, 1.25, 3.5, 3.5]);
  });

  it.each([
    ['infinite', 0x7c00, 'Infinity'],
    ['NaN', 0x7e01, 'NaN'],
    ['negative', 0xb800, '-0.5'],
    ['minus zero', 0x8000, '-0'],
    ['minus infinity', 0xfc00, '-Infinity'],
  ])('is refused for a scale that is %s', async (_, half, shown) => {
    await expectRefusal(
      read({ w: integers, 'w.scales': scales(0x3c00, half) }),
      'malformed',
      `client-7: scale 1 of tensor "w" must be finite and not negative, is ${shown}`,
    );
  });

  it('is read with a subnormal scale, and with the greatest', async () => {
    const row = await read({ w: integers, 'w.scales': scales(0x0001, 0x7bff) });
    expect(await readRow(row, 255, 257)).toEqual([3 * 2 ** -24, 3 * 65_504]);
  });

  it.each<[string, Readonly<Record<string, Spec>>, WireDtype, string]>([
    ['no scales', { w: integers }, 'I8', 'lacks tensor "w.scales"'],
    [
      'scales too few',
      { w: integers, 'w.scales': scales(0x3c00) },
      'I8',
      'tensor "w.scales" must be F16 [2], is F16 [1]',
    ],
    [
      'scales of another type',
      { w: integers, 'w.scales': ['F32', [2], f32(1, 1)] },
      'I8',
      'tensor "w.scales" must be F16 [2], is F32 [2]',
    ],
    [
      'another shape',
      { w: ['I8', [3, 100], new Uint8Array(300)], 'w.scales': scales(1, 1) },
      'I8',
      'tensor "w" must be I8 [300], is I8 [3, 100]',
    ],
    [
      'another type than it was declared in',
      { w: integers, 'w.scales': scales(1, 1) },
      'F16',
      'tensor "w" must be F16 [300], is I8 [300]',
    ],
    [
      'a tensor too many',
      { w: integers, 'w.scales': scales(1, 1), v: ['I64', [0], new Uint8Array(0)] },
      'I8',
      'has tensor "v", which is not in the layout',
    ],
  ])('is refused for %s', async (_, tensors, dtype, message) => {
    await expectRefusal(read(tensors, dtype), 'mismatch', `client-7: ${message}`);
  });

  it('with NaN in it is the screen’s to refuse', async () => {
    const values = new Float32Array(300).fill(1).fill(Number.NaN, 7, 8);
    const row = await read({ w: ['F32', [300], bytesOf(values)] }, 'F32');
    const updates = [
      { client: 'a', row },
      { client: 'b', row: new Float32Array(300) },
    ];
    const { clients } = await aggregate(updates, mean(), { backend: 'reference' });
    expect(clients.map(({ weight }) => weight)).toEqual([0, 1]);
  });
});
