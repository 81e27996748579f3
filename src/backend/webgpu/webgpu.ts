/**
 * The WebGPU backend: every operation on one tile, by the kernel of the same name in shaders/.
 *
 * @module
 */

import type {
  BackendInfo,
  PairBlock,
  RowScreen,
  RowSource,
  Tile,
  TileKernels,
  Weights,
} from '../kernels.ts';
import { networkBody } from '../network.ts';
import { dataBuffer, storageBuffer } from './buffers.ts';
import { type DeviceMaker, type KernelSource, type MadeDevice, Session } from './device.ts';
import { type Binding, Dispatcher, MAX_GROUPS } from './dispatch.ts';
import { RowKernels } from './row-kernels.ts';
import { judge, PROBES, WORDS_PER_PROBE } from './self-test.ts';
import { own, strideOf, Tiles } from './tiles.ts';

/** Rows up to which a column is sorted in registers; above, ranks are searched bit by bit. */
export const MAX_NETWORK_ROWS = 64;
/** Invocations in a workgroup of a column kernel. */
const COLUMN_GROUP = 64;
/** Submissions of a column kernel are multiples of so many columns. */
const PART_COLS = 2 ** 16;
/** About what a column kernel takes for an entry. */
const COLUMN_OPERATIONS = 32;

/** One device and all that works on it. After a loss another takes its place. */
interface Workplace {
  readonly info: BackendInfo;
  readonly owned: boolean;
  readonly session: Session;
  readonly tiles: Tiles;
  readonly dispatcher: Dispatcher;
  readonly rows: RowKernels;
}

function workplaceOn(made: MadeDevice): Workplace {
  const session = new Session(made);
  const owned = made.owned ?? true;
  const dispatcher = new Dispatcher(session);
  const tiles = new Tiles(session, dispatcher, { mapped: owned });
  return {
    info: { name: 'webgpu', adapter: made.description, software: made.software },
    owned,
    session,
    tiles,
    dispatcher,
    rows: new RowKernels(session, { tiles, dispatcher }),
  };
}

/** Every kernel on WebGPU. */
export class WebGpuKernels implements TileKernels {
  readonly #make: DeviceMaker;
  #at: Workplace;

  private constructor(make: DeviceMaker, made: MadeDevice) {
    this.#make = make;
    this.#at = workplaceOn(made);
  }

  /**
   * Makes a device and tests what the kernels take for granted of it.
   *
   * @param observe - Sees the self-test's words before they are judged.
   * @throws {BackendError} `self-test` if the device computes integers wrongly.
   */
  static async create(
    make: DeviceMaker,
    observe: (words: Uint32Array) => void = () => {},
  ): Promise<WebGpuKernels> {
    const kernels = new WebGpuKernels(make, await make());
    await kernels.#selfTest(observe);
    return kernels;
  }

  get info(): BackendInfo {
    return this.#at.info;
  }

  /** The device, for callers whose rows and results stay on it. */
  get device(): GPUDevice {
    return this.#at.session.device;
  }

  /** Whether sums are compensated on this device; the self-test decides. */
  get compensated(): boolean {
    return this.#at.dispatcher.compensated;
  }

  get maxTileBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  readonly shardBytes: number = 2 ** 28;

