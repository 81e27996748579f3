/**
 * The WebGPU backend: every operation on one tile, by the kernel of the same name in shaders/.
 *
 * A tile is a slab in a storage buffer: rows one after the other, padded to whole 256 bytes, found
 * through a small table of starts. So selected rows are a view, and copied rows keep their place.
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
import { isDeviceRow } from '../rows.ts';
import { dataBuffer, Readback, storageBuffer, UploadQueue, uniformBuffer } from './buffers.ts';
import { type DeviceMaker, type KernelSource, type MadeDevice, Session } from './device.ts';
import {
  type BlockPair,
  bytesOf,
  emptyBlock,
  fillBlocks,
  PAIR_TILE,
  type PairGrid,
  type PairPass,
  pairPasses,
  slicesOf,
} from './pair-blocks.ts';
import { judge, PROBES, WORDS_PER_PROBE } from './self-test.ts';
import { shaders } from './shaders.gen.ts';

/** Rows up to which a column is sorted in registers; above, ranks are searched bit by bit. */
export const MAX_NETWORK_ROWS = 64;
/** Columns that one workgroup of `pairs` adds up. */
const SLICE_COLS = 4096;
/** Invocations in a workgroup of a column kernel. */
const COLUMN_GROUP = 64;
/** Rows start at multiples of 256 bytes, so that any row may be bound by itself. */
const ROW_UNIT = 64;
/** Workgroups along one dimension of a dispatch, by default limits. */
const MAX_GROUPS = 65_535;
/** Entries that are read from a row and handed to the queue at once: 4 MiB. */
const UPLOAD_COLS = 2 ** 20;

/** Bytes that one pass of `pairs` may write; they are read back before the next. */
const MAX_PAIR_BYTES = 2 ** 26;

/** A tile on the device. */
interface GpuTile extends Tile {
  readonly slab: Slab;
  /** Where each row starts in the slab, in elements. */
  readonly starts: readonly number[];
  /** The same on the device, once a kernel has asked. */
  table?: GPUBuffer;
}

/** Memory shared by a tile and its views. */
interface Slab {
  readonly buffer: GPUBuffer;
  readonly stride: number;
  /** Tiles that look at it. */
  users: number;
}

interface Launch {
  readonly kernel: KernelSource;
  readonly buffers: readonly GPUBuffer[];
  readonly params: readonly number[];
  readonly groups: readonly [number, number?, number?];
}

/** Every kernel on WebGPU. */
export class WebGpuKernels implements TileKernels {
  readonly #make: DeviceMaker;
  #session: Session;
  #readback: Readback;
  #info: BackendInfo;
  #compensated = true;
  readonly #owned: boolean;

  private constructor(make: DeviceMaker, made: MadeDevice) {
    this.#make = make;
    this.#owned = made.owned ?? true;
    this.#session = new Session(made);
    this.#readback = new Readback(this.#session);
    this.#info = { name: 'webgpu', adapter: made.description, software: made.software };
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
    try {
      await kernels.#selfTest(observe);
    } catch (error) {
      await kernels.close();
      throw error;
    }
    return kernels;
  }

  get info(): BackendInfo {
    return this.#info;
  }

  /** The device, for callers whose rows and results stay on it. */
  get device(): GPUDevice {
    return this.#session.device;
  }

  /** Whether sums are compensated on this device; the self-test decides. */
  get compensated(): boolean {
    return this.#compensated;
  }

