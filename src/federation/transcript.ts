/**
 * Bytes that are hashed or signed: a label that says what for, then fields, each behind its length, so
 * that no two lists of fields and no two purposes share their bytes.
 *
 * A field is its length (four bytes, little-endian) and its content: text in UTF-8, an integer in eight
 * bytes little-endian, a number as IEEE 754 binary64 little-endian, and nothing for what is absent. The
 * label is the first field.
 *
 * @module
 */

import { assertFinite, assertInteger, show } from '../core/assert.ts';
import { malformed, parsed, Reader } from '../secagg/bytes.ts';
import { joined, u32le, u64le } from '../secagg/suite.ts';

const utf8 = new TextEncoder();

/** Writes a transcript. */
export class Transcript {
  readonly #parts: Uint8Array[] = [];

  /** @param label - What the bytes are for, with a version: `aggregis/update/v1`. */
  constructor(label: string) {
    this.text('label', label);
  }

  /** @throws {TypeError} if the value is no text, or holds half of a surrogate pair. */
  text(name: string, value: string): this {
    if (typeof value !== 'string' || /[\ud800-\udfff]/u.test(value)) {
      throw new TypeError(`${name} must be well-formed text, got ${show(value)}`);
    }
    return this.#field(utf8.encode(value));
  }

  /** @throws {TypeError | RangeError} if the value is no integer in [0, 2⁵³). */
  integer(name: string, value: number): this {
    return this.#field(u64le(assertInteger(name, value, 0)));
  }

  /** A finite number, or `undefined` for none. @throws {TypeError} if it is anything else. */
  number(name: string, value: number | undefined): this {
    if (value === undefined) return this.#field(new Uint8Array());
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, assertFinite(name, value), true);
    return this.#field(bytes);
  }

  /** @throws {TypeError} if the value is no array of bytes, or not of that length. */
  bytes(name: string, value: Uint8Array, length: number = value?.length): this {
    if (!(value instanceof Uint8Array) || value.length !== length) {
      throw new TypeError(`${name} must be ${length ?? 'some'} bytes, got ${show(value)}`);
    }
    return this.#field(value);
  }

  /** All of it. */
  end(): Uint8Array {
    return joined(...this.#parts);
  }

  #field(content: Uint8Array): this {
    this.#parts.push(u32le(content.length), content);
    return this;
  }
}

/** Takes the fields of a transcript, in their order. Any mistake ends {@link parseTranscript}. */
export class TranscriptReader {
  readonly #reader: Reader;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** Whether no field is left. */
  get isAtEnd(): boolean {
    return this.#reader.left === 0;
  }

  text(): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#field());
    } catch (error) {
      if (error instanceof TypeError) malformed();
      throw error;
    }
  }

  integer(): number {
    return new Reader(this.#field(8)).u64();
  }

  /** `undefined` where there is none. */
  number(): number | undefined {
    const content = this.#field();
    if (content.length === 0) return undefined;
    const value = content.length === 8 ? new Reader(content).f64() : malformed();
    return Number.isFinite(value) ? value : malformed();
  }

  /** A copy. */
  bytes(length?: number): Uint8Array {
    return this.#field(length).slice();
  }

  #field(wanted?: number): Uint8Array {
    const length = this.#reader.u32();
    return wanted === undefined || wanted === length ? this.#reader.view(length) : malformed();
  }
}

/**
 * What `read` makes of a transcript with this label, or `undefined` if the bytes are none, or hold more
 * or other fields than it takes.
 */
export function parseTranscript<T>(
  bytes: Uint8Array,
  label: string,
  read: (fields: TranscriptReader) => T,
): T | undefined {
  return parsed(bytes, (reader) => {
    const fields = new TranscriptReader(reader);
    return fields.text() === label ? read(fields) : malformed();
  });
}
