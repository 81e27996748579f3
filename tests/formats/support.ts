/**
 * Files of tensors, built byte by byte for the tests.
 *
 * @module
 */

import { expect } from 'vitest';
import type { HostRow } from '../../src/backend/kernels.ts';
import { FormatError, type FormatErrorCode } from '../../src/core/errors.ts';
import { type Append, type ByteSource, bytesSource } from '../../src/formats/byte-source.ts';
import type { Dtype } from '../../src/formats/dtype.ts';
import {
  readSafetensorsHeader,
  type TensorFile,
  writeSafetensors,
} from '../../src/formats/safetensors.ts';

/** A safetensors file out of the very text of its header. */
export function safetensorsBytes(
  header: string | Uint8Array,
  data: Uint8Array | number,
): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const body = typeof data === 'number' ? new Uint8Array(data) : data;
  const bytes = new Uint8Array(8 + text.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(body, 8 + text.length);
  return bytes;
}

/** An npy file out of the very text of its header. */
export function npyBytes(
  header: string,
  data: Uint8Array,
  version: readonly number[] = [1, 0],
): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version[0] === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + length + text.length + data.length);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), ...version]);
  for (let i = 0; i < length; i++) bytes[8 + i] = (text.length >> (8 * i)) & 0xff;
  bytes.set(text, 8 + length);
  bytes.set(data, 8 + length + text.length);
  return bytes;
}

/** The bytes behind a typed array. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function f32(...values: number[]): Uint8Array {
  return bytesOf(Float32Array.from(values));
}

export function i64(...values: (number | bigint)[]): Uint8Array {
  return bytesOf(BigInt64Array.from(values, BigInt));
}

/** An append that keeps what it is given, and the whole of it. */
export function sink(): { append: Append; bytes: () => Uint8Array } {
  const parts: Uint8Array[] = [];
  return {
    append: async (bytes) => {
      parts.push(bytes.slice());
    },
    bytes: () => new Uint8Array(Buffer.concat(parts)),
  };
}

/** Type, shape and bytes of one tensor. */
export type Spec = readonly [Dtype, readonly number[], Uint8Array];

/** A safetensors file in memory, written by our own writer and read back. */
export async function tensorFile(
  name: string,
  tensors: Readonly<Record<string, Spec>>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<TensorFile> {
  const { append, bytes } = sink();
  const list = Object.entries(tensors).map(([tensor, [dtype, shape, data]]) => ({
    name: tensor,
    dtype,
    shape,
    data: [data],
  }));
  await writeSafetensors(append, list, { metadata });
  return open(bytesSource(name, bytes()));
}

export async function open(source: ByteSource): Promise<TensorFile> {
  return { source, header: await readSafetensorsHeader(source) };
}

/** The bytes of every tensor of a file, by name in the order of the file. */
export async function contents(file: TensorFile): Promise<Record<string, Spec>> {
  const found: Record<string, Spec> = {};
  for (const { name, dtype, shape, from, to } of file.header.tensors.values()) {
    found[name] = [dtype, shape, (await file.source.read(from, to)).slice()];
  }
  return found;
}

export async function readRow(row: HostRow, from = 0, to: number = row.cols): Promise<number[]> {
  const into = new Float32Array(to - from);
  await row.read(from, to, into);
  return [...into];
}

/** The FormatError that a promise ends in; anything else fails the test. */
export async function formatError(promise: Promise<unknown>): Promise<FormatError> {
  const error = await promise.then(
    () => expect.fail('was accepted'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof FormatError)) throw error;
  return error;
}

export async function expectRefusal(
  promise: Promise<unknown>,
  code: FormatErrorCode,
  words: string,
): Promise<void> {
  const error = await formatError(promise);
  expect({ code: error.code, message: error.message }).toEqual({
    code,
    message: expect.stringContaining(words),
  });
}

/** Whether two arrays hold the same bits: much faster than a deep comparison. */
export function sameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}
