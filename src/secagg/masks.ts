/**
 * Masks on words: streams of ChaCha20 that are added or subtracted, on whatever is fastest, and looked
 * at by sample where that is not plain code.
 *
 * A mask that a device got wrong does not cancel, and the slots of the sum tell so in the end; but then
 * the round is lost. Here one block of each call, which nobody can foresee, is computed again from RFC
 * 8439, and a device that got it wrong, or that fails, is replaced by the CPU from there on.
 *
 * @module
 */

import { chacha20 } from '@noble/ciphers/chacha.js';
import type { Backend, MaskKeys, Words } from '../backend/kernels.ts';
import { show } from '../core/assert.ts';
import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../core/chacha20.ts';
import { BackendError } from '../core/errors.ts';
import { createRandom } from '../core/random.ts';
import { Turns } from '../core/turn.ts';
import { KEY_BYTES } from './suite.ts';

/** A stream, and how it enters a sum. */
export interface Mask {
  /** 32 bytes; a key makes one stream in its life. */
  readonly key: Uint8Array;
  /** 1 to add the stream, −1 to subtract it. */
  readonly sign: 1 | -1;
}

/** Whatever adds masks. All give the same words. */
export interface Masks {
  /**
   * The words with all masks, modulo 2³²: a new array. Column j takes word j mod 16 of block ⌊j/16⌋,
   * little-endian, under a nonce of zeros. Neither keys nor streams are kept; until the promise is
   * settled, words and keys must not change.
   *
   * @throws {TypeError} if a key is not 32 bytes or a sign not 1 or −1; quotes neither.
   */
  add(words: Uint32Array, masks: readonly Mask[]): Promise<Uint32Array>;
}

/** A device that cannot be relied on. Holds nothing secret. */
export interface MaskFault {
  readonly fault: true;
  /** Whether a block was wrong, or the device failed before there was one. */
  readonly kind: 'wrong' | 'failed';
  /** For people: which device, and what happened. */
  readonly message: string;
}

/** What adds streams to words, as an expression. */
export type AddMasks = (x: Words, masks: MaskKeys) => Words;

/** What masks need of a backend. */
export interface MaskBackend extends Pick<Backend, 'info' | 'words' | 'readWords' | 'release'> {
  /** Instead of the operation of `aggregis/secure/backend`. */
  readonly addMasks?: AddMasks;
}

/** How masks are made on a backend. */
export interface BackendMasksOptions {
  /** From the platform's CSPRNG: it chooses which blocks are looked at. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** What takes over after a fault. Default: {@link referenceMasks}. */
  readonly fallback?: Masks;
  /** Hears of the first fault; there is no second. */
  readonly onFault?: (fault: MaskFault) => void;
}

/** Keys of one call to a backend, of which one block is looked at. */
const CALL_KEYS = 1024;

/**
 * Masks on a backend by an operation. Once it has failed, or a sampled block was wrong, what it was asked
 * last is done again by the fallback, and so is all that follows.
 */
export function masksOn(
  backend: Omit<MaskBackend, 'addMasks'> & { readonly addMasks: AddMasks },
  { randomBytes, fallback = referenceMasks(), onFault }: BackendMasksOptions,
): Masks {
  const random = createRandom(randomBytes(32));
  let isTrusted = true;
  const distrust = (kind: MaskFault['kind'], what: string): void => {
    if (isTrusted) onFault?.({ fault: true, kind, message: `${backend.info.adapter}: ${what}` });
    isTrusted = false;
  };
  const tried = async (words: Uint32Array, masks: readonly Mask[]): Promise<Uint32Array> => {
    if (isTrusted) {
      try {
        const masked = await addOn(backend, words, masks);
        const block = random.below(Math.ceil(words.length / BLOCK_WORDS));
        if (isRight(block, { words, masked, masks })) return masked;
        distrust('wrong', `block ${block} of masks is not what RFC 8439 gives`);
      } catch (error) {
        if (!(error instanceof BackendError) || error.code === 'closed') throw error;
        distrust('failed', error.message);
      }
    }
    return fallback.add(words, masks);
  };
  return {
    async add(words, masks) {
      checkMasks(words, masks);
      if (words.length === 0 || masks.length === 0) return words.slice();
      let sum = words;
      for (let first = 0; first < masks.length; first += CALL_KEYS) {
        sum = await tried(sum, masks.slice(first, first + CALL_KEYS));
      }
      return sum;
    },
  };
}

