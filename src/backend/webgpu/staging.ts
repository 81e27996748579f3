/**
 * Memory that rows are written into on their way to the device, used again and again.
 *
 * Two ways lead there. Mapped buffers are read into and copied from by the device: one copy on the
 * host at most, and no more memory than the ring has, since a piece is lent again only when the
 * device has taken it. Queue writes copy once more, into memory of the driver's. They serve short
 * pieces, for which mapping would cost more than it saves (in Firefox up to 100 ms), and devices of
 * the caller's: those may be destroyed at any time, and mapped memory goes with them, perhaps while
 * a file is being read into it.
 *
 * @module
 */

import { bufferBytes } from './buffers.ts';
import type { Session } from './device.ts';
import { Pool } from './pool.ts';

// The values of GPUBufferUsage and GPUMapMode, which are globals only where WebGPU is one.
const MAP_WRITE = 0x0002;
const COPY_SRC = 0x0004;
const WRITE = 0x0002;

/** Bytes of the largest piece that is mapped. */
const MAPPED_BYTES = 2 ** 24;
/** Bytes of the largest piece that is written by the queue: above, Dawn allocates for each write. */
const QUEUED_BYTES = 2 ** 22;
/** Pieces up to so many bytes are always written by the queue. */
const SHORT_BYTES = 2 ** 18;
/** Pieces of either kind that are lent at once: one is filled, one is copied, one waits. */
const PIECES = 3;
/** Bytes that may wait in the queue before writes wait for the device. */
const AHEAD_BYTES = 2 ** 26;

/** Memory that is lent to be filled. It ends with one call, of `send` or of `drop`. */
export interface Piece {
  /** At least as long as was asked for; what stands in it is undefined. */
  readonly memory: ArrayBuffer;
  /**
   * Copies the memory to byte `offset` of `target`; what is submitted afterwards finds it there. The
   * promise tells whether the device took it.
   */
  send(target: GPUBuffer, offset: number): Promise<void>;
  /** Gives the memory back unused. */
  drop(): void;
}

/** The staging memory of one device. Uploads that overlap share it. */
export class Staging {
  /** Largest piece that is lent, in bytes. */
  readonly pieceBytes: number;
  readonly #session: Session;
  readonly #slots: { buffer?: GPUBuffer }[] = Array.from({ length: PIECES }, () => ({}));
  readonly #mapped: Pool<{ buffer?: GPUBuffer }> = new Pool(this.#slots);
  readonly #queued: Pool<{ memory?: ArrayBuffer }> = new Pool(
    Array.from({ length: PIECES }, () => ({})),
  );
  #aheadBytes = 0;

  /** @param mapped - Whether long pieces are mapped. */
  constructor(session: Session, { mapped }: { mapped: boolean }) {
    this.#session = session;
    this.pieceBytes = mapped ? MAPPED_BYTES : QUEUED_BYTES;
  }

  /**
   * Waits for memory of `bytes` bytes, a multiple of 4 and at most `pieceBytes`.
   *
   * @throws {BackendError} if there is none to be had, or the device was lost.
   */
  borrow(bytes: number): Promise<Piece> {
    const mapped = this.pieceBytes === MAPPED_BYTES && bytes > SHORT_BYTES;
    return mapped ? this.#borrowMapped(bytes) : this.#borrowQueued(bytes);
  }

  async #borrowMapped(bytes: number): Promise<Piece> {
    const session = this.#session;
    const slot = await this.#mapped.take();
    const drop = (): void => this.#mapped.give(slot);
    try {
      const buffer = await this.#bufferOf(slot, bytes);
      // No more than is used: a browser copies the whole of a mapped range.
      await session.settled(buffer.mapAsync(WRITE, 0, bytes), 'mapping staging memory');
      return {
        memory: buffer.getMappedRange(0, bytes),
        drop: () => {
          buffer.unmap();
          drop();
        },
        send: (target, offset) => {
          const sent = session.guarded('uploading', () => {
            buffer.unmap();
            const encoder = session.device.createCommandEncoder();
            encoder.copyBufferToBuffer(buffer, 0, target, offset, bytes);
            session.device.queue.submit([encoder.finish()]);
          });
          // Mapping it again waits for the copy.
          drop();
          return sent;
        },
      };
    } catch (error) {
      drop();
      throw error;
    }
  }

  /** As large as has been asked for: small uploads take little memory. */
  async #bufferOf(slot: { buffer?: GPUBuffer }, bytes: number): Promise<GPUBuffer> {
    if (slot.buffer !== undefined && slot.buffer.size >= bytes) return slot.buffer;
    slot.buffer?.destroy();
    delete slot.buffer;
    const size = Math.min(MAPPED_BYTES, bufferBytes(2 ** Math.ceil(Math.log2(bytes))));
    slot.buffer = await this.#session.guarded(`allocating ${size} bytes to upload`, () =>
      this.#session.device.createBuffer({ label: 'staging', size, usage: MAP_WRITE | COPY_SRC }),
    );
    return slot.buffer;
  }

  async #borrowQueued(bytes: number): Promise<Piece> {
    const session = this.#session;
    if (this.#aheadBytes > AHEAD_BYTES) {
      this.#aheadBytes = 0;
      // The queue accepts without limit; waiting keeps its copies from piling up.
      await session.settled(session.device.queue.onSubmittedWorkDone(), 'uploading');
    }
    const slot = await this.#queued.take();
    const drop = (): void => this.#queued.give(slot);
    if (slot.memory === undefined || slot.memory.byteLength < bytes) {
      slot.memory = new ArrayBuffer(bytes);
    }
    const { memory } = slot;
    return {
      memory,
      drop,
      send: (target, offset) => {
        this.#aheadBytes += bytes;
        const sent = session.guarded('uploading', () => {
          session.device.queue.writeBuffer(target, offset, memory, 0, bytes);
        });
        drop();
        return sent;
      },
    };
  }

  destroy(): void {
    for (const { buffer } of this.#slots) buffer?.destroy();
  }
}
