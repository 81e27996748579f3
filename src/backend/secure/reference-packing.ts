/**
 * unpack and pack: what the operations mean, entry by entry; see ../packing.ts.
 *
 * @module
 */

/** The largest number of so many bits. */
function maskOf(bits: number): number {
  return bits === 32 ? -1 : 2 ** bits - 1;
}

/** Fills `into` with the first entries of a packed row. */
export function unpackRow(packed: Int32Array, bits: number, into: Int32Array): void {
  const mask = maskOf(bits);
  let word = 0;
  let shift = 0;
  for (let j = 0; j < into.length; j++) {
    let value = packed[word]! >>> shift;
    const end = shift + bits;
    // A shift by 32 would be one by 0.
    if (end > 32) value |= packed[word + 1]! << (32 - shift);
    into[j] = value & mask;
    word += end >>> 5;
    shift = end & 31;
  }
}

/** Packs the low bits of each entry; `into` has as many words as they take, and zeros at its end. */
export function packRow(values: Int32Array, bits: number, into: Int32Array): void {
  const mask = maskOf(bits);
  let word = 0;
  let shift = 0;
  let open = 0;
  for (let j = 0; j < values.length; j++) {
    const value = values[j]! & mask;
    open |= value << shift;
    const end = shift + bits;
    if (end >= 32) {
      into[word++] = open;
      open = shift === 0 ? 0 : value >>> (32 - shift);
    }
    shift = end & 31;
  }
  if (shift > 0) into[word] = open;
}
