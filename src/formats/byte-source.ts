/**
 * Bytes that are read by range: from memory or a `Blob` here, from a file in `node-files.ts`.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';

/** Something with a name and a length whose bytes can be read a range at a time. */
export interface ByteSource {
  /** How messages call it: a path, a client's id. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Bytes [from, to). The array may share memory with the source: read it, do not write to it. */
  read(from: number, to: number): Promise<Uint8Array>;
  /** Bytes from `from` on, as many as `into` holds, written there without another copy. */
  readInto?(from: number, into: Uint8Array): Promise<void>;
  /** Of the open file that the bytes are, from its start on: other threads may then read it. */
  readonly descriptor?: number;
  /** Frees what the source holds open. */
  close?(): Promise<void>;
}

/** Takes bytes in order. Each call is awaited before the next; the bytes may be reused after it. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/** Bytes in memory. They are not copied and must not change while they are read. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(from, to) {
      assertRange(from, to, bytes.length);
      return bytes.subarray(from, to);
    },
    async readInto(from, into) {
      assertRange(from, from + into.length, bytes.length);
      into.set(bytes.subarray(from, from + into.length));
    },
  };
}

/** A `Blob` or `File`: what a file input of a page gives. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(from, to) {
      assertRange(from, to, blob.size);
      return new Uint8Array(await blob.slice(from, to).arrayBuffer());
    },
  };
}

/**
 * Fills `into` from byte `from` of the source.
 *
 * @throws {FormatError} `malformed` if the source gives fewer bytes than it promised.
 */
export async function readInto(source: ByteSource, from: number, into: Uint8Array): Promise<void> {
  if (into.length === 0) return;
  if (source.readInto) return source.readInto(from, into);
  const bytes = await source.read(from, from + into.length);
  if (bytes.length !== into.length) throw endedEarly(source.name, from + bytes.length);
  into.set(bytes);
}

/** The error of a source that stopped before its size. */
export function endedEarly(name: string, at: number): FormatError {
  return new FormatError(
    'malformed',
    `${name}: ended at byte ${at}, shorter than when it was opened`,
  );
}

/**
 * Checks a byte range against the length of what it is cut from.
 *
 * @throws {TypeError | RangeError} if [from, to) is not a range within [0, size).
 */
export function assertRange(from: number, to: number, size: number): void {
  assertInteger('from', from, 0, size);
  assertInteger('to', to, from, size);
}