async function addOn(
  backend: Parameters<typeof masksOn>[0],
  words: Uint32Array,
  masks: readonly Mask[],
): Promise<Uint32Array> {
  const given: MaskKeys = {
    keys: new Uint8Array(KEY_BYTES * masks.length),
    signs: Int8Array.from(masks, ({ sign }) => sign),
  };
  for (const [i, { key }] of masks.entries()) given.keys.set(key, KEY_BYTES * i);
  const masked = backend.addMasks(backend.words([words]), given);
  given.keys.fill(0);
  try {
    return await backend.readWords(masked);
  } finally {
    backend.release(masked);
  }
}

/** Whether the columns of one block are the words and the masks of that block. */
function isRight(
  block: number,
  { words, masked, masks }: { words: Uint32Array; masked: Uint32Array; masks: readonly Mask[] },
): boolean {
  const sums = new Uint32Array(BLOCK_WORDS);
  const stream = new Uint32Array(BLOCK_WORDS);
  for (const { key, sign } of masks) {
    const state = chacha20State(key, [0, 0, 0]);
    state[COUNTER] = block;
    chacha20Block(state, stream);
    addTo(sums, stream, sign);
    state.fill(0);
  }
  let difference = 0;
  for (let j = BLOCK_WORDS * block; j < Math.min(words.length, BLOCK_WORDS * (block + 1)); j++) {
    difference |= (words[j]! + sums[j % BLOCK_WORDS]!) ^ masked[j]!;
  }
  sums.fill(0);
  stream.fill(0);
  return difference === 0;
}

/** Bytes of a stream from one of its blocks on. They are overwritten once they are added. */
export type Keystream = (key: Uint8Array, from: { block: number; bytes: number }) => Uint8Array;

/** Bytes of a stream that are made at once: they fit a second-level cache beside their sums. */
const CHUNK_BYTES = 2 ** 16;

/** Masks in portable code: what every other way must equal. */
export function referenceMasks(): Masks {
  const nonce = new Uint8Array(12);
  const zeros = new Uint8Array(CHUNK_BYTES);
  const stream = new Uint8Array(CHUNK_BYTES);
  return masksBy((key, { block, bytes }) =>
    chacha20(key, nonce, zeros.subarray(0, bytes), stream.subarray(0, bytes), block),
  );
}

/** Masks out of streams that somebody else makes; this thread adds them up. */
export function masksBy(keystream: Keystream): Masks {
  return {
    async add(words, masks) {
      checkMasks(words, masks);
      const masked = words.slice();
      const turns = new Turns();
      for (let from = 0; from < masked.length; from += CHUNK_BYTES / 4) {
        const sums = masked.subarray(from, from + CHUNK_BYTES / 4);
        const place = { block: from / BLOCK_WORDS, bytes: sums.byteLength };
        for (const { key, sign } of masks) {
          const stream = keystream(key, place);
          addTo(sums, wordsOf(stream), sign);
          stream.fill(0);
          if (turns.due) await turns.take();
        }
      }
      return masked;
    },
  };
}

/** The words of bytes, where they lie if they can be seen so. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = bytes;
  if (byteOffset % 4 === 0) return new Uint32Array(buffer, byteOffset, length / 4);
  return new Uint32Array(bytes.slice().buffer);
}

/** Entry by entry; as integers with a sign, which is faster than as numbers up to 2³². */
function addTo(sums: Uint32Array, stream: Uint32Array, sign: 1 | -1): void {
  const to = integersOf(sums);
  const from = integersOf(stream);
  const { length } = to;
  let j = 0;
  for (; j + 4 <= length; j += 4) {
    to[j] = (to[j]! + Math.imul(sign, from[j]!)) | 0;
    to[j + 1] = (to[j + 1]! + Math.imul(sign, from[j + 1]!)) | 0;
    to[j + 2] = (to[j + 2]! + Math.imul(sign, from[j + 2]!)) | 0;
    to[j + 3] = (to[j + 3]! + Math.imul(sign, from[j + 3]!)) | 0;
  }
  for (; j < length; j++) to[j] = (to[j]! + Math.imul(sign, from[j]!)) | 0;
}

function integersOf({ buffer, byteOffset, length }: Uint32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

function checkMasks(words: Uint32Array, masks: readonly Mask[]): void {
  if (!(words instanceof Uint32Array)) {
    throw new TypeError(`words must be a Uint32Array, got ${show(words)}`);
  }
  if (!Array.isArray(masks)) throw new TypeError(`masks must be an array, got ${show(masks)}`);
  for (const [i, { key, sign }] of masks.entries()) {
    if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
      throw new TypeError(`key of mask ${i} must be a Uint8Array of ${KEY_BYTES} bytes`);
    }
    if (key.every((byte) => byte === 0)) {
      throw new TypeError(`key of mask ${i} must not be all zero: was it cleared before its use?`);
    }
    if (sign !== 1 && sign !== -1) throw new TypeError(`sign of mask ${i} must be 1 or -1`);
  }
}
