/**
 * Where the rows of a matrix lie: checked, and told apart for engine and bodies alike.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import type { DeviceRow, HostRow, RowSource } from './kernels.ts';

// The values of GPUBufferUsage, which is a global only where WebGPU is one.
const COPY_USAGE = { COPY_SRC: 0x0004, COPY_DST: 0x0008 } as const;

/** Whether a row lies on the GPU. What can be read is in memory, whatever else it holds. */
export function isDeviceRow(row: RowSource): row is DeviceRow {
  return !('read' in row);
}

/**
 * Checks what can be known of a row without reading it. `name` is what messages call the row.
 *
 * @throws {TypeError} if it is neither a Float32Array nor a row source.
 * @throws {RangeError} if it lies in a buffer that does not hold it.
 */
export function checkRow(name: string, row: unknown): void {
  if (row instanceof Float32Array) return;
  if (!isSource(row)) {
    throw new TypeError(`${name} must be a Float32Array or a row source, got ${show(row)}`);
  }
  const cols = assertInteger(`cols of ${name}`, row.cols, 0);
  if (!isDeviceRow(row)) return;
  const { buffer, byteOffset = 0 } = row;
  assertInteger(`byteOffset of ${name}`, byteOffset, 0);
  if (byteOffset % 4 !== 0) {
    throw new RangeError(`byteOffset of ${name} must be a multiple of 4, got ${byteOffset}`);
  }
  checkBuffer(`buffer of ${name}`, buffer, { bytes: byteOffset + 4 * cols, usage: 'COPY_SRC' });
}

function isSource(row: unknown): row is RowSource {
  if (typeof row !== 'object' || row === null || ArrayBuffer.isView(row)) return false;
  if ('read' in row) return typeof row.read === 'function';
  return 'buffer' in row && row.buffer !== undefined;
}

/**
 * A buffer that a copy of `bytes` bytes goes to or comes from.
 *
 * @throws {TypeError} if it is no buffer, or has not the usage.
 * @throws {RangeError} if it is too small.
 */
export function checkBuffer(
  name: string,
  buffer: GPUBuffer,
  { bytes, usage }: { bytes: number; usage: keyof typeof COPY_USAGE },
): void {
  if (typeof buffer !== 'object' || buffer === null || typeof buffer.usage !== 'number') {
    throw new TypeError(`${name} must be a GPUBuffer, got ${show(buffer)}`);
  }
  if ((buffer.usage & COPY_USAGE[usage]) === 0) {
    throw new TypeError(`${name} must have the usage ${usage}, got usage ${buffer.usage}`);
  }
  if (buffer.size < bytes) {
    throw new RangeError(`${name} must hold at least ${bytes} bytes, got ${buffer.size}`);
  }
}

/**
 * An array that a result is to be brought to.
 *
 * @throws {TypeError | RangeError} if it is of another kind or length.
 */
export function checkLength(
  into: { readonly length: number },
  { rows, cols }: { readonly rows: number; readonly cols: number },
  kind: typeof Float32Array | typeof Uint32Array | typeof Uint8Array,
): void {
  if (!(into instanceof kind))
    throw new TypeError(`into must be a ${kind.name}, got ${show(into)}`);
  if (into.length !== rows * cols) {
    throw new RangeError(`into must have ${rows * cols} entries, got ${into.length}`);
  }
}

/** A row in memory. */
export function arrayRow(values: Float32Array): HostRow {
  return {
    cols: values.length,
    values,
    read: (from, to, into) => into.set(values.subarray(from, to)),
  };
}

/** Bytes in memory as words, the last filled up with zeros. */
export function bytesRow(bytes: Uint8Array): HostRow {
  const { buffer, byteOffset, length } = bytes;
  if (byteOffset % 4 === 0 && length % 4 === 0) {
    return arrayRow(new Float32Array(buffer, byteOffset, length / 4));
  }
  return {
    cols: Math.ceil(length / 4),
    read: (from, to, into) => {
      const part = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
      part.fill(0, part.length - 4);
      part.set(bytes.subarray(4 * from, 4 * to));
    },
  };
}
