/**
 * The WebGPU backend: every operation on one tile, by the kernel of the same name in shaders/.
 *
 * @module
 */

import { assertOneOf } from '../../core/assert.ts';
import type {
  BackendInfo,
  ExtraOperation,
  LatticeNoise,
  PairBlock,
  Place,
  Regime,
  RowScreen,
  RowSource,
  Tile,
  TileKernels,
  Weights,
  Work,
} from '../kernels.ts';
import { rowSumProgram } from '../row-sums.ts';
import { dataBuffer, storageBuffer } from './buffers.ts';
import { ColumnKernels } from './column-kernels.ts';
import { type DeviceMaker, type KernelSource, type MadeDevice, Session } from './device.ts';
import { Dispatcher } from './dispatch.ts';
import { REGIMES, regimeFor } from './regimes.ts';
import { RowKernels } from './row-kernels.ts';
import { judge, PROBES, WORDS_PER_PROBE } from './self-test.ts';
import { Tiles } from './tiles.ts';
import { squaredDistances } from './word-distances.ts';

/** Settings of the kernels. */
export interface WebGpuOptions {
  /** Forces how order statistics are computed, wherever that way can do the work. */
  readonly regime?: Regime | undefined;
  /** Sees the self-test's words before they are judged. */
  readonly observe?: (words: Uint32Array) => void;
}

/** What works on one device, for operations that bring their kernels. */
export interface GpuTools {
  readonly info: BackendInfo;
  readonly session: Session;
  readonly tiles: Tiles;
  readonly dispatcher: Dispatcher;
  readonly columns: ColumnKernels;
}

/** One device and all that works on it. After a loss another takes its place. */
interface Workplace extends GpuTools {
  readonly owned: boolean;
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
    columns: new ColumnKernels(session, { tiles, dispatcher, software: made.software }),
  };
}

/** Every kernel on WebGPU. */
export class WebGpuKernels implements TileKernels {
  readonly #make: DeviceMaker;
  readonly #forced: Regime | undefined;
  #at: Workplace;

  private constructor(make: DeviceMaker, made: MadeDevice, forced: Regime | undefined) {
    this.#make = make;
    this.#forced = forced;
    this.#at = workplaceOn(made);
  }

  /**
   * Makes a device and tests what the kernels take for granted of it.
   *
   * @throws {RangeError} if `regime` is none of them.
   * @throws {BackendError} `self-test` if the device computes integers wrongly.
   */
  static async create(
    make: DeviceMaker,
    { regime, observe = () => {} }: WebGpuOptions = {},
  ): Promise<WebGpuKernels> {
    if (regime !== undefined) assertOneOf('regime', regime, REGIMES);
    const kernels = new WebGpuKernels(make, await make(), regime);
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
  squaredDistances(x: Tile, blockCols: number): Promise<Float64Array[]> {
    return squaredDistances(x, { blockCols, maxBytes: this.maxTileBytes, at: this.#at });
  }

  // Column operations

  regimeOf(work: Work): Regime {
    return regimeFor(work, { software: this.info.software, forced: this.#forced });
  }
  combine(weights: Weights, x: Tile): Promise<Tile> {
    return this.#at.columns.combine(weights, x);
  }
  rankMean(x: Tile, from: number, to: number): Promise<Tile> {
    const regime = this.regimeOf({ op: 'rankMean', rows: x.rows, from, to });
    return this.#at.columns.rankMean(x, { from, to, regime });
  }
  nearestMean(x: Tile, center: Tile, count: number): Promise<Tile> {
    const regime = this.regimeOf({ op: 'nearestMean', rows: x.rows, count });
    return this.#at.columns.nearestMean(x, { center, count, regime });
  }
  signSum(x: Tile): Promise<Tile> {
    return this.#at.columns.signSum(x);
  }
  deviation(x: Tile): Promise<Tile> {
    return this.#at.columns.deviation(x);
  }

  addLatticeNoise(x: Tile, noise: LatticeNoise, firstCol: number): Promise<Tile> {
    return this.#at.columns.addLatticeNoise(x, noise, firstCol);
  }
  extra(operation: ExtraOperation, x: Tile, place: Place): Promise<Tile> {
    const { webgpu } = operation as { webgpu(x: Tile, place: Place, at: GpuTools): Promise<Tile> };
    return webgpu(x, place, this.#at);
  }
  async sumRows(x: Tile, groups: readonly (readonly number[])[]): Promise<Tile> {
    const { used, ...sums } = rowSumProgram(groups);
    if (used.length === x.rows) return this.#at.columns.sumRows(x, sums);
    const view = this.select(x, used);
    try {
      return await this.#at.columns.sumRows(view, sums);
    } finally {
      this.free(view);
    }
  }
  rankSum(x: Tile, from: number, to: number): Promise<Tile> {
    const regime = this.regimeOf({ op: 'rankMean', rows: x.rows, from, to });
    return this.#at.columns.rankSum(x, { from, to, regime });
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
