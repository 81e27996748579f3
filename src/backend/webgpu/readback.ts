/**
 * The way home: ranges of buffers, through two mapped buffers of bounded size that take turns.
 *
 * @module
 */

import { bufferBytes } from './buffers.ts';
import type { Session } from './device.ts';
import { Pool } from './pool.ts';

// The values of GPUBufferUsage and GPUMapMode, which are globals only where WebGPU is one.
const MAP_READ = 0x0001;
const COPY_DST = 0x0008;
const READ = 0x0001;

/** Bytes that one mapped buffer takes at most; more come home in turns. */
const PIECE_BYTES = 2 ** 24;

/** A range of a buffer, in bytes; multiples of 4. */
export interface Range {
  readonly buffer: GPUBuffer;
  /** Default 0. */
  readonly from?: number;
  readonly bytes: number;
}

interface Slot {
  buffer?: GPUBuffer;
}

/** Brings ranges of buffers home. Calls may overlap. */
export class Readback {
  readonly #session: Session;
  readonly #slots: readonly Slot[] = [{}, {}];
  readonly #pool: Pool<Slot> = new Pool(this.#slots);

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Fills `home` with the ranges, one after the other. They must not change before the promise is
   * settled.
   *
   * @returns `home`, which a caller does well to use again: fresh memory costs more than the copy.
   */
  async bring<T extends Uint32Array>(ranges: readonly Range[], home: T): Promise<T> {
    const pieces: Promise<void>[] = [];
    try {
      let at = 0;
      for (const piece of piecesOf(ranges)) {
        const into = home.subarray(at / 4);
        // While one piece is copied out of its buffer, the device fills the other.
        const coming = this.#bringPiece(await this.#pool.take(), piece, into);
        coming.catch(() => {});
        pieces.push(coming);
        at += bytesOf(piece);
      }
    } finally {
      await Promise.allSettled(pieces);
    }
    await Promise.all(pieces);
    return home;
  }

  async #bringPiece(slot: Slot, ranges: readonly Range[], into: Uint32Array): Promise<void> {
    const session = this.#session;
    const bytes = bytesOf(ranges);
    try {
      const staging = await this.#bufferOf(slot, bytes);
      await session.guarded('reading back', () => {
        const encoder = session.device.createCommandEncoder();
        let at = 0;
        for (const { buffer, from = 0, bytes } of ranges) {
          encoder.copyBufferToBuffer(buffer, from, staging, at, bytes);
          at += bytes;
        }
        session.device.queue.submit([encoder.finish()]);
      });
      await session.settled(staging.mapAsync(READ, 0, bytes), 'reading back');
      try {
        into.set(new Uint32Array(staging.getMappedRange(0, bytes)));
      } finally {
        staging.unmap();
      }
    } finally {
      this.#pool.give(slot);
    }
  }

  async #bufferOf(slot: Slot, bytes: number): Promise<GPUBuffer> {
    if (slot.buffer !== undefined && slot.buffer.size >= bytes) return slot.buffer;
    slot.buffer?.destroy();
    delete slot.buffer;
    const size = bufferBytes(2 ** Math.ceil(Math.log2(bytes)));
    slot.buffer = await this.#session.guarded(`allocating ${size} bytes to read back`, () =>
      this.#session.device.createBuffer({ label: 'read back', size, usage: MAP_READ | COPY_DST }),
    );
    return slot.buffer;
  }

  destroy(): void {
    for (const { buffer } of this.#slots) buffer?.destroy();
  }
}

function bytesOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The ranges in order, cut where a piece is full. */
function* piecesOf(ranges: readonly Range[]): Generator<Range[]> {
  let piece: Range[] = [];
  let room = PIECE_BYTES;
  for (const { buffer, from = 0, bytes } of ranges) {
    for (let at = 0; at < bytes; ) {
      const part = Math.min(room, bytes - at);
      piece.push({ buffer, from: from + at, bytes: part });
      at += part;
      room -= part;
      if (room > 0) continue;
      yield piece;
      piece = [];
      room = PIECE_BYTES;
    }
  }
  if (piece.length > 0) yield piece;
}
