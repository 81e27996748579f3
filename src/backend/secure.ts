/**
 * Expressions of secure aggregation: numbers as integers and back, and masks.
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../core/assert.ts';
import type { MaskKeys, Matrix, Quantization, Words } from './kernels.ts';
import { asNode, asWords, build } from './matrix.ts';
import { checkStream, MAX_NOISE_COLS } from './words.ts';

const KEY_BYTES = 32;
/** Sixteen columns share a block. */
const MAX_MASKED_COLS: number = 16 * 2 ** 32;
/** Blocks of columns times slices of keys are counted in 32 bits, too. */
const MAX_MASKS: number = 2 ** 20;
/** So that products with what is not subnormal are not, either, but for those that count as 0. */
const MAX_SCALE = 2 ** 60;
const MIN_CLIP = 2 ** -100;
/** Of what integers are rounded from. */
const MAX_STEPS = 2 ** 30;

/**
 * The one row of `x` and masks.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the masks.
 */
export function addMasks(x: Words, masks: MaskKeys): Words {
  const node = asWords('x', x);
  if (node.rows !== 1) throw new RangeError(`addMasks needs one row, got ${node.rows}`);
  assertInteger('columns that are masked', node.cols, 1, MAX_MASKED_COLS);
  const own = checkMasks(masks);
  return build({ op: 'addMasks', element: 'u32', rows: 1, cols: node.cols, x: node, masks: own });
}

/**
 * The one row of `x` as integers.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the quantization.
 */
export function quantize(x: Matrix, quantization: Quantization): Words {
  const node = asNode('x', x);
  if (node.rows !== 1) throw new RangeError(`quantize needs one row, got ${node.rows}`);
  assertInteger('columns that are quantized', node.cols, 1, MAX_NOISE_COLS);
  const own = checkQuantization(quantization);
  const shape = { rows: 1, cols: node.cols };
  return build({ op: 'quantize', element: 'u32', ...shape, x: node, quantization: own });
}

/**
 * The one row of `x` times `scale`.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the scale.
 */
export function dequantize(x: Words, { scale }: { readonly scale: number }): Matrix {
  const node = asWords('x', x);
  if (node.rows !== 1) throw new RangeError(`dequantize needs one row, got ${node.rows}`);
  return build({ op: 'dequantize', rows: 1, cols: node.cols, x: node, scale: checkScale(scale) });
}

function checkQuantization({
  clip,
  scale,
  limit,
  key,
  nonce = [0, 0, 0],
}: Quantization): Required<Quantization> {
  const steps = checkScale(scale);
  const bound = Math.fround(assertPositive('clip', clip));
  if (!(bound >= MIN_CLIP && bound * steps <= MAX_STEPS)) {
    throw new RangeError(`clip must be in [2^-100, 2^30 / scale], got ${clip} for scale ${scale}`);
  }
  assertInteger('limit', limit, 1, 2 ** 31 - 1);
  return { clip: bound, scale: steps, limit, ...checkStream({ key, nonce }) };
}

function checkScale(scale: number): number {
  const steps = Math.fround(assertPositive('scale', scale));
  if (!(steps >= 1 / MAX_SCALE && steps <= MAX_SCALE)) {
    throw new RangeError(`scale must be in [2^-60, 2^60], got ${scale}`);
  }
  return steps;
}

/** A copy of keys and signs that are such. */
function checkMasks({ keys, signs }: MaskKeys): MaskKeys {
  if (!(signs instanceof Int8Array)) {
    throw new TypeError(`signs must be an Int8Array, got ${show(signs)}`);
  }
  const count = assertInteger('number of masks', signs.length, 1, MAX_MASKS);
  if (!(keys instanceof Uint8Array) || keys.length !== KEY_BYTES * count) {
    throw new TypeError(
      `keys must be a Uint8Array of ${KEY_BYTES}·${count} bytes, got ${show(keys)}`,
    );
  }
  for (let i = 0; i < count; i++) {
    if (signs[i] !== 1 && signs[i] !== -1) {
      throw new RangeError(`sign ${i} must be 1 or -1, got ${signs[i]}`);
    }
    if (keys.subarray(KEY_BYTES * i, KEY_BYTES * (i + 1)).every((byte) => byte === 0)) {
      throw new RangeError(`key ${i} must not be all zero: was it cleared before its use?`);
    }
  }
  return { keys: Uint8Array.from(keys), signs: Int8Array.from(signs) };
}