  get maxTileBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    return Math.min(maxBufferSize, maxStorageBufferBindingSize);
  }

  async #selfTest(observe: (words: Uint32Array) => void = () => {}): Promise<void> {
    const probes = await dataBuffer(this.#session, 'probes', PROBES);
    const bytes = 4 * WORDS_PER_PROBE * PROBES.length;
    const out = await storageBuffer(this.#session, 'self-test', bytes);
    try {
      const bindings = ['read', 'write', 'uniform'] as const;
      const kernel: KernelSource = { name: 'self_test', bindings };
      const buffers = [probes, out];
      await this.#run([{ kernel, buffers, params: [PROBES.length, 0], groups: [1] }]);
      const words = await this.#readback.words([{ buffer: out, bytes }]);
      observe(words);
      this.#compensated = judge(words).compensated;
    } finally {
      probes.destroy();
      out.destroy();
    }
  }

  // Rows in and out

  async upload(rows: readonly RowSource[], from: number, to: number): Promise<Tile> {
    const tile = await this.#allocate(rows.length, to - from);
    try {
      await this.#copyDeviceRows(tile, rows, from);
      await this.#writeHostRows(tile, rows, from);
      return tile;
    } catch (error) {
      this.free(tile);
      throw error;
    }
  }

  /** Short rows go together: what is between them in the chunk is padding in the slab. */
  async #writeHostRows(tile: GpuTile, rows: readonly RowSource[], from: number): Promise<void> {
    const { stride } = tile.slab;
    const chunk = new Float32Array(Math.min(UPLOAD_COLS, rows.length * stride));
    const queue = new UploadQueue(this.#session, tile.slab.buffer);
    let begin = 0;
    let end = 0;
    for (const [i, row] of rows.entries()) {
      if (isDeviceRow(row)) continue;
      for (let at = 0; at < tile.cols; at += UPLOAD_COLS) {
        const target = tile.starts[i]! + at;
        const length = Math.min(UPLOAD_COLS, tile.cols - at);
        if (target - end >= ROW_UNIT || target + length - begin > chunk.length) {
          await queue.write(begin, chunk.subarray(0, end - begin));
          begin = target;
        }
        const into = chunk.subarray(target - begin, target - begin + length);
        await row.read(from + at, from + at + length, into);
        end = target + length;
      }
    }
    await queue.write(begin, chunk.subarray(0, end - begin));
    await queue.settled();
  }

  async #copyDeviceRows(tile: GpuTile, rows: readonly RowSource[], from: number): Promise<void> {
    if (!rows.some(isDeviceRow)) return;
    await this.#session.guarded('copying rows on the device', () => {
      const encoder = this.device.createCommandEncoder();
      for (const [i, row] of rows.entries()) {
        if (!isDeviceRow(row)) continue;
        const source = (row.byteOffset ?? 0) + 4 * from;
        const target = 4 * tile.starts[i]!;
        encoder.copyBufferToBuffer(row.buffer, source, tile.slab.buffer, target, 4 * tile.cols);
      }
      this.device.queue.submit([encoder.finish()]);
    });
  }

  async read(x: Tile): Promise<Float32Array> {
    const { slab, starts, cols } = own(x);
    const rows = starts.map((start) => ({ buffer: slab.buffer, from: 4 * start, bytes: 4 * cols }));
    return new Float32Array((await this.#readback.words(rows)).buffer);
  }

  async copyTo(x: Tile, buffer: GPUBuffer, byteOffset: number): Promise<void> {
    const { slab, starts, cols } = own(x);
    await this.#session.guarded('copying the result', () => {
      const encoder = this.device.createCommandEncoder();
      encoder.copyBufferToBuffer(slab.buffer, 4 * starts[0]!, buffer, byteOffset, 4 * cols);
      this.device.queue.submit([encoder.finish()]);
    });
  }

  // Column operations

  select(x: Tile, rows: readonly number[]): Tile {
    const { slab, starts, cols } = own(x);
    slab.users++;
    const view: GpuTile = { rows: rows.length, cols, slab, starts: rows.map((i) => starts[i]!) };
    return view;
  }

  async combine(weights: Weights, x: Tile): Promise<Tile> {
    const factors = await dataBuffer(this.#session, 'weights', weightWords(weights));
    try {
      const { stride } = paddedShape(x.cols);
      const params = [x.rows, x.cols, stride, 0];
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

  async nearestMean(x: Tile, center: Tile, count: number): Promise<Tile> {
    const centers = own(center);
    // A center that is a view need not start its slab; the kernel reads it from 0.
    const dense = centers.starts[0] === 0 ? center : await this.stack(center);
    try {
      const extra = [own(dense).slab.buffer];
      const params = [x.rows, x.cols, count, 0];
      if (x.rows > MAX_NETWORK_ROWS) {
        return await this.#columns('nearest_mean_search', x, { extra, params });
      }
      const network = { rows: x.rows, from: 0, to: x.rows };
      return await this.#columns('nearest_mean', x, { extra, params, network });
    } finally {
      if (dense !== center) this.free(dense);
    }
  }

  async signSum(x: Tile): Promise<Tile> {
    return this.#columns('sign_sum', x, { params: [x.rows, x.cols] });
  }

  async deviation(x: Tile): Promise<Tile> {
    return this.#columns('deviation', x, { params: [x.rows, x.cols, 0] });
  }

  async stack(...parts: Tile[]): Promise<Tile> {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const tile = await this.#allocate(rows, parts[0]!.cols);
    try {
      await this.#session.guarded('stacking rows', () => {
        const encoder = this.device.createCommandEncoder();
        const target = tile.slab.buffer;
        let row = 0;
        for (const { slab, starts } of parts.map(own)) {
          for (const start of starts) {
            const bytes = 4 * tile.cols;
            encoder.copyBufferToBuffer(
              slab.buffer,
              4 * start,
              target,
              4 * tile.starts[row++]!,
              bytes,
            );
          }
        }
        this.device.queue.submit([encoder.finish()]);
      });
      return tile;
    } catch (error) {
      this.free(tile);
      throw error;
    }
  }

  /** Runs a kernel that makes `rows` rows of `x`'s width, one invocation a column. */
  async #columns(
    name: KernelSource['name'],
    x: Tile,
    {
      params,
      extra = [],
      rows = 1,
      network,
    }: {
      params: readonly number[];
      extra?: readonly GPUBuffer[];
      rows?: number;
      network?: { rows: number; from: number; to: number };
    },
  ): Promise<Tile> {
    const out = await this.#allocate(rows, x.cols);
    const kernel: KernelSource = {
      name,
      bindings: ['read', 'read', ...extra.map(() => 'read' as const), 'write', 'uniform'],
      ...(network && {
        variant: `${network.rows} ${network.from} ${network.to}`,
        slot: networkBody(network.rows, network.from, network.to),
      }),
    };
    const groups = Math.ceil(x.cols / COLUMN_GROUP);
    const across = Math.min(groups, MAX_GROUPS);
    try {
      const table = await this.#table(x);
      const buffers = [own(x).slab.buffer, table, ...extra, out.slab.buffer];
      const shape = [across, Math.ceil(groups / across), rows] as const;
      await this.#run([{ kernel, buffers, params, groups: shape }]);
      return out;
    } catch (error) {
      this.free(out);
      throw error;
    }
  }

  // Row operations

  async screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]> {
    const blocks = Math.ceil(x.cols / blockCols);
    const bytes = 8 * blocks * x.rows;
    const scratch = await this.#scratch({ screen: bytes, norms: bytes, fingerprints: bytes });
    const [screen, norms, prints] = scratch as [GPUBuffer, GPUBuffer, GPUBuffer];
    try {
      const rows = [own(x).slab.buffer, await this.#table(x)];
      const groups = [x.rows, blocks] as const;
      await this.#run([
        await this.#screenLaunch(x, blockCols, screen),
        {
          kernel: { name: 'squared_norms', bindings: ['read', 'read', 'read', 'write', 'uniform'] },
          buffers: [...rows, screen, norms],
          params: [x.rows, x.cols, blockCols, 0],
          groups,
        },
        {
          kernel: { name: 'fingerprint', bindings: ['read', 'read', 'write', 'uniform'] },
          buffers: [...rows, prints],
          params: [x.rows, x.cols, blockCols, firstCol],
          groups,
        },
      ]);
      const words = await this.#readback.words(scratch.map((buffer) => ({ buffer, bytes })));
      return Array.from({ length: blocks }, (_, block) => screenOf(words, x.rows, block, blocks));
    } finally {
      for (const buffer of scratch) buffer.destroy();
    }
  }

  async pairs(x: Tile, blockCols: number): Promise<PairBlock[]> {
    const grid = pairGrid(x, blockCols);
    const blocks = Array.from({ length: grid.blocks }, () => emptyBlock(grid));
    const lost: BlockPair[] = [];
    let prints: BigUint64Array[] | undefined;
    const [screen] = (await this.#scratch({ screen: screenBytes(grid) })) as [GPUBuffer];
    try {
      const bytes = Math.min(MAX_PAIR_BYTES, this.maxTileBytes);
      await this.#run([await this.#screenLaunch(x, blockCols, screen)]);
      for (const pass of pairPasses(grid, { bytes, groups: MAX_GROUPS })) {
        const words = await this.#pairSums(x, screen, { grid, pass });
        for (const pair of fillBlocks(words, { grid, pass, blocks })) {
          // Colluders who send equal rows are told from near ones by content, and cost no more.
          prints ??= (await this.screen(x, 0, blockCols)).map(({ fingerprints }) => fingerprints);
          const { block, i, j } = pair;
          if (prints[block]![i] !== prints[block]![j]) lost.push(pair);
        }
      }
    } finally {
      screen.destroy();
    }
    await this.#repair(x, { blocks, lost, blockCols });
    return blocks;
  }

  /** The words of the screen followed by those of the pass. */
  async #pairSums(
    x: Tile,
    screen: GPUBuffer,
    { grid, pass }: { grid: PairGrid; pass: PairPass },
  ): Promise<Uint32Array> {
    const bytes = bytesOf(pass, grid);
    const [sums] = (await this.#scratch({ pairs: bytes })) as [GPUBuffer];
    try {
      const { blockCols, sliceCols, slicesPerBlock, tilesPerSide } = grid;
      const slices = slicesOf(pass, grid);
      const shape = [x.rows, x.cols, blockCols, sliceCols, slicesPerBlock, tilesPerSide];
      await this.#run([
        {
          kernel: { name: 'pairs', bindings: ['read', 'read', 'read', 'write', 'uniform'] },
          buffers: [own(x).slab.buffer, await this.#table(x), screen, sums],
          params: [...shape, slices.first, pass.firstTile, 0],
          groups: [pass.tiles, slices.count],
        },
      ]);
      return await this.#readback.words([
        { buffer: screen, bytes: screenBytes(grid) },
        { buffer: sums, bytes },
      ]);
    } finally {
      sums.destroy();
    }
  }

  /** Computes on the CPU, in f64, the distances that may have vanished between scaled rows. */
  async #repair(
    x: Tile,
    { blocks, lost, blockCols }: { blocks: PairBlock[]; lost: BlockPair[]; blockCols: number },
  ): Promise<void> {
    const { slab, starts } = own(x);
    for (const [block, { squaredDistances }] of blocks.entries()) {
      const pairs = lost.filter((pair) => pair.block === block);
      if (pairs.length === 0) continue;
      const from = block * blockCols;
      const bytes = 4 * Math.min(blockCols, x.cols - from);
      const rows = [...new Set(pairs.flatMap(({ i, j }) => [i, j]))];
      const parts = rows.map((row) => {
        return { buffer: slab.buffer, from: 4 * (starts[row]! + from), bytes };
      });
      const { buffer } = await this.#readback.words(parts);
      const home = new Map(
        rows.map((row, k) => [row, new Float32Array(buffer, k * bytes, bytes / 4)]),
      );
      for (const { i, j } of pairs) {
        const distance = squaredDistance(home.get(i)!, home.get(j)!);
        squaredDistances[i * x.rows + j] = squaredDistances[j * x.rows + i] = distance;
      }
    }
  }

  async #screenLaunch(x: Tile, blockCols: number, screen: GPUBuffer): Promise<Launch> {
    return {
      kernel: { name: 'count_non_finite', bindings: ['read', 'read', 'write', 'uniform'] },
      buffers: [own(x).slab.buffer, await this.#table(x), screen],
      params: [x.rows, x.cols, blockCols],
      groups: [x.rows, Math.ceil(x.cols / blockCols)],
    };
  }

  // Launching

  /** Runs kernels one after the other in one submission. */
  async #run(launches: readonly Launch[]): Promise<void> {
    const session = this.#session;
    const compiled = await Promise.all(
      launches.map(({ kernel }) => session.pipeline(this.#withConstants(kernel))),
    );
    const uniforms: GPUBuffer[] = [];
    const what = launches.map(({ kernel }) => kernel.name).join(', ');
    try {
      await session.guarded(what, () => {
        const encoder = session.device.createCommandEncoder({ label: what });
        const pass = encoder.beginComputePass({ label: what });
        for (const [k, { buffers, params, groups }] of launches.entries()) {
          const { pipeline, layout } = compiled[k]!;
          const uniform = uniformBuffer(session.device, params);
          uniforms.push(uniform);
          const entries = [...buffers, uniform].map((buffer, binding) => ({
            binding,
            resource: { buffer },
          }));
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, session.device.createBindGroup({ label: what, layout, entries }));
          pass.dispatchWorkgroups(...groups);
        }
        pass.end();
        session.device.queue.submit([encoder.finish()]);
      });
    } finally {
      for (const uniform of uniforms) uniform.destroy();
    }
  }

  #withConstants(kernel: KernelSource): KernelSource {
    const adds = shaders[kernel.name].includes('override compensated');
    if (this.#compensated || !adds) return kernel;
    return { ...kernel, constants: { compensated: 0 } };
  }

  // Memory

  async #allocate(rows: number, cols: number): Promise<GpuTile> {
    const { stride } = paddedShape(cols);
    const buffer = await storageBuffer(this.#session, `${rows}×${cols} tile`, 4 * rows * stride);
    const starts = Array.from({ length: rows }, (_, i) => i * stride);
    return { rows, cols, slab: { buffer, stride, users: 1 }, starts };
  }

  /** Storage buffers of so many bytes each: all of them, or none. */
  async #scratch(bytes: Readonly<Record<string, number>>): Promise<GPUBuffer[]> {
    const made = await Promise.allSettled(
      Object.entries(bytes).map(([label, size]) => storageBuffer(this.#session, label, size)),
    );
    const buffers = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failure = made.find((one) => one.status === 'rejected');
    if (failure === undefined) return buffers;
    for (const buffer of buffers) buffer.destroy();
    throw failure.reason;
  }

  async #table(x: Tile): Promise<GPUBuffer> {
    const tile = own(x);
    tile.table ??= await dataBuffer(this.#session, 'starts', Uint32Array.from(tile.starts));
    return tile.table;
  }

  free(x: Tile): void {
    const tile = own(x);
    tile.table?.destroy();
    tile.slab.users--;
    if (tile.slab.users === 0) tile.slab.buffer.destroy();
  }

  async rebuild(): Promise<void> {
    const made = await this.#make();
    this.#session = new Session(made);
    this.#readback = new Readback(this.#session);
    this.#info = { name: 'webgpu', adapter: made.description, software: made.software };
    try {
      await this.#selfTest();
    } catch (error) {
      // A device that failed is not to be met by the next call.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#readback.destroy();
    if (this.#owned) this.device.destroy();
  }
}

function own(x: Tile): GpuTile {
  return x as GpuTile;
}

function paddedShape(cols: number): { stride: number } {
  return { stride: Math.ceil(cols / ROW_UNIT) * ROW_UNIT };
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

function screenOf(words: Uint32Array, rows: number, block: number, blocks: number): RowScreen {
  const floats = new Float32Array(words.buffer);
  const nonFinite = new Uint32Array(rows);
  const squaredNorms = new Float64Array(rows);
  const prints = new Uint32Array(2 * rows);
  for (let i = 0; i < rows; i++) {
    const cell = 2 * (block * rows + i);
    const norm = 2 * blocks * rows + cell;
    const print = 4 * blocks * rows + cell;
    nonFinite[i] = words[cell]!;
    const exponent = words[cell + 1]! | 0;
    const sum = floats[norm]! + floats[norm + 1]!;
    const squares = sum === 0 ? 0 : sum * 4 ** exponent;
    squaredNorms[i] = nonFinite[i]! > 0 ? Number.POSITIVE_INFINITY : squares;
    prints.set([words[print]!, words[print + 1]!], 2 * i);
  }
  return { nonFinite, squaredNorms, fingerprints: new BigUint64Array(prints.buffer) };
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j]! - b[j]!) ** 2;
  return sum;
}

/** Bytes of the count and the exponent of each row in each block. */
function screenBytes({ blocks, rows }: PairGrid): number {
  return 8 * blocks * rows;
}

function pairGrid(x: Tile, blockCols: number): PairGrid {
  const sliceCols = Math.min(SLICE_COLS, blockCols);
  const slicesPerBlock = Math.ceil(blockCols / sliceCols);
  const tilesPerSide = Math.ceil(x.rows / PAIR_TILE);
  // Blocks are whole numbers of slices, and only the last block is cut short.
  const slices = Math.ceil(x.cols / sliceCols);
  return {
    rows: x.rows,
    blockCols,
    blocks: Math.ceil(x.cols / blockCols),
    sliceCols,
    slicesPerBlock,
    slices,
    tilesPerSide,
    tiles: (tilesPerSide * (tilesPerSide + 1)) / 2,
  };
}
