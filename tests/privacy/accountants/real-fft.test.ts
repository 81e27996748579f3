import { describe, expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { createRealFft, rootsOfUnity } from '../../../src/privacy/accountants/real-fft.ts';

/** The value at frequency k, by the definition. */
function frequency(x: Float64Array, k: number): { re: number; im: number } {
  let re = 0;
  let im = 0;
  x.forEach((value, j) => {
    const angle = (-2 * Math.PI * ((j * k) % x.length)) / x.length;
    re += value * Math.cos(angle);
    im += value * Math.sin(angle);
  });
  return { re, im };
}

/** The value at frequency k of a spectrum in its places. */
function at(spectrum: Float64Array, k: number): { re: number; im: number } {
  if (k === 0) return { re: spectrum[0]!, im: 0 };
  if (2 * k === spectrum.length) return { re: spectrum[1]!, im: 0 };
  return { re: spectrum[2 * k]!, im: spectrum[2 * k + 1]! };
}

function noise(n: number, seed: number): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: n }, () => random.uniform() - 0.3);
}

describe('the real Fourier transform', () => {
  test('of four numbers is that worked by hand', () => {
    const x = Float64Array.of(1, 2, 3, 5);
    createRealFft(4).forward(x);
    // 11; (1 − 3) + (2 − 5)·(−i) = −2 + 3i; 1 − 2 + 3 − 5 = −3.
    expect([...x]).toEqual([11, -3, -2, 3]);
  });

  test.each([4, 8, 16, 128, 1024])('of %i numbers is its definition', (n) => {
    const x = noise(n, n);
    const spectrum = x.slice();
    createRealFft(n).forward(spectrum);
    // The sum by definition has rounded angles: n terms of at most 1, off by 2⁻⁵¹ each.
    const tolerance = n * 2 ** -51;
    for (let k = 0; k <= n / 2; k++) {
      const known = frequency(x, k);
      expect(Math.abs(at(spectrum, k).re - known.re)).toBeLessThan(tolerance);
      expect(Math.abs(at(spectrum, k).im - known.im)).toBeLessThan(tolerance);
    }
  });

  test.each([4, 64, 8192, 2 ** 17])('of %i numbers and back is within the stated error', (n) => {
    const x = noise(n, 7);
    const back = x.slice();
    const fft = createRealFft(n);
    fft.forward(back);
    const spectrum = Array.from({ length: n / 2 + 1 }, (_, k) => at(back, k));
    const size = spectrum.reduce((sum, { re, im }) => sum + 2 * Math.hypot(re, im), 0);
    const l1 = x.reduce((sum, value) => sum + Math.abs(value), 0);
    fft.inverse(back);
    // Forward: each value is off by roundOff·l1, and so is their mean; backward: roundOff·size/n.
    const bound = fft.roundOff * (l1 + size / n);
    const worst = x.reduce((max, value, i) => Math.max(max, Math.abs(value - back[i]!)), 0);
    expect(worst).toBeLessThan(bound);
  });

  test('of one spike is a wave of size 1, to the stated error', () => {
    const n = 2 ** 16;
    const x = new Float64Array(n);
    x[12345] = 1;
    const fft = createRealFft(n);
    fft.forward(x);
    for (let k = 1; k < n / 2; k += 97) {
      const { re, im } = at(x, k);
      expect(Math.abs(Math.hypot(re, im) - 1)).toBeLessThan(fft.roundOff);
      // The angle is k·12345 places of n, reduced in integers.
      const angle = (-2 * Math.PI * ((k * 12345) % n)) / n;
      expect(Math.abs(re - Math.cos(angle))).toBeLessThan(fft.roundOff + 2 ** -50);
    }
  });

  test('refuses lengths that are no power of two, or too short', () => {
    expect(() => createRealFft(12)).toThrow('length must be a power of two, got 12');
    expect(() => createRealFft(2)).toThrow('length must be at least 4');
    expect(() => createRealFft(Number.NaN)).toThrow(TypeError);
  });
});

describe('roots of unity', () => {
  // From mpmath with 30 digits: k, n, cos(2πk/n), −sin(2πk/n).
  test.each([
    [1, 16, 0.9238795325112867, -0.3826834323650898],
    [3, 32, 0.8314696123025452, -0.5555702330196022],
    [1, 1048576, 0.9999999999820472, -5.9921124526424275e-6],
    [12345, 262144, 0.9565428553859383, -0.2915917793939258],
    [77777, 1048576, 0.8933508894881973, -0.44935975370592185],
  ])('number %i of %i is right to the last bit but one', (k, n, re, im) => {
    const roots = rootsOfUnity(n);
    expect(Math.abs(roots[2 * k]! - re)).toBeLessThanOrEqual(2 ** -52 * Math.abs(re));
    expect(Math.abs(roots[2 * k + 1]! - im)).toBeLessThanOrEqual(2 ** -52 * Math.abs(im));
  });
});
