/**
 * addMasks: adds ChaCha20 streams to one row modulo 2³², or subtracts them.
 *
 * Sixty-four columns at a time: four blocks, each word of which is summed up over all keys where the
 * rounds leave it, and turned around once. Streams are nowhere in memory but here.
 *
 * @module
 */

import { BLOCKS_BYTES, fourBlocks, inOrder } from '../chacha20';

const KEY: usize = 32;
/** A state without its key: the constants, a counter and a nonce of zeros. */
const state: usize = memory.data<u32>([
  0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
/** Four blocks of one key, word by word, and their sums. */
const blocks: usize = memory.data(256, 16);
const sums: usize = memory.data(256, 16);

/**
 * `cols` is a multiple of 64. The first column is the first of block `firstBlock`, which counts modulo
 * 2³². The table holds the number of keys, how many of them, from the first, are of streams to add, two
 * words that mean nothing, and eight words for each key.
 */
export function addMasks(x: usize, cols: i32, table: usize, firstBlock: i32, out: usize): void {
  const count = load<i32>(table);
  const added = load<i32>(table, 4);
  const keys = table + 16;
  const end = x + <usize>cols * 4;
  const middle = keys + <usize>added * KEY;
  const last = keys + <usize>count * KEY;
  for (let block = firstBlock; x < end; block += 4) {
    memory.fill(sums, 0, BLOCKS_BYTES);
    let key = last;
    while (key > middle) {
      key -= KEY;
      take(key, block);
    }
    for (let at: usize = 0; at < BLOCKS_BYTES; at += 16) {
      v128.store(sums + at, i32x4.neg(v128.load(sums + at)));
    }
    while (key > keys) {
      key -= KEY;
      take(key, block);
    }
    inOrder(sums, blocks);
    for (let at: usize = 0; at < BLOCKS_BYTES; at += 16) {
      v128.store(out + at, i32x4.add(v128.load(x + at), v128.load(blocks + at)));
    }
    x += BLOCKS_BYTES;
    out += BLOCKS_BYTES;
  }
  memory.fill(state + 16, 0, KEY);
  memory.fill(blocks, 0, BLOCKS_BYTES);
  memory.fill(sums, 0, BLOCKS_BYTES);
}

/** Adds four blocks of a key to the sums. */
function take(key: usize, block: i32): void {
  v128.store(state, v128.load(key), 16);
  v128.store(state, v128.load(key, 16), 32);
  fourBlocks(state, block, 0, blocks);
  for (let at: usize = 0; at < BLOCKS_BYTES; at += 64) {
    v128.store(sums + at, i32x4.add(v128.load(sums + at), v128.load(blocks + at)));
    v128.store(sums + at, i32x4.add(v128.load(sums + at, 16), v128.load(blocks + at, 16)), 16);
    v128.store(sums + at, i32x4.add(v128.load(sums + at, 32), v128.load(blocks + at, 32)), 32);
    v128.store(sums + at, i32x4.add(v128.load(sums + at, 48), v128.load(blocks + at, 48)), 48);
  }
}
