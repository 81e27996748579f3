/**
 * Column operations on the GPU: each tile by the kernel of the operation's name, order statistics by
 * that of their regime.
 *
 * @module
 */

import type { LatticeNoise, Regime, Tile, Weights } from '../kernels.ts';
import { noiseProgram } from '../noise-program.ts';
import type { RowSumProgram } from '../row-sums.ts';
import { dataBuffer } from './buffers.ts';
import type { KernelSource, Session, Shader } from './device.ts';
import { type Binding, type Dispatcher, MAX_GROUPS } from './dispatch.ts';
import { nearestSlots, streamSlots, sumSlots, windowSlots } from './network-text.ts';
import { splitShape, streamChunk } from './regimes.ts';
import { splitSlots } from './split-text.ts';
import { own, strideOf, type Tiles } from './tiles.ts';

/** Columns of a workgroup, each of which one invocation owns. */
export const COLUMN_GROUP = 64;
/** Submissions are multiples of so many columns. */
const PART_COLS = 2 ** 16;
/** About what a kernel takes for an entry. */
const ENTRY_OPERATIONS = 32;

/** About what a draw of noise takes for a column: a quarter of a block, and a look into a table. */
export const DRAW_OPERATIONS = 300;

/** Results that one invocation forms at once from what it reads. More would spill its registers. */
const MAX_OUTPUTS = 4;
/** Groups of rows that one invocation sums up: each adds all rows once, and there are enough of them. */
const GROUPS_EACH = 16;

/** What a kernel is launched with, besides the tile. */
export interface Columns extends Pick<KernelSource, 'slots' | 'variant' | 'constants'> {
  /** The second is the number of columns. */
  readonly params: readonly number[];
  /** One row of as many columns, before the result. */
  readonly center?: GPUBuffer;
  /** Buffers between the table of starts and the result. */
  readonly extra?: readonly GPUBuffer[];
  /** Rows of the result. Default 1. */
  readonly rows?: number;
  /** Columns of a workgroup. Default 64. */
  readonly columns?: number;
  /** Workgroups for the same columns. Default 1. */
  readonly depth?: number;
  /** About what a column takes. Default: some for each of its entries. */
  readonly operations?: number;
  /** Columns, where there are not as many as `x` has words in a row. */
  readonly cols?: number;
  /** Words that a column has of `x` and of the result, where that is not 1. */
  readonly density?: { readonly x: number; readonly out: number };
  /** Where columns are numbered: the number of the first. The last param is a quarter of it. */
  readonly firstCol?: number;
}

/** The column operations of one device. */
export class ColumnKernels {
  readonly #session: Session;
  readonly #tiles: Tiles;
  readonly #dispatcher: Dispatcher;
  readonly #software: boolean;

  constructor(
    session: Session,
    { tiles, dispatcher, software }: { tiles: Tiles; dispatcher: Dispatcher; software: boolean },
  ) {
    this.#session = session;
    this.#tiles = tiles;
    this.#dispatcher = dispatcher;
    this.#software = software;
  }

