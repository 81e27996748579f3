import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { QuantizeOptions, TileKernels } from '../../src/backend/kernels.ts';
import { source as matrix } from '../../src/backend/matrix.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { arrayRow } from '../../src/backend/rows.ts';
import { dequantize, quantize, quantizeOperation } from '../../src/backend/secure/quantize.ts';
import { WasmKernels } from '../../src/backend/wasm/wasm.ts';
import { findNodeGpu } from '../../src/backend/webgpu/adapter-node.ts';
import { WebGpuKernels } from '../../src/backend/webgpu/webgpu.ts';
import { words } from '../../src/backend/words.ts';
import { expectSameWords } from '../support/words.ts';
import { PLAIN, quantizeSuite } from './quantize.ts';

const options = (memory?: number): { memory?: number } => (memory === undefined ? {} : { memory });
const reference = (memory?: number) => createBackend('reference', options(memory));

quantizeSuite('reference', reference, reference);
quantizeSuite('webgpu', (memory) => createBackend('webgpu', options(memory)), reference);
quantizeSuite(
  'wasm on two threads',
  (memory) => createBackend('wasm', { threads: 2, ...options(memory) }),
  reference,
);

test.each([2 ** 34 - 64, 2 ** 33])('columns from %i on have blocks of their own', async (first) => {
  const x = Float32Array.from({ length: 64 }, (_, j) => (j - 32) / 7);
  const at = async (kernels: TileKernels): Promise<Uint32Array> => {
    const tile = await kernels.upload([arrayRow(x)], 0, 64);
    const settings = { nonce: [0, 0, 0] as const, ...PLAIN };
    const place = { cols: 64, firstCol: first };
    const integers = await kernels.extra(quantizeOperation(settings), tile, place);
    const home = (await kernels.read(integers)).slice();
    return new Uint32Array(home.buffer, home.byteOffset, 64);
  };
  const want = await at(new ReferenceKernels());
  expectSameWords(await at(await WasmKernels.create()), want);
  const found = await findNodeGpu({ software: true });
  const device = await found!.adapter.requestDevice();
  const gpu = await WebGpuKernels.create(async () => ({
    device,
    description: 'under test',
    software: true,
  }));
  expectSameWords(await at(gpu), want);
  await gpu.close();
});

describe('quantization', () => {
  const x = matrix([Float32Array.of(1, 2)]);

  test.each<[string, Partial<Record<keyof QuantizeOptions, unknown>>, string]>([
    ['no clip', { clip: 0 }, 'clip must be above 0, got 0'],
    ['a clip of NaN', { clip: Number.NaN }, 'clip must be a finite number'],
    ['a clip that is no f32', { clip: 0.1 }, 'clip must be a number of 32 bits'],
    ['too many steps', { clip: 8, scale: 2 ** 21 }, 'clip·scale must be at most 2^23'],
    ['a scale below all', { scale: 2 ** -101 }, 'scale must be in [2^-100, 2^100]'],
    ['a limit of 0', { limit: 0 }, 'limit must be in [1, 8388608], got 0'],
    ['a key that was cleared', { key: new Uint8Array(32) }, 'key must not be all zero'],
    ['a short nonce', { nonce: [1] }, 'nonce must be three words'],
  ])('with %s is refused', (_, bad, message) => {
    expect(() => quantize(x, { ...PLAIN, ...bad } as QuantizeOptions)).toThrow(message);
  });

  test('keeps its key, though the caller clears it', async () => {
    await using backend = await reference();
    const row = backend.matrix([Float32Array.from({ length: 99 }, (_, j) => j / 10)]);
    const want = await backend.readWords(quantize(row, PLAIN));
    const key = Uint8Array.from(PLAIN.key);
    const later = quantize(row, { ...PLAIN, key });
    key.fill(0);
    expect(await backend.readWords(later)).toEqual(want);
    expect(backend.explain(later)).toEqual(['quantize']);
  });

  test('is of one row, of a matrix, and gives words', () => {
    const two = matrix([Float32Array.of(1), Float32Array.of(2)]);
    expect(() => quantize(two, PLAIN)).toThrow('quantize needs one row, got 2');
    const some = words([Uint32Array.of(1), Uint32Array.of(2)]);
    expect(() => dequantize(some, { scale: 1 })).toThrow('dequantize needs one row, got 2');
    expect(quantize(x, PLAIN)).toMatchObject({ element: 'u32', rows: 1, cols: 2 });
    expect(() => quantize(quantize(x, PLAIN) as never, PLAIN)).toThrow('x must be a matrix');
    expect(() => dequantize(x as never, { scale: 1 })).toThrow('x must be an expression of words');
    for (const scale of [-1, 2 ** -101, 2 ** 97]) {
      expect(() => dequantize(quantize(x, PLAIN), { scale })).toThrow(/scale must be (above|in)/);
    }
    const wide = { scale: 1, bits: 33 };
    expect(() => dequantize(quantize(x, PLAIN), wide)).toThrow('bits must be in [8, 32]');
  });
});
