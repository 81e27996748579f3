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

/** Bytes of a buffer that can hold `bytes`: a multiple of 16, and not zero. */
function bufferBytes(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/** A storage buffer that can be copied from and to. */
export function storageBuffer(session: Session, label: string, bytes: number): Promise<GPUBuffer> {
  const usage = STORAGE | COPY_SRC | COPY_DST;
  return session.guarded(`allocating ${bytes} bytes for ${label}`, () =>
    session.device.createBuffer({ label, size: bufferBytes(bytes), usage }),
  );
}

/** A storage buffer that holds `data`. */
export async function dataBuffer(
  session: Session,
  label: string,
  data: Uint32Array,
): Promise<GPUBuffer> {
  const buffer = await storageBuffer(session, label, data.byteLength);
  session.device.queue.writeBuffer(buffer, 0, data as Uint32Array<ArrayBuffer>);
  return buffer;
}

/** A uniform buffer of u32 words. */
export function uniformBuffer(device: GPUDevice, words: readonly number[]): GPUBuffer {
  const size = bufferBytes(4 * words.length);
  const buffer = device.createBuffer({ label: 'params', size, usage: UNIFORM | COPY_DST });
  device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
  return buffer;
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
    home.set(new Uint32Array(staging.getMappedRange(0, total)));
    staging.unmap();
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
