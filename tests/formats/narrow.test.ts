import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { widenBrainFloats, widenHalves } from '../../src/formats/dtype.ts';
import { narrowToBrainFloats, narrowToHalves } from '../../src/formats/narrow.ts';

const allHalves = Uint16Array.from({ length: 65_536 }, (_, i) => i);

const types = {
  f16: { widen: widenHalves, narrow: narrowToHalves, infinity: 0x7c00, quiet: 0x7e00 },
  bf16: { widen: widenBrainFloats, narrow: narrowToBrainFloats, infinity: 0x7f80, quiet: 0x7fc0 },
};

function narrowed(type: keyof typeof types, ...values: number[]): number[] {
  const into = new Uint16Array(values.length);
  types[type].narrow(Float32Array.from(values), into);
  return [...into];
}

describe.each(['f16', 'bf16'] as const)('f32 → %s', (type) => {
  const { widen, narrow, infinity, quiet } = types[type];
  const wide = new Float32Array(65_536);
  widen(allHalves, wide);
  /** Without NaN: those of both signs from 0 to infinity. */
  const numbers = allHalves.filter((bits) => (bits & 0x7fff) <= infinity);

  it('gives back every number that it can hold', () => {
    const back = new Uint16Array(65_536);
    narrow(wide, back);
    expect(numbers.filter((bits) => back[bits] !== bits)).toEqual(new Uint16Array(0));
  });

  it('keeps every NaN one, with its sign', () => {
    const back = new Uint16Array(65_536);
    narrow(wide, back);
    const lost = allHalves.filter(
      (bits) =>
        (bits & 0x7fff) > infinity &&
        (back[bits]! & (quiet | 0x8000)) !== (quiet | (bits & 0x8000)),
    );
    expect(lost).toEqual(new Uint16Array(0));
    // A payload that lies wholly in the bits that fall off.
    const thin = new Float32Array(Uint32Array.of(0x7f800001).buffer);
    const into = new Uint16Array(1);
    narrow(thin, into);
    expect(into[0]! & quiet).toBe(quiet);
  });

  it('rounds to nearest, ties to even, between every two neighbours', () => {
    const lower = numbers.filter((bits) => bits < infinity - 1);
    const values = new Float32Array(3 * lower.length);
    const expected = new Uint16Array(values.length);
    for (const [i, low] of lower.entries()) {
      // Exact in f32: it has more bits than either type.
      const middle = (wide[low]! + wide[low + 1]!) / 2;
      const bits = new Uint32Array(Float32Array.of(middle).buffer)[0]!;
      const beside = new Float32Array(Uint32Array.of(bits - 1, bits, bits + 1).buffer);
      values.set(beside, 3 * i);
      expected.set([low, low % 2 === 0 ? low : low + 1, low + 1], 3 * i);
    }
    const into = new Uint16Array(values.length);
    narrow(values, into);
    const wrong = [...into.keys()].filter((i) => into[i] !== expected[i]);
    expect(wrong).toEqual([]);
  });

  it('treats both signs alike', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        const [plus, minus] = narrowed(type, Math.abs(value), -Math.abs(value));
        expect(minus).toBe(plus! | 0x8000);
      }),
    );
  });
});

it('f16 is infinite from 65,520 on, and 0 up to 2⁻²⁵', () => {
  const below = Math.fround(65_519.996);
  expect(narrowed('f16', below, 65_520, 3e38, Infinity)).toEqual([0x7bff, 0x7c00, 0x7c00, 0x7c00]);
  expect(narrowed('f16', 2 ** -25, 2 ** -25 * (1 + 2 ** -23), 1e-45, -0)).toEqual([
    0, 1, 0, 0x8000,
  ]);
});

it('bf16 is infinite from half a step above its greatest number on', () => {
  const [greatest, step] = [2 ** 127 * (2 - 2 ** -7), 2 ** 120];
  const half = greatest + step / 2;
  expect(narrowed('bf16', half * (1 - 2 ** -24), half)).toEqual([0x7f7f, 0x7f80]);
});
