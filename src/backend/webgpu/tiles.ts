/**
 * Tiles on a device: made, filled, viewed, copied, brought home, freed.
 *
 * A tile is a slab in a storage buffer: rows one after the other, padded to whole 256 bytes, found
 * through a small table of starts. So selected rows are a view, and copied rows keep their place.
 *
 * @module
 */

import type { HostRow, RowSource, Tile } from '../kernels.ts';
import { isDeviceRow } from '../rows.ts';
import { dataBuffer, storageBuffer } from './buffers.ts';
import type { Session } from './device.ts';
import type { Dispatcher } from './dispatch.ts';
import { Readback } from './readback.ts';
import { type Piece, Staging } from './staging.ts';

/** Rows start at multiples of 256 bytes, so that any row may be bound by itself. */
const ROW_UNIT = 64;
/** Slabs of so many bytes are kept when they are freed: making and clearing them takes long. */
const LARGE_SLAB_BYTES = 2 ** 24;
/** How many: a tile's and a result's. */
const SPARE_SLABS = 2;
/** Words of a result that are kept to be filled again: 64 MiB. */
const KEPT_WORDS = 2 ** 24;
/** Invocations of `widen` in a workgroup, four entries each. */
const WIDEN_ENTRIES = 4 * 256;

/** A tile on the device. */
export interface GpuTile extends Tile {
  readonly slab: Slab;
  /** Where each row starts in the slab, in elements. */
  readonly starts: readonly number[];
  /** The same on the device, once a kernel has asked. */
  table?: GPUBuffer;
}

/** Memory shared by a tile and its views. */
export interface Slab {
  readonly buffer: GPUBuffer;
  readonly stride: number;
  /** Tiles that look at it. */
  users: number;
  /** What a screen found, for whoever asks next. */
  looks?: Looks;
}

/** Words that `screen` wrote of rows of a slab, by where they start. Slabs do not change. */
export interface Looks {
  readonly firstCol: number;
  readonly blockCols: number;
  readonly byStart: Map<number, Uint32Array>;
}

/** Rows, or parts of rows, that lie one after the other in the slab and are written at once. */
interface Stretch {
  readonly format: 'f32' | 'f16' | 'bf16';
  /** Entries [begin, end) of the slab. */
  readonly begin: number;
  end: number;
  readonly parts: { row: HostRow; from: number; at: number; length: number }[];
}

