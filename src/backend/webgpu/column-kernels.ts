/**
 * Column operations on the GPU: each tile by the kernel of the operation's name, order statistics by
 * that of their regime.
 *
 * @module
 */

import type { Regime, Tile, Weights } from '../kernels.ts';
import { dataBuffer } from './buffers.ts';
import type { KernelSource, Session } from './device.ts';
import { type Dispatcher, MAX_GROUPS } from './dispatch.ts';
import { type Slots, sortSlots, splitSlots, streamSlots, windowSlots } from './network-text.ts';
import { splitShape, streamChunk } from './regimes.ts';
import { own, strideOf, type Tiles } from './tiles.ts';

/** Columns of a workgroup, each of which one invocation owns. */
const COLUMN_GROUP = 64;

/** What a kernel is launched with, besides the tile. */
interface Columns {
  readonly params: readonly number[];
  /** Buffers between the table of starts and the result. */
  readonly extra?: readonly GPUBuffer[];
  /** Rows of the result. Default 1. */
  readonly rows?: number;
  /** Generated texts, and a name for them. */
  readonly slots?: Slots;
  readonly variant?: string;
  readonly constants?: Record<string, number>;
  /** Columns of a workgroup. Default 64. */
  readonly columns?: number;
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
    const factors = await dataBuffer(this.#session, 'weights', weightWords(weights));
    try {
      const params = [x.rows, x.cols, strideOf(x.cols), 0];
      return await this.#run('combine', x, { extra: [factors], params, rows: weights.length });
    } finally {
      factors.destroy();
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
        const slots = windowSlots(rows, from, to);
        return this.#run('rank_mean', x, { params: [rows, cols, from, to, 0], slots, variant });
      }
      case 'stream': {
        const chunk = streamChunk(rows, from, to);
        const slots = streamSlots({ low: from, chunk, high: rows - to });
        const params = [rows, cols, from, to, chunk, 0];
        return this.#run('rank_mean_stream', x, { params, slots, variant });
      }
      case 'split': {
        const shape = splitShape(rows, this.#software);
        const { columns, runs, words } = shape;
        const slots = splitSlots(rows, { ...shape, from, to });
        const constants = { WG_SIZE: columns, RUNS: runs, WORDS: words };
        const params = [rows, cols, from, to, 0];
        return this.#run('rank_mean_split', x, { params, slots, variant, constants, columns });
      }
      default:
        return this.#run('rank_mean_search', x, { params: [rows, cols, from, to, 0] });
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
      const extra = [own(dense).slab.buffer];
      const params = [x.rows, x.cols, count, 0];
      if (regime === 'search') {
        return await this.#run('nearest_mean_search', x, { extra, params });
      }
      const slots = sortSlots(x.rows);
      return await this.#run('nearest_mean', x, { extra, params, slots, variant: `${x.rows}` });
    } finally {
      if (dense !== center) this.#tiles.free(dense);
    }
  }

  async signSum(x: Tile): Promise<Tile> {
    return this.#run('sign_sum', x, { params: [x.rows, x.cols] });
  }

  async deviation(x: Tile): Promise<Tile> {
    return this.#run('deviation', x, { params: [x.rows, x.cols, 0] });
  }

  /** Runs a kernel that makes `rows` rows of `x`'s width, one invocation a column. */
  async #run(
    name: KernelSource['name'],
    x: Tile,
    { params, extra = [], rows = 1, slots, variant, constants, columns = COLUMN_GROUP }: Columns,
  ): Promise<Tile> {
    const out = await this.#tiles.allocate(rows, x.cols);
    const kernel: KernelSource = {
      name,
      bindings: ['read', 'read', ...extra.map(() => 'read' as const), 'write', 'uniform'],
      ...(slots && { slots }),
      ...(variant && { variant }),
      ...(constants && { constants }),
    };
    const groups = Math.ceil(x.cols / columns);
    const across = Math.min(groups, MAX_GROUPS);
    try {
      const table = await this.#tiles.table(x);
      const buffers = [own(x).slab.buffer, table, ...extra, out.slab.buffer];
      const shape = [across, Math.ceil(groups / across), rows] as const;
      await this.#dispatcher.run([{ kernel, buffers, params, groups: shape }]);
      return out;
    } catch (error) {
      this.#tiles.free(out);
      throw error;
    }
  }
}

/** Each weight as the word of its mantissa, in [1, 2), and its exponent. */
function weightWords(weights: Weights): Uint32Array {
  const cols = weights[0]!.length;
  const words = new Uint32Array(2 * weights.length * cols);
  const mantissas = new Float32Array(words.buffer);
  for (const [k, row] of weights.entries()) {
    for (let i = 0; i < cols; i++) {
      const weight = row[i]!;
      if (weight === 0) continue;
      // The logarithm of the largest numbers rounds up to 1024, whose power is infinite.
      const exponent = Math.min(1023, Math.floor(Math.log2(Math.abs(weight))));
      const at = 2 * (k * cols + i);
      mantissas[at] = weight / 2 ** exponent;
      words[at + 1] = exponent;
    }
  }
  return words;
}
