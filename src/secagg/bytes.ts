/**
 * Reading and writing fields of fixed width, little-endian. Whatever is wrong with bytes that came from
 * elsewhere, the answer is the same: `undefined`.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** Bytes that are not what they should be. Never leaves {@link parsed}. */
class Malformed extends Error {}

/** Ends {@link parsed} with `undefined`. */
export function malformed(): never {
  throw new Malformed();
}

/** What `parse` makes of the bytes, if it likes them and takes all of them. */
export function parsed<T>(bytes: Uint8Array, parse: (reader: Reader) => T): T | undefined {
  try {
    const reader = new Reader(bytes);
    const value = parse(reader);
    return reader.left === 0 ? value : undefined;
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** Takes fields from the front. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Node's Buffers come as plain arrays of bytes too: their `slice` would not copy.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not yet taken. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** A copy of the next bytes. */
  bytes(length: number): Uint8Array {
    return this.view(length).slice();
  }

  /** The next bytes, where they lie. */
  view(length: number): Uint8Array {
    if (length > this.left) malformed();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  u8(): number {
    return this.view(1)[0]!;
  }

  u16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** An integer below 2⁵³ in eight bytes. */
  u64(): number {
    const value = this.#view.getBigUint64(this.#skip(8), true);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : malformed();
  }

  f32(): number {
    return this.#view.getFloat32(this.#skip(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#skip(8), true);
  }

  /** All that is left, as records of the same width. */
  records<T>(width: number, read: (reader: Reader) => T): T[] {
    if (this.left % width !== 0) malformed();
    return Array.from({ length: this.left / width }, () => read(this));
  }

  #skip(length: number): number {
    if (length > this.left) malformed();
    this.#at += length;
    return this.#at - length;
  }
}

/** Appends fields to a run of known length. */
export class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): this {
    this.#view.setUint8(this.#step(1), value);
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#step(2), value, true);
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#step(4), value, true);
    return this;
  }

  /** @throws {TypeError | RangeError} if it is no integer in [0, 2⁵³). */
  u64(value: number): this {
    assertInteger('value', value, 0);
    this.#view.setBigUint64(this.#step(8), BigInt(value), true);
    return this;
  }

  f32(value: number): this {
    this.#view.setFloat32(this.#step(4), value, true);
    return this;
  }

  f64(value: number): this {
    this.#view.setFloat64(this.#step(8), value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#step(value.length));
    return this;
  }

  /** The whole run. */
  end(): Uint8Array {
    if (this.#at !== this.#bytes.length) {
      throw new RangeError(`${this.#at} of ${this.#bytes.length} bytes were written`);
    }
    return this.#bytes;
  }

  #step(length: number): number {
    this.#at += length;
    return this.#at - length;
  }
}
