/**
 * Expressions of secure aggregation: numbers as integers and back, and masks.
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../core/assert.ts';
import { assertQuantization } from '../core/stochastic-rounding.ts';
import type {
  DequantizeOptions,
  MaskKeys,
  Matrix,
  PackedShape,
  QuantizeOptions,
  Words,
} from './kernels.ts';
import { asNode, asWords, build } from './matrix.ts';
import { MAX_BITS, MIN_BITS, packedBytes } from './packing.ts';
import { bytesRow } from './rows.ts';
import { checkStream, MAX_NOISE_COLS } from './words.ts';

const KEY_BYTES = 32;
/** Sixteen columns share a block. */
const MAX_MASKED_COLS: number = 16 * 2 ** 32;
/** Blocks of columns times slices of keys are counted in 32 bits, too. */
const MAX_MASKS: number = 2 ** 20;
/** No product of it and an integer of 32 bits leaves the normal range. */
const MIN_SCALE = 2 ** -100;
const MAX_SCALE = 2 ** 96;

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
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the options.
 */
export function quantize(x: Matrix, { key, nonce = [0, 0, 0], ...grid }: QuantizeOptions): Words {
  const node = asNode('x', x);
  if (node.rows !== 1) throw new RangeError(`quantize needs one row, got ${node.rows}`);
  assertInteger('columns that are quantized', node.cols, 1, MAX_NOISE_COLS);
  const options = { ...assertQuantization(grid), ...checkStream({ key, nonce }) };
  return build({ op: 'quantize', element: 'u32', rows: 1, cols: node.cols, x: node, options });
}

/**
 * The one row of `x` times `scale`.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the options.
 */
export function dequantize(x: Words, { scale, bits = MAX_BITS }: DequantizeOptions): Matrix {
  const node = asWords('x', x);
  if (node.rows !== 1) throw new RangeError(`dequantize needs one row, got ${node.rows}`);
  if (assertPositive('scale', scale) < MIN_SCALE || scale > MAX_SCALE) {
    throw new RangeError(`scale must be in [2^-100, 2^96], got ${scale}`);
  }
  const options = { scale, bits: checkBits(bits) };
  return build({ op: 'dequantize', rows: 1, cols: node.cols, x: node, options });
}

/**
 * The words of packed rows.
 *
 * @throws {TypeError | RangeError} if there is no row or one is not of ⌈cols·bits/8⌉ bytes; names it.
 */
export function unpackWords(rows: readonly Uint8Array[], { bits, cols }: PackedShape): Words {
  if (!Array.isArray(rows)) throw new TypeError(`rows must be an array, got ${show(rows)}`);
  assertInteger('number of rows', rows.length, 1);
  assertInteger('cols', cols, 1);
  const bytes = packedBytes(cols, checkBits(bits));
  for (const [i, row] of rows.entries()) {
    if (!(row instanceof Uint8Array)) {
      throw new TypeError(`row ${i} must be a Uint8Array, got ${show(row)}`);
    }
    if (row.length !== bytes) {
      throw new RangeError(`row ${i} must have ${bytes} bytes, got ${row.length}`);
    }
  }
  const shape = { element: 'u32', rows: rows.length, cols } as const;
  const sources = rows.map(bytesRow);
  return build({ op: 'unpack', ...shape, x: build({ op: 'source', ...shape, bits, sources }) });
}

/** Bits that an entry can be packed in. */
export function checkBits(bits: number): number {
  return assertInteger('bits', bits, MIN_BITS, MAX_BITS);
}

/** A copy of keys and signs that are such. */
function checkMasks({ keys, signs, onDispatch }: MaskKeys): MaskKeys {
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
  return {
    keys: Uint8Array.from(keys),
    signs: Int8Array.from(signs),
    ...(onDispatch !== undefined && { onDispatch }),
  };
}
