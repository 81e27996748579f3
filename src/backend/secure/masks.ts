/**
 * addMasks, with its bodies: streams of ChaCha20 on words.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import type { ExtraOperation, MaskKeys, Place, Tile, Words } from '../kernels.ts';
import { asWords, build } from '../matrix.ts';
import { dataBuffer } from '../webgpu/buffers.ts';
import type { KernelSource } from '../webgpu/device.ts';
import type { GpuTile } from '../webgpu/tiles.ts';
import type { GpuTools } from '../webgpu/webgpu.ts';
import { assertKept, MASK_EFFORT } from './keys.ts';
import { LIBRARY, secureModule } from './library.ts';
import { maskProgram } from './mask-program.ts';
import { addMasks as reference } from './reference-masks.ts';
import { shaders } from './shaders.gen.ts';

const KEY_BYTES = 32;
/** Sixteen columns share a block. */
const BLOCK_COLS = 16;
const MAX_MASKED_COLS: number = BLOCK_COLS * 2 ** 32;
/** Blocks of columns times slices of keys are counted in 32 bits, too. */
const MAX_MASKS: number = 2 ** 20;

/** Invocations of `add_masks` in a workgroup, each with a block of sixteen columns. */
const MASK_GROUP = 64;
const GROUP_COLS: number = MASK_GROUP * BLOCK_COLS;
/** About what a block takes, by shifts and additions. */
const BLOCK_OPERATIONS = 1600;
/** An emulated GPU takes about so many times as long for one of them as a small real one. */
const EMULATED = 32;
/** Streams that one invocation sums up: fewer where there would not be workgroups enough to fill a GPU. */
const MAX_STREAMS = 64;
const MIN_STREAMS = 4;
const MASK_GROUPS = 8192;

/**
 * The one row of `x` with up to 2²⁰ streams, each added or subtracted by its sign; d ≤ 2³⁶. Streams are
 * used where they are made and stored nowhere. A backend's `release` overwrites the keys, and the words
 * cannot be read any more. 1×d → 1×d
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the masks.
 */
export function addMasks(x: Words, masks: MaskKeys): Words {
  const node = asWords('x', x);
  if (node.rows !== 1) throw new RangeError(`addMasks needs one row, got ${node.rows}`);
  assertInteger('columns that are masked', node.cols, 1, MAX_MASKED_COLS);
  const operation = maskOperation(checkMasks(masks));
  return build({ op: 'extra', element: 'u32', rows: 1, cols: node.cols, x: node, operation });
}

/** The operation for masks of its own. */
export function maskOperation(masks: MaskKeys): ExtraOperation {
  return {
    name: 'addMasks',
    check: () => assertKept(masks.keys),
    release: () => masks.keys.fill(0),
    ...(masks.onDispatch !== undefined && { onDispatch: masks.onDispatch }),
    reference([x], [out], { firstCol }) {
      const words = new Uint32Array(out!.buffer, out!.byteOffset, out!.length);
      words.set(new Uint32Array(x!.buffer, x!.byteOffset, x!.length));
      reference(words, masks, firstCol);
    },
    wasm: {
      library: LIBRARY,
      module: secureModule,
      kernel: 'addMasks',
      effort: MASK_EFFORT * masks.signs.length,
      table: () => tableOf(masks),
    },
    webgpu: (x: Tile, { firstCol }: Place, tools: GpuTools) =>
      addOnGpu(x, { masks, firstCol, tools }),
  };
}

/** As assembly/secure/add-masks.ts reads it. */
function tableOf(masks: MaskKeys): Uint32Array {
  const { keys, count, added } = maskProgram(masks);
  const table = Uint32Array.of(count, added, 0, 0, ...keys);
  keys.fill(0);
  return table;
}

/** In place on a copy of `x`: sums of slices of the keys are added to it in any order. */
async function addOnGpu(
  x: Tile,
  { masks, firstCol, tools }: { masks: MaskKeys; firstCol: number; tools: GpuTools },
): Promise<Tile> {
  const { session, tiles, dispatcher, columns, info } = tools;
  const { keys, count, added } = maskProgram(masks);
  const blocks = Math.ceil(x.cols / BLOCK_COLS);
  const across = Math.ceil(blocks / MASK_GROUP);
  const fair = Math.floor((count * across) / MASK_GROUPS);
  const each = Math.max(MIN_STREAMS, Math.min(MAX_STREAMS, fair));
  const kernel: KernelSource = {
    name: 'add_masks',
    text: shaders.add_masks,
    bindings: ['read', 'write', 'uniform'],
  };
  const slices = Math.ceil(count / each);
  const operations = BLOCK_OPERATIONS * MASK_GROUP * each * (info.software ? EMULATED : 1);
  // All slices of the keys in each dispatch, unless that is too long for even one group of columns.
  const most = Math.floor(dispatcher.pace.most(kernel.name) / operations);
  const band = Math.max(1, Math.min(slices, most));
  let out: GpuTile | undefined;
  let secret: GPUBuffer | undefined;
  try {
    out = await tiles.stack(x);
    secret = await dataBuffer(session, 'mask keys', keys);
    const buffers = [secret, out.slab.buffer];
    const shape = [count, added, blocks, firstCol / BLOCK_COLS, each];
    for (let slice = 0; slice < slices; slice += band) {
      const deep = Math.min(band, slices - slice);
      const work = { kernel, units: across, operations: deep * operations };
      await dispatcher.runInParts(work, (first, groups) => {
        masks.onDispatch?.({
          from: firstCol + first * GROUP_COLS,
          to: firstCol + Math.min(x.cols, (first + groups) * GROUP_COLS),
        });
        return { buffers, params: [...shape, first, slice], groups: [groups, deep] };
      });
    }
    return out;
  } catch (error) {
    if (out !== undefined) tiles.free(out);
    throw error;
  } finally {
    columns.destroySecret(secret, keys);
  }
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
