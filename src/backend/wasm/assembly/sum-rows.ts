/**
 * sumRows: sums of groups of rows modulo 2³², each from nothing or from the sum of all rows; see
 * row-sums.ts for the program.
 *
 * Sixteen columns at a time: those of all rows fit a first-level cache for some hundred rows.
 *
 * @module
 */

/** Bytes of a group in the program. */
const HEADER: usize = 16;

/** Sixteen columns of the sum of all rows, while groups start from it. */
const total: usize = memory.data(64, 16);

/** `cols` is a multiple of 16. Sums go to `out`, as far apart as rows. */
export function sumRows(
  x: usize,
  stride: usize,
  rows: i32,
  cols: i32,
  program: usize,
  groups: i32,
  needsTotal: bool,
  out: usize,
): void {
  const bytes = <usize>cols * 4;
  for (let at: usize = 0; at < bytes; at += 64) {
    if (needsTotal) sumAll(x + at, stride, rows);
    let sum = out + at;
    for (let group = 0; group < groups; group++, sum += stride) {
      sumGroup(x + at, stride, program, program + <usize>group * HEADER, sum);
    }
  }
}

function sumAll(row: usize, stride: usize, rows: i32): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (let i = 0; i < rows; i++, row += stride) {
    a = i32x4.add(a, v128.load(row));
    b = i32x4.add(b, v128.load(row, 16));
    c = i32x4.add(c, v128.load(row, 32));
    d = i32x4.add(d, v128.load(row, 48));
  }
  v128.store(total, a);
  v128.store(total, b, 16);
  v128.store(total, c, 32);
  v128.store(total, d, 48);
}

function sumGroup(x: usize, stride: usize, program: usize, header: usize, out: usize): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  if (load<u32>(header)) {
    a = v128.load(total);
    b = v128.load(total, 16);
    c = v128.load(total, 32);
    d = v128.load(total, 48);
  }
  let entry = program + ((<usize>load<u32>(header, 4)) << 2);
  const middle = program + ((<usize>load<u32>(header, 8)) << 2);
  const end = program + ((<usize>load<u32>(header, 12)) << 2);
  for (; entry < middle; entry += 4) {
    const row = x + load<u32>(entry) * stride;
    a = i32x4.add(a, v128.load(row));
    b = i32x4.add(b, v128.load(row, 16));
    c = i32x4.add(c, v128.load(row, 32));
    d = i32x4.add(d, v128.load(row, 48));
  }
  for (; entry < end; entry += 4) {
    const row = x + load<u32>(entry) * stride;
    a = i32x4.sub(a, v128.load(row));
    b = i32x4.sub(b, v128.load(row, 16));
    c = i32x4.sub(c, v128.load(row, 32));
    d = i32x4.sub(d, v128.load(row, 48));
  }
  v128.store(out, a);
  v128.store(out, b, 16);
  v128.store(out, c, 32);
  v128.store(out, d, 48);
}
