/**
 * Expressions of words: what matrix.ts is for floats.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import type { LatticeNoise, MaskKeys, NoiseDraw, Words } from './kernels.ts';
import { asWords, build } from './matrix.ts';
import { arrayRow } from './rows.ts';

const KEY_BYTES = 32;
/** The last word of the nonce counts draws in its low byte. */
const MAX_DRAWS = 256;
const MAX_LOG2_COLUMNS = 16;
/** Coordinates of which each has a block to share: RFC 8439 counts blocks in 32 bits. */
export const MAX_NOISE_COLS: number = 4 * 2 ** 32;
/** Sixteen columns share a block. */
const MAX_MASKED_COLS: number = 16 * 2 ** 32;
/** Blocks of columns times slices of keys are counted in 32 bits, too. */
const MAX_MASKS: number = 2 ** 20;

/**
 * The given rows.
 *
 * @throws {TypeError} if one is neither a Uint32Array nor an Int32Array; names the row.
 * @throws {RangeError} if there is no row, a row is empty, or lengths differ; names the row.
 */
export function words(rows: readonly (Uint32Array | Int32Array)[]): Words {
  if (!Array.isArray(rows)) throw new TypeError(`rows must be an array, got ${show(rows)}`);
  assertInteger('number of rows', rows.length, 1);
  for (const [i, row] of rows.entries()) {
    if (!(row instanceof Uint32Array || row instanceof Int32Array)) {
      throw new TypeError(`row ${i} must be a Uint32Array or an Int32Array, got ${show(row)}`);
    }
  }
  const cols = assertInteger('length of row 0', rows[0]!.length, 1);
  for (const [i, { length }] of rows.entries()) {
    if (length !== cols) {
      throw new RangeError(`rows must be equally long: row 0 has ${cols}, row ${i} ${length}`);
    }
  }
  const sources = rows.map(({ buffer, byteOffset }) =>
    arrayRow(new Float32Array(buffer, byteOffset, cols)),
  );
  return build({ op: 'source', element: 'u32', rows: rows.length, cols, sources });
}

/**
 * The one row of `x` and noise.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the noise.
 */
export function addLatticeNoise(x: Words, noise: LatticeNoise): Words {
  const node = asWords('x', x);
  if (node.rows !== 1) {
    throw new RangeError(
      `addLatticeNoise needs one row, got ${node.rows}: noise is of one release`,
    );
  }
  assertInteger('columns that get noise', node.cols, 1, MAX_NOISE_COLS);
  const checked = checkNoise(noise);
  return build({
    op: 'addLatticeNoise',
    element: 'u32',
    rows: 1,
    cols: node.cols,
    x: node,
    noise: checked,
  });
}

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

/** Sum of the numbers at ranks [from, to) of each column, as i32. */
export function rankSum(x: Words, from: number, to: number): Words {
  const node = asWords('x', x);
  assertInteger('from', from, 0, node.rows - 1);
  assertInteger('to', to, from + 1, node.rows);
  return build({ op: 'rankSum', element: 'u32', rows: 1, cols: node.cols, x: node, from, to });
}

/**
 * Sums of groups of rows, modulo 2³².
 *
 * @throws {TypeError | RangeError} if there is no group, or a group is empty or names a row that is
 *   not there; names the group.
 */
export function sumRows(x: Words, groups: readonly (readonly number[])[]): Words {
  const node = asWords('x', x);
  if (!Array.isArray(groups)) throw new TypeError(`groups must be an array, got ${show(groups)}`);
  assertInteger('number of groups', groups.length, 1);
  for (const [k, group] of groups.entries()) {
    if (!Array.isArray(group))
      throw new TypeError(`group ${k} must be an array, got ${show(group)}`);
    assertInteger(`size of group ${k}`, group.length, 1);
    for (const row of group) assertInteger(`row in group ${k}`, row, 0, node.rows - 1);
  }
  const own = groups.map((group) => [...group]);
  const shape = { rows: groups.length, cols: node.cols };
  return build({ op: 'sumRows', element: 'u32', ...shape, x: node, groups: own });
}

function checkNoise({ draws, ...stream }: LatticeNoise): LatticeNoise {
  const { key, nonce } = checkStream(stream);
  if (nonce[2] % MAX_DRAWS !== 0) {
    throw new RangeError(`nonce[2] must be a multiple of ${MAX_DRAWS}, got ${nonce[2]}`);
  }
  if (!Array.isArray(draws)) throw new TypeError(`draws must be an array, got ${show(draws)}`);
  assertInteger('number of draws', draws.length, 1, MAX_DRAWS);
  for (const [i, draw] of draws.entries()) checkDraw(`draws[${i}]`, draw);
  return { key, nonce, draws: [...draws] };
}

/** Which stream of ChaCha20 noise comes from. */
type Stream = Pick<LatticeNoise, 'key' | 'nonce'>;

/** A copy of a key and a nonce that are such. */
export function checkStream({ key, nonce }: Stream): Stream {
  if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
    throw new TypeError(`key must be a Uint8Array of ${KEY_BYTES} bytes, got ${show(key)}`);
  }
  if (key.every((byte) => byte === 0)) {
    throw new RangeError('key must not be all zero: was it cleared before its use?');
  }
  if (!Array.isArray(nonce) || nonce.length !== 3) {
    throw new TypeError(`nonce must be three words, got ${show(nonce)}`);
  }
  for (const [i, word] of nonce.entries()) assertInteger(`nonce[${i}]`, word, 0, 2 ** 32 - 1);
  return { key: Uint8Array.from(key), nonce: [nonce[0], nonce[1], nonce[2]] };
}

function checkDraw(name: string, { table, factor }: NoiseDraw): void {
  assertInteger(`${name}.factor`, factor, -(2 ** 31), 2 ** 31 - 1);
  assertInteger(`${name}.table.log2Columns`, table.log2Columns, 0, MAX_LOG2_COLUMNS);
  assertInteger(`${name}.table.offset`, table.offset, 0, 2 ** 31 - 1);
  if (!(table.words instanceof Uint32Array) || table.words.length !== 4 << table.log2Columns) {
    const columns = 2 ** table.log2Columns;
    throw new TypeError(
      `${name}.table.words must be a Uint32Array of 4·${columns} words, got ${show(table.words)}`,
    );
  }
}
