/**
 * quantize and dequantize, with their bodies: numbers as integers, and back.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { chacha20State } from '../../core/chacha20.ts';
import { assertQuantization } from '../../core/stochastic-rounding.ts';
import type {
  DequantizeOptions,
  ExtraOperation,
  Matrix,
  Place,
  QuantizeOptions,
  Tile,
  Words,
} from '../kernels.ts';
import { asNode, asWords, build } from '../matrix.ts';
import { checkBits, MAX_BITS } from '../packing.ts';
import { dataBuffer } from '../webgpu/buffers.ts';
import { bitsOf, COLUMN_GROUP, DRAW_OPERATIONS } from '../webgpu/column-kernels.ts';
import type { GpuTools } from '../webgpu/webgpu.ts';
import { checkStream, MAX_NOISE_COLS } from '../words.ts';
import { assertKept, MASK_EFFORT } from './keys.ts';
import { LIBRARY, secureModule } from './library.ts';
import { dequantize as dequantizeRow, quantize as quantizeRow } from './reference-quantize.ts';
import { shaders } from './shaders.gen.ts';

/** No product of it and an integer of 32 bits leaves the normal range. */
const MIN_SCALE = 2 ** -100;
const MAX_SCALE = 2 ** 96;
/** Columns that share a block. */
const BLOCK_COLS = 16;

/**
 * The one row of `x` as integers; NaN is 0, d ≤ 2³⁴. A backend's `release` overwrites the key, and the
 * words cannot be read any more. 1×d → 1×d
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the options.
 */
export function quantize(x: Matrix, { key, nonce = [0, 0, 0], ...grid }: QuantizeOptions): Words {
  const node = asNode('x', x);
  if (node.rows !== 1) throw new RangeError(`quantize needs one row, got ${node.rows}`);
  assertInteger('columns that are quantized', node.cols, 1, MAX_NOISE_COLS);
  const options = { ...assertQuantization(grid), ...checkStream({ key, nonce }) };
  const operation = quantizeOperation(options);
  return build({ op: 'extra', element: 'u32', rows: 1, cols: node.cols, x: node, operation });
}

/** The operation for a key of its own. */
export function quantizeOperation(options: Required<QuantizeOptions>): ExtraOperation {
  const { key, nonce, clip, scale, limit } = options;
  return {
    name: 'quantize',
    check: () => assertKept(key),
    release: () => key.fill(0),
    reference([x], [out], { firstCol }) {
      quantizeRow(x!, { ...options, firstCol, integers: integersOf(out!) });
    },
    wasm: {
      library: LIBRARY,
      module: secureModule,
      kernel: 'quantize',
      effort: MASK_EFFORT,
      table() {
        const state = chacha20State(key, nonce);
        const table = Uint32Array.of(...state, bitsOf(clip), bitsOf(scale), limit);
        state.fill(0);
        return table;
      },
    },
    async webgpu(x: Tile, { firstCol }: Place, { session, columns }: GpuTools): Promise<Tile> {
      const state = chacha20State(key, nonce);
      let secret: GPUBuffer | undefined;
      try {
        secret = await dataBuffer(session, 'rounding state', state);
        const shader = { name: 'quantize', text: shaders.quantize };
        return await columns.run(shader, x, {
          extra: [secret],
          params: [limit, x.cols, bitsOf(clip), bitsOf(scale)],
          columns: BLOCK_COLS * COLUMN_GROUP,
          operations: DRAW_OPERATIONS,
          firstCol,
        });
      } finally {
        columns.destroySecret(secret, state);
      }
    },
  };
}

/**
 * The one row of `x`, as integers with a sign, times a scale: their products in f64, rounded to f32.
 * 1×d → 1×d
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the options.
 */
export function dequantize(x: Words, { scale, bits = MAX_BITS }: DequantizeOptions): Matrix {
  const node = asWords('x', x);
  if (node.rows !== 1) throw new RangeError(`dequantize needs one row, got ${node.rows}`);
  if (assertPositive('scale', scale) < MIN_SCALE || scale > MAX_SCALE) {
    throw new RangeError(`scale must be in [2^-100, 2^96], got ${scale}`);
  }
  const operation = dequantizeOperation({ scale, bits: checkBits(bits) });
  return build({ op: 'extra', rows: 1, cols: node.cols, x: node, operation });
}

function dequantizeOperation({ scale, bits }: Required<DequantizeOptions>): ExtraOperation {
  const [low, high] = new Uint32Array(Float64Array.of(scale).buffer) as unknown as [number, number];
  const above = MAX_BITS - bits;
  return {
    name: 'dequantize',
    reference: ([x], [values]) => dequantizeRow(integersOf(x!), { scale, bits, values: values! }),
    wasm: {
      library: LIBRARY,
      module: secureModule,
      kernel: 'dequantize',
      effort: 1,
      table: () => Uint32Array.of(low, high, above),
    },
    webgpu: (x: Tile, _: Place, { columns }: GpuTools) => {
      const shader = { name: 'dequantize', text: shaders.dequantize };
      const params = [high, x.cols, low, above];
      return columns.run(shader, x, { params, columns: 4 * COLUMN_GROUP });
    },
  };
}

/** Words as i32. */
function integersOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}
