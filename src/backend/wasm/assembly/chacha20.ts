/**
 * ChaCha20's block function (RFC 8439, section 2.3), four blocks at a time: a vector holds one word of
 * each, so that rounds need no turning of rows.
 *
 * @module
 */

/** Bytes of the vectors of four blocks: word w of block b stands at 16·w + 4·b. */
export const BLOCKS_BYTES: usize = 256;

/** v <<< 16 */
function rotated16(v: v128): v128 {
  return v128.shuffle<u8>(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

/** By shifts: of shuffles, only that of halves needs no mask, and loading one takes longer. */
function rotated(v: v128, left: i32): v128 {
  return v128.or(v128.shl<i32>(v, left), v128.shr<u32>(v, 32 - left));
}

/**
 * Writes blocks `first` … `first` + 3 of the state of 16 words at `state` to `out`, word by word. The
 * nonce's last word has `level` added.
 */
export function fourBlocks(state: usize, first: i32, level: i32, out: usize): void {
  const i0 = v128.load_splat<u32>(state);
  const i1 = v128.load_splat<u32>(state, 4);
  const i2 = v128.load_splat<u32>(state, 8);
  const i3 = v128.load_splat<u32>(state, 12);
  const i12 = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  const i15 = i32x4.add(v128.load_splat<u32>(state, 60), i32x4.splat(level));
  let x0 = i0;
  let x1 = i1;
  let x2 = i2;
  let x3 = i3;
  let x4 = v128.load_splat<u32>(state, 16);
  let x5 = v128.load_splat<u32>(state, 20);
  let x6 = v128.load_splat<u32>(state, 24);
  let x7 = v128.load_splat<u32>(state, 28);
  let x8 = v128.load_splat<u32>(state, 32);
  let x9 = v128.load_splat<u32>(state, 36);
  let x10 = v128.load_splat<u32>(state, 40);
  let x11 = v128.load_splat<u32>(state, 44);
  let x12 = i12;
  let x13 = v128.load_splat<u32>(state, 52);
  let x14 = v128.load_splat<u32>(state, 56);
  let x15 = i15;
  for (let round = 0; round < 10; round++) {
    // columns
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotated16(v128.xor(x12, x0));
    x13 = rotated16(v128.xor(x13, x1));
    x14 = rotated16(v128.xor(x14, x2));
    x15 = rotated16(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotated(v128.xor(x4, x8), 12);
    x5 = rotated(v128.xor(x5, x9), 12);
    x6 = rotated(v128.xor(x6, x10), 12);
    x7 = rotated(v128.xor(x7, x11), 12);
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotated(v128.xor(x12, x0), 8);
    x13 = rotated(v128.xor(x13, x1), 8);
    x14 = rotated(v128.xor(x14, x2), 8);
    x15 = rotated(v128.xor(x15, x3), 8);
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotated(v128.xor(x4, x8), 7);
    x5 = rotated(v128.xor(x5, x9), 7);
    x6 = rotated(v128.xor(x6, x10), 7);
    x7 = rotated(v128.xor(x7, x11), 7);
    // diagonals
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotated16(v128.xor(x15, x0));
    x12 = rotated16(v128.xor(x12, x1));
    x13 = rotated16(v128.xor(x13, x2));
    x14 = rotated16(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotated(v128.xor(x5, x10), 12);
    x6 = rotated(v128.xor(x6, x11), 12);
    x7 = rotated(v128.xor(x7, x8), 12);
    x4 = rotated(v128.xor(x4, x9), 12);
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotated(v128.xor(x15, x0), 8);
    x12 = rotated(v128.xor(x12, x1), 8);
    x13 = rotated(v128.xor(x13, x2), 8);
    x14 = rotated(v128.xor(x14, x3), 8);
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotated(v128.xor(x5, x10), 7);
    x6 = rotated(v128.xor(x6, x11), 7);
    x7 = rotated(v128.xor(x7, x8), 7);
    x4 = rotated(v128.xor(x4, x9), 7);
  }
  v128.store(out, i32x4.add(x0, i0));
  v128.store(out, i32x4.add(x1, i1), 16);
  v128.store(out, i32x4.add(x2, i2), 32);
  v128.store(out, i32x4.add(x3, i3), 48);
  v128.store(out, i32x4.add(x4, v128.load_splat<u32>(state, 16)), 64);
  v128.store(out, i32x4.add(x5, v128.load_splat<u32>(state, 20)), 80);
  v128.store(out, i32x4.add(x6, v128.load_splat<u32>(state, 24)), 96);
  v128.store(out, i32x4.add(x7, v128.load_splat<u32>(state, 28)), 112);
  v128.store(out, i32x4.add(x8, v128.load_splat<u32>(state, 32)), 128);
  v128.store(out, i32x4.add(x9, v128.load_splat<u32>(state, 36)), 144);
  v128.store(out, i32x4.add(x10, v128.load_splat<u32>(state, 40)), 160);
  v128.store(out, i32x4.add(x11, v128.load_splat<u32>(state, 44)), 176);
  v128.store(out, i32x4.add(x12, i12), 192);
  v128.store(out, i32x4.add(x13, v128.load_splat<u32>(state, 52)), 208);
  v128.store(out, i32x4.add(x14, v128.load_splat<u32>(state, 56)), 224);
  v128.store(out, i32x4.add(x15, i15), 240);
}

/** Writes four blocks that stand word by word at `from` to `to`, one after the other. */
export function inOrder(from: usize, to: usize): void {
  for (let word: usize = 0; word < 64; word += 16) {
    const a = v128.load(from);
    const b = v128.load(from, 16);
    const c = v128.load(from, 32);
    const d = v128.load(from, 48);
    const low01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    v128.store(to + word, v128.shuffle<i64>(low01, low23, 0, 2));
    v128.store(to + word, v128.shuffle<i64>(low01, low23, 1, 3), 64);
    v128.store(to + word, v128.shuffle<i64>(high01, high23, 0, 2), 128);
    v128.store(to + word, v128.shuffle<i64>(high01, high23, 1, 3), 192);
    from += 64;
  }
}