/** The tiles of one device. */
export class Tiles {
  readonly readback: Readback;
  readonly #session: Session;
  readonly #dispatcher: Dispatcher;
  readonly #staging: Staging;
  /**
   * Freed slabs for the next shard, which has mostly the same shape. Any other allocation frees
   * them, so that there is never more on the device than was in use at once.
   */
  #spares: GPUBuffer[] = [];
  /** Where results come home, in turns. */
  #homes: [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>] = [
    new Uint32Array(0),
    new Uint32Array(0),
  ];

  /** @param mapped - Whether rows are read into mapped memory; not on a device of the caller's. */
  constructor(session: Session, dispatcher: Dispatcher, { mapped }: { mapped: boolean }) {
    this.#session = session;
    this.#dispatcher = dispatcher;
    this.#staging = new Staging(session, { mapped });
    this.readback = new Readback(session);
  }

  /** An empty tile. */
  async allocate(rows: number, cols: number): Promise<GpuTile> {
    const stride = strideOf(cols);
    const buffer = await this.#slab(`${rows}×${cols} tile`, 4 * rows * stride);
    const starts = Array.from({ length: rows }, (_, i) => i * stride);
    return { rows, cols, slab: { buffer, stride, users: 1 }, starts };
  }

  async #slab(label: string, bytes: number): Promise<GPUBuffer> {
    const at = this.#spares.findIndex(({ size }) => size === bytes);
    if (at >= 0) return this.#spares.splice(at, 1)[0]!;
    if (this.#spares.length > 0) {
      this.#dropSpares();
      // Memory of a buffer that was destroyed is there again once the queue has come past it.
      const { queue } = this.#session.device;
      queue.submit([]);
      await this.#session.settled(queue.onSubmittedWorkDone(), `allocating ${label}`);
    }
    return storageBuffer(this.#session, label, bytes);
  }

  #dropSpares(): void {
    for (const buffer of this.#spares.splice(0)) buffer.destroy();
  }

  /** Columns [from, to) of the rows. Uploads may overlap, and other work with them. */
  async upload(rows: readonly RowSource[], from: number, to: number): Promise<GpuTile> {
    const tile = await this.allocate(rows.length, to - from);
    try {
      await this.#copyDeviceRows(tile, rows, from);
      await this.#writeHostRows(tile, rows, from);
      return tile;
    } catch (error) {
      this.free(tile);
      throw error;
    }
  }

  /** As many stretches at once as there is staging memory. */
  async #writeHostRows(tile: GpuTile, rows: readonly RowSource[], from: number): Promise<void> {
    const writes: Promise<void>[] = [];
    let failure: { error: unknown } | undefined;
    try {
      for (const stretch of stretchesOf(tile, { rows, from, bytes: this.#staging.pieceBytes })) {
        const piece = await this.#staging.borrow(bytesOf(stretch));
        const write = this.#write(tile, stretch, piece).catch((error: unknown) => {
          failure ??= { error };
        });
        writes.push(write);
        if (failure !== undefined) break;
      }
    } finally {
      await Promise.all(writes);
    }
    if (failure !== undefined) throw failure.error;
  }

  async #write(tile: GpuTile, stretch: Stretch, piece: Piece): Promise<void> {
    try {
      for (const part of stretch.parts) await readPart(stretch, part, piece.memory);
    } catch (error) {
      piece.drop();
      // A lost device takes mapped memory with it; its loss is announced a little later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.#session.assertAlive();
      throw error;
    }
    const { buffer } = tile.slab;
    if (stretch.format === 'f32') return piece.send(buffer, 4 * stretch.begin);
    return this.#widen(buffer, stretch, piece);
  }

  /** Halves cross to the device as they are, and become f32 there. */
  async #widen(slab: GPUBuffer, stretch: Stretch, piece: Piece): Promise<void> {
    const { begin, end, format } = stretch;
    let halves: GPUBuffer;
    try {
      halves = await storageBuffer(this.#session, 'halves', bytesOf(stretch));
    } catch (error) {
      piece.drop();
      throw error;
    }
    try {
      await piece.send(halves, 0);
      const quads = Math.ceil((end - begin) / 4);
      await this.#dispatcher.run([
        {
          kernel: { name: 'widen', bindings: ['read', 'write', 'uniform'] },
          buffers: [halves, slab],
          params: [begin / 4, quads, Number(format === 'bf16')],
          groups: [Math.ceil((4 * quads) / WIDEN_ENTRIES)],
        },
      ]);
    } finally {
      halves.destroy();
    }
  }

  async #copyDeviceRows(tile: GpuTile, rows: readonly RowSource[], from: number): Promise<void> {
    if (!rows.some(isDeviceRow)) return;
    await this.#session.guarded('copying rows on the device', () => {
      const encoder = this.#session.device.createCommandEncoder();
      for (const [i, row] of rows.entries()) {
        if (!isDeviceRow(row)) continue;
        const source = (row.byteOffset ?? 0) + 4 * from;
        const target = 4 * tile.starts[i]!;
        encoder.copyBufferToBuffer(row.buffer, source, tile.slab.buffer, target, 4 * tile.cols);
      }
      this.#session.device.queue.submit([encoder.finish()]);
    });
  }

  /** Brings a tile home, row-major, into an array that serves again after the next one. */
  async read(x: Tile): Promise<Float32Array> {
    const { slab, starts, cols } = own(x);
    const rows = starts.map((start) => ({ buffer: slab.buffer, from: 4 * start, bytes: 4 * cols }));
    const words = x.rows * cols;
    const home = await this.readback.bring(rows, this.#home(words));
    return new Float32Array(home.buffer, 0, words);
  }

  #home(words: number): Uint32Array<ArrayBuffer> {
    const [next, last] = this.#homes;
    const home = next.length < words ? new Uint32Array(words) : next;
    this.#homes = [last, home.length > KEPT_WORDS ? new Uint32Array(0) : home];
    return home;
  }

  /** Copies the one row of the tile to `byteOffset` of a buffer of the same device. */
  async copyTo(x: Tile, buffer: GPUBuffer, byteOffset: number): Promise<void> {
    const { slab, starts, cols } = own(x);
    await this.#session.guarded('copying the result', () => {
      const encoder = this.#session.device.createCommandEncoder();
      encoder.copyBufferToBuffer(slab.buffer, 4 * starts[0]!, buffer, byteOffset, 4 * cols);
      this.#session.device.queue.submit([encoder.finish()]);
    });
  }

  /** A view: shares the slab. */
  select(x: Tile, rows: readonly number[]): GpuTile {
    const { slab, starts, cols } = own(x);
    slab.users++;
    return { rows: rows.length, cols, slab, starts: rows.map((i) => starts[i]!) };
  }

  /** The rows of all parts in a tile of their own. */
  async stack(...parts: readonly Tile[]): Promise<GpuTile> {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const tile = await this.allocate(rows, parts[0]!.cols);
    try {
      await this.#session.guarded('stacking rows', () => {
        const encoder = this.#session.device.createCommandEncoder();
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
        this.#session.device.queue.submit([encoder.finish()]);
      });
      return tile;
    } catch (error) {
      this.free(tile);
      throw error;
    }
  }

  /** Storage buffers of so many bytes each: all of them, or none. */
  async scratch(bytes: Readonly<Record<string, number>>): Promise<GPUBuffer[]> {
    const made = await Promise.allSettled(
      Object.entries(bytes).map(([label, size]) => storageBuffer(this.#session, label, size)),
    );
    const buffers = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failure = made.find((one) => one.status === 'rejected');
    if (failure === undefined) return buffers;
    for (const buffer of buffers) buffer.destroy();
    throw failure.reason;
  }

  /** Where the rows start, for kernels. */
  async table(x: Tile): Promise<GPUBuffer> {
    const tile = own(x);
    tile.table ??= await dataBuffer(this.#session, 'starts', Uint32Array.from(tile.starts));
    return tile.table;
  }

  /** Frees what is kept between calls. */
  destroy(): void {
    this.#dropSpares();
    this.#staging.destroy();
    this.readback.destroy();
  }

  /** Frees a tile; its slab becomes free with the last that looks at it. */
  free(x: Tile): void {
    const tile = own(x);
    tile.table?.destroy();
    tile.slab.users--;
    if (tile.slab.users > 0) return;
    const { buffer } = tile.slab;
    if (buffer.size < LARGE_SLAB_BYTES || this.#spares.length === SPARE_SLABS) buffer.destroy();
    else this.#spares.push(buffer);
  }
}

/** A tile of this backend's own. */
export function own(x: Tile): GpuTile {
  return x as GpuTile;
}

/** The distance between rows of so many entries, in entries. */
export function strideOf(cols: number): number {
  return Math.ceil(cols / ROW_UNIT) * ROW_UNIT;
}

/** What of the rows lies in memory, in stretches of at most so many bytes. */
function* stretchesOf(
  tile: GpuTile,
  { rows, from, bytes }: { rows: readonly RowSource[]; from: number; bytes: number },
): Generator<Stretch> {
  let stretch: Stretch | undefined;
  for (const [i, row] of rows.entries()) {
    if (isDeviceRow(row)) continue;
    const format = row.half?.format ?? 'f32';
    const most = bytes / (format === 'f32' ? 4 : 2);
    for (let at = 0; at < tile.cols; at += most) {
      const begin = tile.starts[i]! + at;
      const length = Math.min(most, tile.cols - at);
      // Short rows go together: what is between them is padding in the slab.
      const joins =
        stretch?.format === format &&
        begin - stretch.end < ROW_UNIT &&
        begin + length - stretch.begin <= most;
      if (stretch === undefined || !joins) {
        if (stretch !== undefined) yield stretch;
        stretch = { format, begin, end: begin, parts: [] };
      }
      stretch.parts.push({ row, from: from + at, at: begin - stretch.begin, length });
      stretch.end = begin + length;
    }
  }
  if (stretch !== undefined) yield stretch;
}

/** A whole number of words. */
function bytesOf({ format, begin, end }: Stretch): number {
  return format === 'f32' ? 4 * (end - begin) : 4 * Math.ceil((end - begin) / 2);
}

async function readPart(
  { format }: Stretch,
  { row, from, at, length }: Stretch['parts'][number],
  memory: ArrayBuffer,
): Promise<void> {
  const to = from + length;
  if (format === 'f32') await row.read(from, to, new Float32Array(memory, 4 * at, length));
  else await row.half!.read(from, to, new Uint16Array(memory, 2 * at, length));
}