  /** A device that fails is closed, so that the next call does not meet it. */
  async #selfTest(observe: (words: Uint32Array) => void): Promise<void> {
    const { session, tiles, dispatcher } = this.#at;
    const bytes = 4 * WORDS_PER_PROBE * PROBES.length;
    const bindings = ['read', 'write', 'uniform'] as const;
    const kernel: KernelSource = { name: 'self_test', bindings };
    const buffers: GPUBuffer[] = [];
    try {
      buffers.push(await dataBuffer(session, 'probes', PROBES));
      buffers.push(await storageBuffer(session, 'self-test', bytes));
      await dispatcher.run([{ kernel, buffers, params: [PROBES.length, 0], groups: [1] }]);
      const found = new Uint32Array(bytes / 4);
      const words = await tiles.readback.bring([{ buffer: buffers[1]!, bytes }], found);
      observe(words);
      dispatcher.compensated = judge(words).compensated;
      for (const buffer of buffers) buffer.destroy();
    } catch (error) {
      for (const buffer of buffers) buffer.destroy();
      await this.close();
      throw error;
    }
  }

  // Rows in and out

  upload(rows: readonly RowSource[], from: number, to: number): Promise<Tile> {
    return this.#at.tiles.upload(rows, from, to);
  }
  read(x: Tile): Promise<Float32Array> {
    return this.#at.tiles.read(x);
  }
  copyTo(x: Tile, buffer: GPUBuffer, byteOffset: number): Promise<void> {
    return this.#at.tiles.copyTo(x, buffer, byteOffset);
  }
  select(x: Tile, rows: readonly number[]): Tile {
    return this.#at.tiles.select(x, rows);
  }
  stack(x: Tile, y: Tile): Promise<Tile> {
    return this.#at.tiles.stack(x, y);
  }
  free(x: Tile): void {
    this.#at.tiles.free(x);
  }

  // Row operations

  screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]> {
    return this.#at.rows.screen(x, firstCol, blockCols);
  }
  pairs(x: Tile, blockCols: number): Promise<PairBlock[]> {
    return this.#at.rows.pairs(x, { blockCols, maxBytes: this.maxTileBytes });
  }

  // Column operations

  async combine(weights: Weights, x: Tile): Promise<Tile> {
    const factors = await dataBuffer(this.#at.session, 'weights', weightWords(weights));
    try {
      const params = [x.rows, x.cols, strideOf(x.cols), 0];
      return await this.#columns('combine', x, { extra: [factors], params, rows: weights.length });
    } finally {
      factors.destroy();
    }
  }

  async rankMean(x: Tile, from: number, to: number): Promise<Tile> {
    if (x.rows > MAX_NETWORK_ROWS) {
      return this.#columns('rank_mean_search', x, { params: [x.rows, x.cols, from, to, 0] });
    }
    const network = { rows: x.rows, from, to };
    return this.#columns('rank_mean', x, { params: [x.rows, x.cols, to - from, 0], network });
  }

  async nearestMean(x: Tile, centers: Tile, count: number): Promise<Tile> {
    // A center that is a view need not start its slab; the kernel reads it from 0.
    const whole = own(centers).starts[0] === 0;
    const dense = whole ? centers : await this.#at.tiles.stack(centers);
    try {
      const { buffer: center } = own(dense).slab;
      const params = [x.rows, x.cols, count, 0];
      if (x.rows > MAX_NETWORK_ROWS) {
        return await this.#columns('nearest_mean_search', x, { center, params });
      }
      const network = { rows: x.rows, from: 0, to: x.rows };
      return await this.#columns('nearest_mean', x, { center, params, network });
    } finally {
      if (dense !== centers) this.free(dense);
    }
  }

  async signSum(x: Tile): Promise<Tile> {
    return this.#columns('sign_sum', x, { params: [x.rows, x.cols] });
  }

  async deviation(x: Tile): Promise<Tile> {
    return this.#columns('deviation', x, { params: [x.rows, x.cols, 0] });
  }

  /** Runs a kernel that makes `rows` rows of `x`'s width, one invocation a column. */
  async #columns(
    name: KernelSource['name'],
    x: Tile,
    {
      params,
      extra = [],
      center,
      rows = 1,
      network,
    }: {
      /** The second is the number of columns. */
      params: readonly number[];
      extra?: readonly GPUBuffer[];
      /** One row of as many columns. */
      center?: GPUBuffer;
      rows?: number;
      network?: { rows: number; from: number; to: number };
    },
  ): Promise<Tile> {
    const { tiles, dispatcher } = this.#at;
    const out = await tiles.allocate(rows, x.cols);
    const between = extra.length + Number(center !== undefined);
    const kernel: KernelSource = {
      name,
      bindings: ['read', 'read', ...Array(between).fill('read'), 'write', 'uniform'],
      ...(network && {
        variant: `${network.rows} ${network.from} ${network.to}`,
        slot: networkBody(network.rows, network.from, network.to),
      }),
    };
    try {
      const table = await tiles.table(x);
      const operations = COLUMN_OPERATIONS * x.rows * Math.min(x.cols, PART_COLS);
      const work = { kernel, units: Math.ceil(x.cols / PART_COLS), operations };
      await dispatcher.runInParts(work, (first, count) => {
        const from = first * PART_COLS;
        const cols = Math.min(x.cols - from, count * PART_COLS);
        // A kernel that sees buffers from a later column on works on those columns alone.
        const seen = (buffer: GPUBuffer): Binding => ({ buffer, offset: 4 * from });
        const buffers = [seen(own(x).slab.buffer), table, ...extra, seen(out.slab.buffer)];
        if (center !== undefined) buffers.splice(-1, 0, seen(center));
        const groups = Math.ceil(cols / COLUMN_GROUP);
        const across = Math.min(groups, MAX_GROUPS);
        return {
          buffers,
          params: [params[0]!, cols, ...params.slice(2)],
          groups: [across, Math.ceil(groups / across), rows],
        };
      });
      return out;
    } catch (error) {
      tiles.free(out);
      throw error;
    }
  }

  // Lifetime

  async rebuild(): Promise<void> {
    this.#at = workplaceOn(await this.#make());
    await this.#selfTest(() => {});
  }

  async close(): Promise<void> {
    this.#at.tiles.destroy();
    if (this.#at.owned) this.device.destroy();
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
