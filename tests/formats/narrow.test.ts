/**
 * f32 in 16 bits.
 *
 * @module
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { widenBrainFloats, widenHalves } from '../../src/formats/dtype.ts';
import { toBrainFloats, toHalves } from '../../src/formats/narrow.ts';

const ALL = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i);

const TYPES = [
  { name: 'f16', narrow: toHalves, widen: widenHalves, infinity: 0x7c00 },
  { name: 'bf16', narrow: toBrainFloats, widen: widenBrainFloats, infinity: 0x7f80 },
];

function widened(halves: Uint16Array, widen: typeof widenHalves): Float32Array {
  const into = new Float32Array(halves.length);
  widen(halves, into);
  return into;
}

describe.each(TYPES)('$name', ({ narrow, widen, infinity }) => {
  const isNaN16 = (half: number): boolean => (half & 0x7fff) > infinity;

  test('gives every number that it has as it is, and every NaN as a NaN', () => {
    const back = narrow(widened(ALL, widen));
    const wrong = [...ALL].filter((half) =>
      isNaN16(half) ? !isNaN16(back[half]!) : back[half] !== half,
    );
    expect(wrong).toEqual([]);
  });

  test('rounds between neighbours to the nearer, and halfway to the even one', () => {
    const finite = [...ALL].filter((half) => half < infinity - 1);
    const low = widened(Uint16Array.from(finite), widen);
    const high = widened(Uint16Array.from(finite, (half) => half + 1), widen);
    // The middle has one bit more than 16 hold: exact in f32.
    const middle = low.map((x, i) => x + (high[i]! - x) / 2);
    const [below, above] = [middle.map(previous), middle.map(next)];
    expect([...narrow(middle)]).toEqual(finite.map((half) => half + (half % 2)));
    expect([...narrow(below)]).toEqual(finite);
    expect([...narrow(above)]).toEqual(finite.map((half) => half + 1));
  });

  test('keeps signs, and orders numbers as they were', () => {
    const float = fc.float({ noNaN: true });
    fc.assert(
      fc.property(float, float, (a, b) => {
        const [x, y, minus] = widened(narrow(Float32Array.of(a, b, -a)), widen);
        expect(minus).toBe(-x!);
        if (a <= b) expect(x!).toBeLessThanOrEqual(y!);
      }),
    );
  });
});

test('the largest f16 is 65504, and what is nearer to 65536 is infinite', () => {
  const halves = toHalves(Float32Array.of(65504, 65519.99, 65520, -65520, 3e38));
  expect([...halves]).toEqual([0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x7c00]);
});

/** The next f32 above or below a positive one. */
function next(x: number): number {
  return stepped(x, 1);
}
function previous(x: number): number {
  return stepped(x, -1);
}
function stepped(x: number, by: number): number {
  const value = Float32Array.of(x);
  new Uint32Array(value.buffer)[0]! += by;
  return value[0]!;
}
