/**
 * Words of fewer than 32 bits, packed and unpacked: see packing.ts.
 *
 * @module
 */

/**
 * Reads up to eight bytes from where each entry begins, so that seven after the last must be there. The
 * table holds the number of bits.
 */
export function unpack(x: usize, cols: i32, table: usize, _: i32, out: usize): void {
  const bits = load<i32>(table);
  const mask: u32 = <u32>0xffff_ffff >> (32 - bits);
  let bit: u32 = 0;
  for (const end = out + <usize>cols * 4; out < end; out += 4, bit += bits) {
    const from = x + <usize>(bit >> 3);
    store<u32>(out, <u32>(load<u64>(from) >> <u64>(bit & 7)) & mask);
  }
}

/** Writes whole words, the last filled up with zeros. The table holds the number of bits. */
export function pack(x: usize, cols: i32, table: usize, _: i32, out: usize): void {
  const bits = load<i32>(table);
  const mask: u32 = <u32>0xffff_ffff >> (32 - bits);
  let open: u64 = 0;
  let filled = 0;
  for (const end = x + <usize>cols * 4; x < end; x += 4) {
    open |= (<u64>(load<u32>(x) & mask)) << (<u64>filled);
    filled += bits;
    if (filled < 32) continue;
    store<u32>(out, <u32>open);
    out += 4;
    open >>= 32;
    filled -= 32;
  }
  if (filled > 0) store<u32>(out, <u32>open);
}
