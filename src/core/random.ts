/**
 * Numbers from a seed: a ChaCha20 keystream (RFC 8439, nonce 0, counter from 0) and what is made of
 * it.
 *
 * The same seed gives the same stream on every platform, and so do all methods but `normal`, which
 * uses the platform's logarithm and cosine: their last bits may differ between engines.
 *
 * Where a secret depends on the numbers, the seed must be 32 bytes from the platform's CSPRNG.
 *
 * @module
 */

import { assertInteger, show } from './assert.ts';
import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from './chacha20.ts';

/** A stream of numbers. Each call takes the next words of the keystream. */
export interface Random {
  /** 32 bits: the next four bytes, little-endian. */
  uint32(): number;
  /** Uniform in [0, 1), a multiple of 2⁻⁵³. Takes two words. */
  uniform(): number;
  /** Normal with mean 0 and variance 1, by Box and Muller's transform. Takes four words. */
  normal(): number;
  /** Uniform among 0 … n − 1, without bias; 1 ≤ n ≤ 2³². Takes one word, seldom more. */
  below(n: number): number;
  /** The numbers 0 … n − 1 in uniformly random order. */
  permutation(n: number): number[];
}

/** RFC 8439 counts blocks in 32 bits: 256 GiB for each seed. */
const MAX_BLOCKS = 2 ** 32;
const KEY_BYTES = 32;

/**
 * A stream of its own for the seed.
 *
 * @param seed - 32 bytes, used as the key; or an integer in [0, 2⁵³), which is the key's first eight
 *   bytes, little-endian. An integer is for experiments: it can be guessed.
 */
export function createRandom(seed: number | Uint8Array): Random {
  const uint32 = keystream(keyOf(seed));
  const uniform = (): number => {
    const high = uint32() >>> 5;
    const low = uint32() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  };
  const below = (n: number): number => {
    assertInteger('n', n, 1, 2 ** 32);
    // Words from the last, incomplete run of n would favour small numbers.
    const limit = 2 ** 32 - (2 ** 32 % n);
    let word = uint32();
    while (word >= limit) word = uint32();
    return word % n;
  };
  return {
    uint32,
    uniform,
    below,
    // 1 − u is in (0, 1], so that the logarithm is finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    permutation: (n) =>
      shuffle(
        Array.from({ length: assertInteger('n', n, 0) }, (_, i) => i),
        { below },
      ),
  };
}

/** Fisher and Yates's shuffle, from the end, in place: of 0 … n − 1 what `permutation` gives. */
export function shuffle<Order extends number[] | Uint32Array>(
  order: Order,
  { below }: Pick<Random, 'below'>,
): Order {
  for (let last = order.length - 1; last > 0; last--) {
    const other = below(last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

/** The keystream, word by word. */
function keystream(key: Uint8Array): () => number {
  const state = chacha20State(key, [0, 0, 0]);
  const block = new Uint32Array(BLOCK_WORDS);
  let blocks = 0;
  let next = BLOCK_WORDS;
  return () => {
    if (next === BLOCK_WORDS) {
      if (blocks === MAX_BLOCKS) throw new RangeError('the keystream of this seed is used up');
      state[COUNTER] = blocks++;
      chacha20Block(state, block);
      next = 0;
    }
    return block[next++]!;
  };
}

function keyOf(seed: number | Uint8Array): Uint8Array {
  if (!(seed instanceof Uint8Array)) return integerKey(assertInteger('seed', seed, 0));
  if (seed.length === KEY_BYTES) return seed;
  throw new RangeError(`seed must be ${KEY_BYTES} bytes, got ${show(seed)}`);
}

/** The key that begins with an integer in [0, 2⁵³), little-endian, and has zeros after it. */
export function integerKey(seed: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  new DataView(key.buffer).setBigUint64(0, BigInt(seed), true);
  return key;
}
