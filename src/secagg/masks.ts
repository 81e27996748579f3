/**
 * Masks on words: streams of ChaCha20 that are added or subtracted, on whatever is fastest, and looked
 * at by sample where that is not plain code.
 *
 * A mask that a device got wrong does not cancel. Where that is so in the first block the slots of the sum
 * tell, and the round is lost; elsewhere nothing in the sum would. So of each dispatch of the device one
 * block, drawn once the result is there, is computed again from RFC 8439, over all keys of the call. A
 * device that got it wrong, or that fails, is replaced by the CPU from there on.
 *
 * What that tells: a dispatch that is wrong in w of its B blocks is found with probability w/B. So one that
 * is wrong throughout, as by a wrong key, counter or kernel, is found for certain, and a device that
 * keeps being wrong here and there is found soon; one flipped word is most likely not.
 *
 * What it costs: a block of each key for each dispatch, half a microsecond each. A dispatch to a GPU has 64
 * blocks of each key at least, and takes about a tenth of a second where there is so much to do.
 *
 * @module
 */

import { chacha20 } from '@noble/ciphers/chacha.js';
import type { Backend, ColumnRange, MaskKeys, Words } from '../backend/kernels.ts';
import { show } from '../core/assert.ts';
import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../core/chacha20.ts';
import { BackendError } from '../core/errors.ts';
import { createRandom, type Random } from '../core/random.ts';
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

/** A backend with the operation that is used. */
type Masking = Omit<MaskBackend, 'addMasks'> & { readonly addMasks: AddMasks };

/** How masks are made on a backend. */
export interface BackendMasksOptions {
  /** From the platform's CSPRNG: it chooses which blocks are looked at, once they are computed. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** What takes over after a fault. Default: {@link referenceMasks}. */
  readonly fallback?: Masks;
  /** Hears of the first fault; there is no second. */
  readonly onFault?: (fault: MaskFault) => void;
}

/** Keys of one call to a backend: what a block is computed again of. */
const CALL_KEYS = 1024;

/**
 * Masks on a backend by an operation. Once it has failed, or a sampled block was wrong, what it was asked
 * last is done again by the fallback, and so is all that follows.
 */
export function masksOn(
  backend: Masking,
  { randomBytes, fallback = referenceMasks(), onFault }: BackendMasksOptions,
): Masks {
  let isTrusted = true;
  const distrust = (kind: MaskFault['kind'], what: string): void => {
    if (isTrusted) onFault?.({ fault: true, kind, message: `${backend.info.adapter}: ${what}` });
    isTrusted = false;
  };
  const tried = async (words: Uint32Array, masks: readonly Mask[]): Promise<Uint32Array> => {
    if (isTrusted) {
      try {
        const { masked, dispatches } = await addOn(backend, words, masks);
        const random = createRandom(randomBytes(32));
        const blocks = dispatches.map((columns) => blockIn(columns, random));
        const wrong = await firstWrong(blocks, { words, masked, masks });
        if (wrong === undefined) return masked;
        distrust('wrong', `block ${wrong} of masks is not what RFC 8439 gives`);
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
        const before = sum;
        try {
          sum = await tried(before, masks.slice(first, first + CALL_KEYS));
        } finally {
          // Words that have some of their masks are nobody's: neither the caller's nor what is sent.
          if (before !== words) before.fill(0);
        }
      }
      return sum;
    },
  };
}

/** Words with masks, and the columns of each dispatch that made them. */
interface Dispatched {
  readonly masked: Uint32Array;
  readonly dispatches: readonly ColumnRange[];
}

async function addOn(
  backend: Masking,
  words: Uint32Array,
  masks: readonly Mask[],
): Promise<Dispatched> {
  const dispatches: ColumnRange[] = [];
  const given: MaskKeys = {
    keys: new Uint8Array(KEY_BYTES * masks.length),
    signs: Int8Array.from(masks, ({ sign }) => sign),
    onDispatch: (columns) => dispatches.push(columns),
  };
  const sum = withMasks(backend, words, { masks, given });
  try {
    const masked = await backend.readWords(sum);
    if (dispatches.length === 0) dispatches.push({ from: 0, to: words.length });
    return { masked, dispatches };
  } finally {
    backend.release(sum);
  }
}

/** The keys go in, and are overwritten whether or not the device takes them. */
function withMasks(
  backend: Masking,
  words: Uint32Array,
  { masks, given }: { masks: readonly Mask[]; given: MaskKeys },
): Words {
  for (const [i, { key }] of masks.entries()) given.keys.set(key, KEY_BYTES * i);
  try {
    return backend.addMasks(backend.words([words]), given);
  } finally {
    given.keys.fill(0);
  }
}

/** A block of columns, each as likely as the others. */
function blockIn({ from, to }: ColumnRange, random: Random): number {
  const first = Math.floor(from / BLOCK_WORDS);
  return first + random.below(Math.ceil(to / BLOCK_WORDS) - first);
}

/** The first of some blocks whose columns are not the words and the masks of that block. */
async function firstWrong(
  blocks: readonly number[],
  { words, masked, masks }: { words: Uint32Array; masked: Uint32Array; masks: readonly Mask[] },
): Promise<number | undefined> {
  const sums = new Uint32Array(BLOCK_WORDS * blocks.length);
  const stream = new Uint32Array(BLOCK_WORDS);
  const turns = new Turns();
  for (const { key, sign } of masks) {
    const state = chacha20State(key, [0, 0, 0]);
    for (const [i, block] of blocks.entries()) {
      state[COUNTER] = block;
      chacha20Block(state, stream);
      addTo(sums.subarray(BLOCK_WORDS * i, BLOCK_WORDS * (i + 1)), stream, sign);
    }
    state.fill(0);
    if (turns.due) await turns.take();
  }
  const wrong = blocks.find((block, i) => {
    let difference = 0;
    const first = BLOCK_WORDS * block;
    for (let j = first; j < Math.min(words.length, first + BLOCK_WORDS); j++) {
      difference |= (words[j]! + sums[BLOCK_WORDS * i + j - first]!) ^ masked[j]!;
    }
    return difference !== 0;
  });
  sums.fill(0);
  stream.fill(0);
  return wrong;
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
      try {
        await addStreams(masked, masks, keystream);
        return masked;
      } catch (error) {
        // Some of it has no masks yet.
        masked.fill(0);
        throw error;
      }
    },
  };
}

async function addStreams(
  masked: Uint32Array,
  masks: readonly Mask[],
  keystream: Keystream,
): Promise<void> {
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
