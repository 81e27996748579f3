import { expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { drawDigits, GLYPH_SIDE } from '../../src/lab/glyphs.ts';

const PIXELS = GLYPH_SIDE * GLYPH_SIDE;
const drawn = drawDigits(1000, createRandom(3));
const glyph = (i: number) => drawn.inputs.subarray(i * PIXELS, (i + 1) * PIXELS);

test('the same seed draws the same pixels, another seed others', () => {
  expect(drawDigits(50, createRandom(3)).inputs).toEqual(drawn.inputs.subarray(0, 50 * PIXELS));
  expect(drawDigits(50, createRandom(4)).inputs).not.toEqual(drawn.inputs.subarray(0, 50 * PIXELS));
});

test('every digit is equally frequent', () => {
  const counts = new Array<number>(10).fill(0);
  for (const label of drawn.labels) counts[label]!++;
  expect(counts).toEqual(new Array(10).fill(100));
});

test('a glyph is ink on paper: within [0, 1], mostly paper, never blank', () => {
  for (let i = 0; i < drawn.size; i++) {
    const pixels = glyph(i);
    expect(pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
    const ink = pixels.filter((value) => value > 0.4).length;
    expect(ink).toBeGreaterThan(8);
    expect(ink).toBeLessThan(PIXELS / 2);
  }
});

test('ink stays off the frame: hardly any is lost at the border', () => {
  let border = 0;
  let all = 0;
  for (let i = 0; i < drawn.size; i++) {
    glyph(i).forEach((value, at) => {
      const [row, col] = [Math.floor(at / GLYPH_SIDE), at % GLYPH_SIDE];
      const edge = row === 0 || col === 0 || row === GLYPH_SIDE - 1 || col === GLYPH_SIDE - 1;
      all += value;
      if (edge) border += value;
    });
  }
  expect(border / all).toBeLessThan(0.02);
});

test('digits can be told apart by their nearest neighbour, as handwriting can', () => {
  // A tenth of the glyphs against the rest. Measured 96 %; chance is 10 %.
  const nearest = (i: number) => {
    let best = { distance: Infinity, label: -1 };
    for (let j = 100; j < drawn.size; j++) {
      const [a, b] = [glyph(i), glyph(j)];
      let distance = 0;
      for (let k = 0; k < PIXELS; k++) distance += (a[k]! - b[k]!) ** 2;
      if (distance < best.distance) best = { distance, label: drawn.labels[j]! };
    }
    return best.label;
  };
  let correct = 0;
  for (let i = 0; i < 100; i++) if (nearest(i) === drawn.labels[i]) correct++;
  expect(correct).toBeGreaterThan(85);
});

test('a size that is no positive integer is refused by name', () => {
  expect(() => drawDigits(0, createRandom(1))).toThrow('size must be in [1, 1000000], got 0');
  expect(() => drawDigits(1.5, createRandom(1))).toThrow('size must be an integer, got 1.5');
});
