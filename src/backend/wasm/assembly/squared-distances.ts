/**
 * squaredDistances: of all pairs of rows of integers, exactly.
 *
 * An entry below 2²⁵ is h · 2¹³ + l with h and l of 16 bits, so eight columns of a row are two vectors
 * of eight, in the place of two of four. A difference is (Δh · 2¹³ + Δl), |Δh| and |Δl| at most 2¹³,
 * and its square Δh² · 2²⁶ + Δh·Δl · 2¹⁴ + Δl²: three times one instruction that multiplies eight
 * columns and adds neighbours. A lane of those sums grows by at most 2 · 2²⁶, sixteen times before
 * it is taken out: to 2³¹, which fits a u32, and short of it where signs differ, which fits an i32.
 *
 * What is taken out are integers in f64. A sum below 2⁵³ is exact, whatever the order; one that is not
 * stays at or above 2⁵³, since terms are not negative and rounding keeps order.
 *
 * @module
 */

/** Columns, and bytes of a row, that are summed up before sums are taken out. */
const RUN: usize = 512;
/** Bytes of a row in a chunk: two runs. */
const CHUNK: usize = 1024;
/** Rows along a side of a tile of pairs: chunks of two sides fit a first-level cache. */
const SIDE: i32 = 8;

/**
 * Splits `cols` entries of a row into halves, in place. Returns whether all are below 2²⁵ in
 * magnitude; if not, its halves mean nothing. `cols` is a multiple of 8.
 */
export function splitRow(row: usize, cols: i32): bool {
  const half = i32x4.splat(1 << 12);
  const bound = i32x4.splat((1 << 25) - 1);
  let wide = i32x4.splat(0);
  for (const end = row + <usize>cols * 4; row < end; row += 32) {
    const a = v128.load(row);
    const b = v128.load(row, 16);
    // −2³¹ is its own magnitude, and as a u32 above the bound.
    wide = v128.or(wide, v128.gt<u32>(v128.abs<i32>(a), bound));
    wide = v128.or(wide, v128.gt<u32>(v128.abs<i32>(b), bound));
    const highA = v128.shr<i32>(i32x4.add(a, half), 13);
    const highB = v128.shr<i32>(i32x4.add(b, half), 13);
    const lowA = i32x4.sub(a, v128.shl<i32>(highA, 13));
    const lowB = i32x4.sub(b, v128.shl<i32>(highB, 13));
    v128.store(row, i16x8.narrow_i32x4_s(highA, highB));
    v128.store(row, i16x8.narrow_i32x4_s(lowA, lowB), 16);
  }
  return !v128.any_true(wide);
}

/**
 * Adds `cols` columns of split rows to the sums of rows [first, last) with all later rows: that of
 * rows i and j at `sums + ((i − first) · rows + j) · 8`. `cols` is a multiple of 256, what is over
 * is 0.
 */
export function squaredDistances(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  first: i32,
  last: i32,
  sums: usize,
): void {
  // Chunk by chunk, and tile by tile in a chunk.
  for (const end = x + <usize>cols * 4; x < end; x += CHUNK) {
    for (let i = first; i < last; i += SIDE) {
      const endOfSide = min(i + SIDE, last);
      for (let j = i; j < rows; j += SIDE) {
        for (let a = i; a < endOfSide; a++) {
          const pairs = sums + ((<usize>(a - first) * <usize>rows) << 3);
          for (let b = max(j, a + 1), endOfTile = min(j + SIDE, rows); b < endOfTile; b++) {
            const sum = pairs + ((<usize>b) << 3);
            const more = chunk(x + <usize>a * stride, x + <usize>b * stride);
            store<f64>(sum, load<f64>(sum) + more);
          }
        }
      }
    }
  }
}

function chunk(a: usize, b: usize): f64 {
  let sum = f64x2.splat(0);
  for (const end = a + CHUNK; a < end; ) {
    let high = i32x4.splat(0);
    let cross = high;
    let low = high;
    for (const endOfRun = a + RUN; a < endOfRun; a += 32, b += 32) {
      const h = i16x8.sub(v128.load(a), v128.load(b));
      const l = i16x8.sub(v128.load(a, 16), v128.load(b, 16));
      high = i32x4.add(high, i32x4.dot_i16x8_s(h, h));
      cross = i32x4.add(cross, i32x4.dot_i16x8_s(h, l));
      low = i32x4.add(low, i32x4.dot_i16x8_s(l, l));
    }
    sum = f64x2.add(sum, joined(high, cross, low));
    sum = f64x2.add(sum, joined(upper(high), upper(cross), upper(low)));
  }
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

/** Of the lower two lanes. Each step is exact as long as the result is below 2⁵³. */
function joined(high: v128, cross: v128, low: v128): v128 {
  const h = f64x2.mul(f64x2.convert_low_i32x4_u(high), f64x2.splat(67108864));
  const c = f64x2.mul(f64x2.convert_low_i32x4_s(cross), f64x2.splat(16384));
  return f64x2.add(f64x2.add(h, c), f64x2.convert_low_i32x4_u(low));
}

function upper(v: v128): v128 {
  return v128.shuffle<i32>(v, v, 2, 3, 2, 3);
}
