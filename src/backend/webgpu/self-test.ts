/**
 * The start-up self-test: whether compiler and device do what the kernels take for granted.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';

/** Words that are hard to take apart: zeros, subnormals, limits, infinities, NaN of either sign. */
export const PROBES: Uint32Array = Uint32Array.of(
  0x00000000,
  0x80000000,
  0x00000001,
  0x807fffff,
  0x00800000,
  0x3f800000,
  0xbf99999a,
  0x3fffffff,
  0x7f7fffff,
  0xff7fffff,
  0x7f800000,
  0xff800000,
  0x7fc00001,
  0xffc00001,
  0x7f800001,
);

/** Words that the kernel writes for each probe. */
export const WORDS_PER_PROBE = 8;

/** What the self-test found. */
export interface SelfTest {
  /** Whether compensated sums keep what f32 loses; if not, plain sums in short chains serve. */
  readonly compensated: boolean;
}

/**
 * Holds what the device wrote against what the definitions give.
 *
 * @throws {BackendError} `self-test` if integers, keys or exponents are wrong: no kernel can be
 *   trusted then.
 */
export function judge(found: Uint32Array): SelfTest {
  let compensated = true;
  for (const [i, word] of PROBES.entries()) {
    const right = expected(word);
    for (const [k, value] of right.entries()) {
      const got = found[i * WORDS_PER_PROBE + k];
      if (value === undefined || got === value) continue;
      if (k === 6) {
        compensated = false;
        continue;
      }
      throw new BackendError(
        'self-test',
        `the GPU fails the numeric self-test: word 0x${word.toString(16)}, result ${k} ` +
          `must be 0x${value.toString(16)}, got 0x${got?.toString(16)}`,
      );
    }
  }
  return { compensated };
}

const view = new DataView(new ArrayBuffer(4));

function floatOf(word: number): number {
  view.setUint32(0, word);
  return view.getFloat32(0);
}

function wordOf(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

/** The first seven words for a probe; `undefined` where anything will do. */
function expected(word: number): (number | undefined)[] {
  const value = floatOf(word);
  const finite = Number.isFinite(value);
  const nan = Number.isNaN(value);
  const flipped = (word & 0x80000000) !== 0 ? ~word : word | 0x80000000;
  const key = (flipped - 0x007fffff) >>> 0;
  const head = [Number(finite) | (Number(nan) << 1), key, nan ? 0x7fc00000 : word];
  if (!finite) return head;
  if (value === 0) return [...head, -100000 >>> 0, 0, undefined, 0];
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const unit = value / 2 ** exponent;
  return [...head, exponent >>> 0, wordOf(unit), word, wordOf(unit)];
}
