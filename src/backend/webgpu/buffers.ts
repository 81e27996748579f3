/**
 * Buffers of a device: storage, parameters, and the way home.
 *
 * @module
 */

import type { Session } from './device.ts';

// The values of GPUBufferUsage, which is a global only where WebGPU is one.
const MAP_READ = 0x0001;
const COPY_SRC = 0x0004;
const COPY_DST = 0x0008;
const UNIFORM = 0x0040;
const STORAGE = 0x0080;
const STORAGE_USAGE = STORAGE | COPY_SRC | COPY_DST;

/** Bytes of a buffer that can hold `bytes`: a multiple of 16, and not zero. */
function bufferBytes(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/** A storage buffer that can be copied from and to. */
export function storageBuffer(session: Session, label: string, bytes: number): Promise<GPUBuffer> {
  return session.guarded(`allocating ${bytes} bytes for ${label}`, () =>
    session.device.createBuffer({ label, size: bufferBytes(bytes), usage: STORAGE_USAGE }),
  );
}

/** A storage buffer that holds `data`. */
export function dataBuffer(session: Session, label: string, data: Uint32Array): Promise<GPUBuffer> {
  const { device } = session;
  return session.guarded(`writing ${data.byteLength} bytes of ${label}`, () => {
    const size = bufferBytes(data.byteLength);
    const buffer = device.createBuffer({ label, size, usage: STORAGE_USAGE });
    device.queue.writeBuffer(buffer, 0, data as Uint32Array<ArrayBuffer>);
    return buffer;
  });
}

/** A uniform buffer of u32 words. */
export function uniformBuffer(device: GPUDevice, words: readonly number[]): GPUBuffer {
  const size = bufferBytes(4 * words.length);
  const buffer = device.createBuffer({ label: 'params', size, usage: UNIFORM | COPY_DST });
  device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
  return buffer;
}

/** Bytes that may wait in the queue before an upload waits for the device. */
const UPLOAD_AHEAD_BYTES = 2 ** 26;

/** Writes into one buffer, each within error scopes, and not too far ahead of the device. */
export class UploadQueue {
  readonly #session: Session;
  readonly #buffer: GPUBuffer;
  #writes: Promise<void>[] = [];
  #waiting = 0;

  constructor(session: Session, buffer: GPUBuffer) {
    this.#session = session;
    this.#buffer = buffer;
  }

  /** Hands `values` over for entry `at` of the buffer; they may change afterwards. */
  async write(at: number, values: Float32Array<ArrayBuffer>): Promise<void> {
    const { queue } = this.#session.device;
    const write = this.#session.guarded('uploading', () => {
      queue.writeBuffer(this.#buffer, 4 * at, values);
    });
    // It is awaited below; until then its failure shall not count as unhandled.
    write.catch(() => {});
    this.#writes.push(write);
    this.#waiting += values.byteLength;
    if (this.#waiting < UPLOAD_AHEAD_BYTES) return;
    await this.settled();
    // The queue accepts without limit; waiting keeps its copies from piling up.
    await this.#session.settled(queue.onSubmittedWorkDone(), 'uploading');
    this.#waiting = 0;
  }

  /** @throws {BackendError} if a write failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes.splice(0));
  }
}

/** Brings ranges of buffers home through one mapped buffer that is kept and grows. */
export class Readback {
  readonly #session: Session;
  #staging: GPUBuffer | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** `bytes` of each buffer, from its start or `from`, one after the other, as words. */
  async words(
    parts: readonly { buffer: GPUBuffer; from?: number; bytes: number }[],
  ): Promise<Uint32Array<ArrayBuffer>> {
    const total = parts.reduce((sum, part) => sum + part.bytes, 0);
    const staging = await this.#reserve(total);
    await this.#session.guarded('reading back', () => {
      const encoder = this.#session.device.createCommandEncoder();
      let at = 0;
      for (const { buffer, from = 0, bytes } of parts) {
        encoder.copyBufferToBuffer(buffer, from, staging, at, bytes);
        at += bytes;
      }
      this.#session.device.queue.submit([encoder.finish()]);
    });
    const home = new Uint32Array(total / 4);
    await this.#session.settled(staging.mapAsync(1 /* READ */, 0, total), 'reading back');
    try {
      home.set(new Uint32Array(staging.getMappedRange(0, total)));
    } finally {
      staging.unmap();
    }
    return home;
  }

  async #reserve(bytes: number): Promise<GPUBuffer> {
    if (this.#staging !== undefined && this.#staging.size >= bytes) return this.#staging;
    this.#staging?.destroy();
    this.#staging = undefined;
    const size = bufferBytes(bytes);
    this.#staging = await this.#session.guarded(`allocating ${size} bytes to read back`, () =>
      this.#session.device.createBuffer({ label: 'read back', size, usage: MAP_READ | COPY_DST }),
    );
    return this.#staging;
  }

  destroy(): void {
    this.#staging?.destroy();
  }
}
