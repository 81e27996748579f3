import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Matrix, SimulatedNoise } from '../../src/backend/kernels.ts';
import { addSimulatedNoise } from '../../src/backend/simulated/noise.ts';
import { chacha20Block, chacha20State } from '../../src/core/chacha20.ts';

function noiseOf(some: Partial<SimulatedNoise> = {}): SimulatedNoise {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i * 5 + 3);
  return { law: 'gaussian', scale: 1, key, nonce: [1, 2, 3], ...some };
}

const laws = ['gaussian', 'laplace'] as const;
const bodies = ['wasm', 'webgpu'] as const;

async function added(
  name: 'reference' | 'wasm' | 'webgpu',
  x: Float32Array,
  { memory, ...noise }: SimulatedNoise & { readonly memory?: number },
): Promise<Float32Array> {
  await using backend = await createBackend(name, memory === undefined ? {} : { memory });
  return await backend.read(addSimulatedNoise(backend.matrix([x]), noise));
}

/**
 * L and the cosine are sums and products of about ten terms in f32, and a division of 2.5 units in the
 * last place: L is off by at most 8·2⁻²⁴ of itself, its root by 8·2⁻²⁴ (the root takes 4), the cosine
 * by 6·2⁻²⁴ and the 2⁻²⁴ of its series. Times at most 5.77, or 16.7 for L itself: 2⁻¹⁷ of the scale.
 * Then the product and the sum are rounded, either way on a GPU.
 */
function expectClose(got: Float32Array, want: Float32Array, scale: number): void {
  expect(got.length).toBe(want.length);
  const at = got.findIndex((value, j) => {
    const allowed = scale * 2 ** -17 + Math.abs(want[j]!) * 2 ** -23;
    return !(Math.abs(value - want[j]!) <= allowed);
  });
  if (at >= 0) expect.fail(`entry ${at} must be ${want[at]}, got ${got[at]}`);
}

function wave(length: number): Float32Array {
  return Float32Array.from({ length }, (_, j) => Math.sin(j) * 3);
}

describe('noise for simulation', () => {
  test.each(laws)('is what its definition says, word by word: %s', async (law) => {
    const noise = noiseOf({ law });
    const got = await added('reference', new Float32Array(8), noise);
    const state = chacha20State(noise.key, noise.nonce);
    const block = new Uint32Array(16);
    for (let j = 0; j < 8; j++) {
      state[12] = j >> 2;
      chacha20Block(state, block);
      const [a, b] = [block[4 * (j % 4)]! / 256, block[4 * (j % 4) + 1]!];
      const size = -Math.log((Math.floor(a) + 1) / 2 ** 24);
      const angle = (2 * Math.PI * Math.floor(b / 256)) / 2 ** 24;
      const want =
        law === 'laplace' ? (b < 2 ** 31 ? size : -size) : Math.sqrt(2 * size) * Math.cos(angle);
      expect(got[j]).toBe(Math.fround(want));
    }
  });

  test.each(bodies)('is on %s what it is on the reference, to 2^-17 of its scale', async (name) => {
    for (const law of laws) {
      for (const cols of [1, 3, 4, 17, 64, 255, 1000]) {
        const noise = noiseOf({ law, scale: 0.75, nonce: [cols, 0, 0] });
        const x = wave(cols);
        expectClose(await added(name, x, noise), await added('reference', x, noise), 0.75);
      }
      const many = new Float32Array(2 ** 18);
      const noise = noiseOf({ law });
      expectClose(await added(name, many, noise), await added('reference', many, noise), 1);
    }
  });

  test.each(bodies)('is the same on %s however columns are cut', async (name) => {
    const x = wave(70_001);
    const whole = await added(name, x, noiseOf());
    for (const memory of [2 ** 12, 100_000]) {
      expect(await added(name, x, { ...noiseOf(), memory })).toEqual(whole);
    }
  });

  test('is scaled', async () => {
    const x = new Float32Array(100);
    const [one, many] = [
      await added('wasm', x, noiseOf()),
      await added('wasm', x, noiseOf({ scale: 2 ** 90 })),
    ];
    expect([...many]).toEqual(Array.from(one, (value) => value * 2 ** 90));
  });

  test('of bad parameters is refused', async () => {
    await using backend = await createBackend('reference');
    const x = backend.matrix([new Float32Array(4)]);
    const refused = (some: Partial<SimulatedNoise>, y: Matrix = x) =>
      expect(() => addSimulatedNoise(y, noiseOf(some)));
    refused({ scale: 0 }).toThrow('scale must be above 0, got 0');
    refused({ scale: Number.NaN }).toThrow('scale must be a finite number');
    refused({ scale: 2 ** 101 }).toThrow('scale must be in [2^-100, 2^100]');
    refused({ law: 'cauchy' as 'laplace' }).toThrow('law must be one of gaussian, laplace');
    refused({ key: new Uint8Array(31) }).toThrow('key must be a Uint8Array of 32 bytes');
    refused({ nonce: [0, 0, -1] }).toThrow('nonce[2] must be in');
    refused({}, backend.matrix([new Float32Array(4), new Float32Array(4)])).toThrow(
      'addSimulatedNoise needs one row, got 2',
    );
  });
});
