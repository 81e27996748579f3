/**
 * Tiles on a device: made, filled, viewed, copied, brought home, freed.
 *
 * A tile is a slab in a storage buffer: rows one after the other, padded to whole 256 bytes, found
 * through a small table of starts. So selected rows are a view, and copied rows keep their place.
 *
 * @module
 */

import type { RowSource, Tile } from '../kernels.ts';
import { isDeviceRow } from '../rows.ts';
import { dataBuffer, Readback, storageBuffer, UploadQueue } from './buffers.ts';
import type { Session } from './device.ts';

/** Rows start at multiples of 256 bytes, so that any row may be bound by itself. */
const ROW_UNIT = 64;
/** Entries that are read from a row and handed to the queue at once: 4 MiB. */
const UPLOAD_COLS = 2 ** 20;

/** A tile on the device. */
export interface GpuTile extends Tile {
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

/** The tiles of one device. */
export class Tiles {
  readonly readback: Readback;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    this.readback = new Readback(session);
  }

  /** An empty tile. */
  async allocate(rows: number, cols: number): Promise<GpuTile> {
    const stride = strideOf(cols);
    const buffer = await storageBuffer(this.#session, `${rows}×${cols} tile`, 4 * rows * stride);
    const starts = Array.from({ length: rows }, (_, i) => i * stride);
    return { rows, cols, slab: { buffer, stride, users: 1 }, starts };
  }

  /** Columns [from, to) of the rows. */
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

  /** Brings a tile home, row-major. */
  async read(x: Tile): Promise<Float32Array> {
    const { slab, starts, cols } = own(x);
    const rows = starts.map((start) => ({ buffer: slab.buffer, from: 4 * start, bytes: 4 * cols }));
    return new Float32Array((await this.readback.words(rows)).buffer);
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

  /** Frees a tile; its slab goes with the last that looks at it. */
  free(x: Tile): void {
    const tile = own(x);
    tile.table?.destroy();
    tile.slab.users--;
    if (tile.slab.users === 0) tile.slab.buffer.destroy();
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
