/**
 * Buffers of a device: storage and parameters.
 *
 * @module
 */

import type { Session } from './device.ts';

// The values of GPUBufferUsage, which is a global only where WebGPU is one.
const COPY_SRC = 0x0004;
const COPY_DST = 0x0008;
const UNIFORM = 0x0040;
const STORAGE = 0x0080;
const STORAGE_USAGE = STORAGE | COPY_SRC | COPY_DST;

/** Bytes of a buffer that can hold `bytes`: a multiple of 16, and not zero. */
export function bufferBytes(bytes: number): number {
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