  async combine(weights: Weights, x: Tile): Promise<Tile> {
    // As even as can be: 5 results are two groups of 3, not of 4 and 1.
    const groups = Math.ceil(weights.length / MAX_OUTPUTS);
    const outputs = Math.ceil(weights.length / groups);
    const parts = weights.map(splitWeights);
    const extra: GPUBuffer[] = [];
    try {
      extra.push(await dataBuffer(this.#session, 'factors', factorWords(parts, outputs)));
      extra.push(await dataBuffer(this.#session, 'weights', weightWords(parts)));
      const params = [x.rows, x.cols, strideOf(x.cols), weights.length, 0];
      const constants = { OUTPUTS: outputs };
      const shape = { rows: weights.length, columns: 4 * COLUMN_GROUP, depth: groups };
      return await this.run('combine', x, { extra, params, constants, ...shape });
    } finally {
      for (const buffer of extra) buffer.destroy();
    }
  }

  async rankMean(
    x: Tile,
    { from, to, regime }: { from: number; to: number; regime: Regime },
  ): Promise<Tile> {
    const { rows, cols } = x;
    const variant = `${rows} ${from} ${to}`;
    switch (regime) {
      case 'network': {
        const slots = () => windowSlots(rows, from, to);
        return this.run('rank_mean', x, { params: [rows, cols, from, to, 0], slots, variant });
      }
      case 'stream': {
        const chunk = streamChunk(rows, from, to);
        const sizes = { low: from, chunk, high: rows - to };
        const params = [rows, cols, from, to, chunk, 0];
        // One kernel serves any number of rows.
        const variant = `${sizes.low} ${chunk} ${sizes.high}`;
        const slots = () => streamSlots(sizes);
        return this.run('rank_mean_stream', x, { params, slots, variant });
      }
      case 'split': {
        const shape = splitShape(rows, this.#software);
        const { columns, runs, words } = shape;
        const slots = () => splitSlots({ ...shape, rows, from, to });
        const constants = { WG_SIZE: columns, RUNS: runs, WORDS: words };
        const params = [rows, cols, from, to, 0];
        return this.run('rank_mean_split', x, { params, slots, variant, constants, columns });
      }
      default:
        return this.run('rank_mean_search', x, { params: [rows, cols, from, to, 0] });
    }
  }

  async nearestMean(
    x: Tile,
    { center, count, regime }: { center: Tile; count: number; regime: Regime },
  ): Promise<Tile> {
    const centers = own(center);
    // A center that is a view need not start its slab; the kernel reads it from 0.
    const dense = centers.starts[0] === 0 ? center : await this.#tiles.stack(center);
    try {
      const { buffer } = own(dense).slab;
      const params = [x.rows, x.cols, count, 0];
      if (regime === 'search') {
        return await this.run('nearest_mean_search', x, { center: buffer, params });
      }
      const slots = () => nearestSlots(x.rows, count);
      const variant = `${x.rows} ${count}`;
      return await this.run('nearest_mean', x, { center: buffer, params, slots, variant });
    } finally {
      if (dense !== center) this.#tiles.free(dense);
    }
  }

  async signSum(x: Tile): Promise<Tile> {
    return this.run('sign_sum', x, { params: [x.rows, x.cols], columns: 4 * COLUMN_GROUP });
  }

  async deviation(x: Tile): Promise<Tile> {
    return this.run('deviation', x, { params: [x.rows, x.cols, 0] });
  }

  async rankSum(
    x: Tile,
    { from, to, regime }: { from: number; to: number; regime: Regime },
  ): Promise<Tile> {
    const { rows, cols } = x;
    if (regime !== 'network') {
      return this.run('rank_sum_search', x, { params: [rows, cols, from, to] });
    }
    const slots = () => sumSlots(rows, from, to);
    return this.run('rank_sum', x, {
      params: [rows, cols],
      slots,
      variant: `${rows} ${from} ${to}`,
    });
  }

  /** The program counts rows as `x` does; see row-sums.ts. */
  async sumRows(
    x: Tile,
    { needsTotal, program, reads }: Omit<RowSumProgram, 'used'>,
  ): Promise<Tile> {
    const groups = program[1]! / 4;
    const each = Math.max(GROUPS_EACH, Math.ceil(groups / MAX_GROUPS));
    const depth = Math.ceil(groups / each);
    const buffer = await dataBuffer(this.#session, 'groups', program);
    try {
      return await this.run('sum_rows', x, {
        extra: [buffer],
        params: [x.rows, x.cols, strideOf(x.cols), groups, each, Number(needsTotal)],
        rows: groups,
        columns: 4 * COLUMN_GROUP,
        depth,
        operations: reads + (needsTotal ? depth * x.rows : 0),
      });
    } finally {
      buffer.destroy();
    }
  }

  async addLatticeNoise(x: Tile, noise: LatticeNoise, firstCol: number): Promise<Tile> {
    const { program, tables } = noiseProgram(noise);
    const draws = noise.draws.length;
    const extra: GPUBuffer[] = [];
    try {
      extra.push(await dataBuffer(this.#session, 'noise tables', tables));
      extra.push(await dataBuffer(this.#session, 'noise program', program));
      return await this.run('add_lattice_noise', x, {
        extra,
        params: [draws, x.cols],
        columns: 4 * COLUMN_GROUP,
        operations: DRAW_OPERATIONS * draws,
        firstCol,
      });
    } finally {
      extra[0]?.destroy();
      this.destroySecret(extra[1], program);
    }
  }

  /** The key goes before the memory does: what gets it next finds zeros. */
  destroySecret(buffer: GPUBuffer | undefined, words: Uint32Array): void {
    words.fill(0);
    if (buffer === undefined) return;
    this.#session.device.queue.writeBuffer(buffer, 0, words as BufferSource);
    buffer.destroy();
  }

  /** Runs a kernel that makes `rows` rows of `x`'s width. */
  async run(
    shader: Shader,
    x: Tile,
    {
      params,
      extra = [],
      center,
      rows = 1,
      slots,
      variant,
      constants,
      columns = COLUMN_GROUP,
      depth = 1,
      operations: perColumn = ENTRY_OPERATIONS * x.rows * depth,
      firstCol,
      cols: width = x.cols,
      density = { x: 1, out: 1 },
    }: Columns,
  ): Promise<Tile> {
    const out = await this.#tiles.allocate(rows, Math.ceil(width * density.out));
    const between = extra.length + Number(center !== undefined);
    const kernel: KernelSource = {
      ...(typeof shader === 'string' ? { name: shader } : shader),
      bindings: ['read', 'read', ...Array(between).fill('read'), 'write', 'uniform'],
      ...(slots && { slots }),
      ...(variant && { variant }),
      ...(constants && { constants }),
    };
    try {
      const table = await this.#tiles.table(x);
      const operations = perColumn * Math.min(width, PART_COLS);
      const work = { kernel, units: Math.ceil(width / PART_COLS), operations };
      await this.#dispatcher.runInParts(work, (first, count) => {
        const from = first * PART_COLS;
        const cols = Math.min(width - from, count * PART_COLS);
        // A kernel that sees buffers from a later column on works on those columns alone.
        const seen = (buffer: GPUBuffer, words = 1): Binding => {
          return { buffer, offset: 4 * from * words };
        };
        const buffers = [seen(own(x).slab.buffer, density.x), table, ...extra];
        if (center !== undefined) buffers.push(seen(center));
        buffers.push(seen(out.slab.buffer, density.out));
        const groups = Math.ceil(cols / columns);
        const across = Math.min(groups, MAX_GROUPS);
        const numbered = firstCol === undefined ? [] : [(firstCol + from) / 4];
        return {
          buffers,
          params: [params[0]!, cols, ...params.slice(2), ...numbered],
          groups: [across, Math.ceil(groups / across), depth],
        };
      });
      return out;
    } catch (error) {
      this.#tiles.free(out);
      throw error;
    }
  }
}

/** The word of an f32. */
export function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** Weights as numbers in [1, 2), or 0, times powers of two. */
interface SplitWeights {
  readonly mantissas: Float64Array;
  readonly exponents: Int32Array;
}

function splitWeights(weights: ArrayLike<number>): SplitWeights {
  const mantissas = new Float64Array(weights.length);
  const exponents = new Int32Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!;
    if (weight === 0) continue;
    // The logarithm of the largest numbers rounds up to 1024, whose power is infinite.
    exponents[i] = Math.min(1023, Math.floor(Math.log2(Math.abs(weight))));
    mantissas[i] = weight / 2 ** exponents[i]!;
  }
  return { mantissas, exponents };
}

/** Each weight as the word of its mantissa, and its exponent. */
function weightWords(parts: readonly SplitWeights[]): Uint32Array {
  const words = new Uint32Array(
    parts.reduce((sum, { mantissas }) => sum + 2 * mantissas.length, 0),
  );
  const floats = new Float32Array(words.buffer);
  let at = 0;
  for (const { mantissas, exponents } of parts) {
    for (const [i, mantissa] of mantissas.entries()) {
      floats[at] = mantissa;
      words[at + 1] = exponents[i]!;
      at += 2;
    }
  }
  return words;
}

/** A sum is sure to have lost nothing that matters where a term, scaled, reaches this. */
const FLOOR = 2 ** -80;
/** A floor out of reach: the largest f32. */
const NO_FLOOR = 2 ** 128 - 2 ** 104;

/**
 * For each group of `outputs` results, which share what they read: their exponents, so that factors
 * are at most 2; their floors; and for each row its factor in each.
 */
function factorWords(parts: readonly SplitWeights[], outputs: number): Uint32Array {
  const rows = parts[0]!.mantissas.length;
  const words = new Uint32Array(4 * (rows + 2) * Math.ceil(parts.length / outputs));
  const floats = new Float32Array(words.buffer);
  for (const [output, { mantissas, exponents }] of parts.entries()) {
    const at = 4 * (rows + 2) * Math.floor(output / outputs) + (output % outputs);
    const top = exponents.reduce((m, e, i) => (mantissas[i] === 0 ? m : Math.max(m, e)), -1075);
    words[at] = top;
    floats[at + 4] = FLOOR;
    for (const [i, mantissa] of mantissas.entries()) {
      floats[at + 8 + 4 * i] = mantissa * 2 ** (exponents[i]! - top);
      // Below the normal range a device may take the factor for 0.
      if (mantissa !== 0 && exponents[i]! - top < -126) floats[at + 4] = NO_FLOOR;
    }
  }
  return words;
}
