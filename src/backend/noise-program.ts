/**
 * Noise as the kernels read it: what does not depend on the coordinate, in two arrays of words.
 *
 * @module
 */

import { chacha20State } from '../core/chacha20.ts';
import type { LatticeNoise, NoiseTable } from './kernels.ts';

/** Words of a draw in a program. */
const DRAW_WORDS = 4;

export interface NoiseProgram {
  /**
   * A secret. The ChaCha20 state for block 0 of draw 0; then for each draw where its table starts, in
   * columns, the mask that makes a column of a word, the table's offset and the factor.
   */
  readonly program: Uint32Array;
  /** The tables of all draws, each once. */
  readonly tables: Uint32Array;
}

/** The arrays for a noise. Whoever is done with `program` fills it with zeros. */
export function noiseProgram({ key, nonce, draws }: LatticeNoise): NoiseProgram {
  const starts = new Map<NoiseTable, number>();
  let columns = 0;
  for (const { table } of draws) {
    if (starts.has(table)) continue;
    starts.set(table, columns);
    columns += 2 ** table.log2Columns;
  }
  const tables = new Uint32Array(4 * columns);
  for (const [{ words }, start] of starts) tables.set(words, 4 * start);
  const state = chacha20State(key, nonce);
  const program = new Uint32Array(state.length + DRAW_WORDS * draws.length);
  program.set(state);
  for (const [level, { table, factor }] of draws.entries()) {
    const mask = 2 ** table.log2Columns - 1;
    const words = [starts.get(table)!, mask, table.offset, factor];
    program.set(words, state.length + DRAW_WORDS * level);
  }
  state.fill(0);
  return { program, tables };
}
