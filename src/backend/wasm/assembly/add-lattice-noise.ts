/**
 * addLatticeNoise: adds draws from alias tables, driven by ChaCha20, to one row modulo 2³².
 *
 * Sixteen columns at a time: four blocks, of which each serves four columns with four words each.
 * Integers alone; no branch and no loop depends on what is drawn. Which entries of a table are read
 * does, as on every backend.
 *
 * @module
 */

import { BLOCKS_BYTES, fourBlocks } from './chacha20';

/** Bytes of a state, and of a draw after it: see noise-program.ts. */
const STATE: usize = 64;
const DRAW: usize = 16;

/** Where four blocks stand while they are used. */
const blocks: usize = memory.data(256, 16);

/**
 * `cols` is a multiple of 16. The first column is the first of block `firstBlock`, which counts modulo
 * 2³².
 */
export function addLatticeNoise(
  x: usize,
  cols: i32,
  program: usize,
  draws: i32,
  tables: usize,
  firstBlock: i32,
  out: usize,
): void {
  const end = x + <usize>cols * 4;
  for (let block = firstBlock; x < end; block += 4) {
    // Values of columns 0, 1, 2, 3 of four blocks; turned around below.
    let s0 = i32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let level = 0; level < draws; level++) {
      const draw = program + STATE + <usize>level * DRAW;
      const table = tables + ((<usize>load<u32>(draw)) << 4);
      const factor = v128.load_splat<u32>(draw, 12);
      fourBlocks(program, block, level, blocks);
      s0 = i32x4.add(s0, i32x4.mul(factor, fourDraws(blocks, draw, table)));
      s1 = i32x4.add(s1, i32x4.mul(factor, fourDraws(blocks + 64, draw, table)));
      s2 = i32x4.add(s2, i32x4.mul(factor, fourDraws(blocks + 128, draw, table)));
      s3 = i32x4.add(s3, i32x4.mul(factor, fourDraws(blocks + 192, draw, table)));
    }
    const low01 = v128.shuffle<i32>(s0, s1, 0, 4, 1, 5);
    const low23 = v128.shuffle<i32>(s2, s3, 0, 4, 1, 5);
    const high01 = v128.shuffle<i32>(s0, s1, 2, 6, 3, 7);
    const high23 = v128.shuffle<i32>(s2, s3, 2, 6, 3, 7);
    add(x, out, v128.shuffle<i64>(low01, low23, 0, 2));
    add(x + 16, out + 16, v128.shuffle<i64>(low01, low23, 1, 3));
    add(x + 32, out + 32, v128.shuffle<i64>(high01, high23, 0, 2));
    add(x + 48, out + 48, v128.shuffle<i64>(high01, high23, 1, 3));
    x += 64;
    out += 64;
  }
  // Words that were drawn from tell the noise.
  memory.fill(blocks, 0, BLOCKS_BYTES);
}

function add(x: usize, out: usize, noise: v128): void {
  v128.store(out, i32x4.add(v128.load(x), noise));
}

/**
 * Four draws from one table, by the vectors of four words at `random`: the first chooses columns, the
 * others are compared with their thresholds, lowest first.
 */
function fourDraws(random: usize, draw: usize, table: usize): v128 {
  const columns = v128.and(v128.load(random), v128.load_splat<u32>(draw, 4));
  const a = v128.load(table + ((<usize>i32x4.extract_lane(columns, 0)) << 4));
  const b = v128.load(table + ((<usize>i32x4.extract_lane(columns, 1)) << 4));
  const c = v128.load(table + ((<usize>i32x4.extract_lane(columns, 2)) << 4));
  const d = v128.load(table + ((<usize>i32x4.extract_lane(columns, 3)) << 4));
  const low01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  const low = v128.shuffle<i64>(low01, low23, 0, 2);
  const middle = v128.shuffle<i64>(low01, low23, 1, 3);
  const high = v128.shuffle<i64>(high01, high23, 0, 2);
  const alias = v128.shuffle<i64>(high01, high23, 1, 3);
  const isLow = below(v128.load(random, 16), low);
  const u = v128.load(random, 32);
  const isMiddle = v128.or(below(u, middle), v128.and(v128.eq<i32>(u, middle), isLow));
  const w = v128.load(random, 48);
  const isBelow = v128.or(below(w, high), v128.and(v128.eq<i32>(w, high), isMiddle));
  return v128.bitselect(i32x4.sub(columns, v128.load_splat<u32>(draw, 8)), alias, isBelow);
}

/** Whether a < b, lane by lane. */
function below(a: v128, b: v128): v128 {
  return v128.lt<u32>(a, b);
}
