/**
 * The JSON of a safetensors header, read strictly: exactly the grammar that the format needs, and
 * duplicate names are an error, where `JSON.parse` would keep the last one in silence. The values
 * are not judged here.
 *
 * RFC 8259 for strings and white space.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import { Cursor } from './cursor.ts';
import { quote } from './quote.ts';

/** What a header says of one tensor, word for word. */
export interface TensorClaim {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** [begin, end) in bytes after the header. */
  readonly offsets: readonly number[];
}

/** A header, word for word. */
export interface HeaderClaims {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorClaim>;
}

const METADATA = '__metadata__';
const FIELDS: readonly string[] = ['dtype', 'shape', 'data_offsets'];

/**
 * Reads the text of a header. Time and memory are linear in its length; nothing nests.
 *
 * @throws {FormatError} `malformed` if the text is anything else; `too-large` if a number exceeds
 *   2⁵³ − 1.
 */
export function parseHeader(file: string, text: string): HeaderClaims {
  const scanner = new Scanner(file, text);
  // The format asks for the brace as the very first byte, which also rules out a byte order mark.
  if (!text.startsWith('{')) scanner.fail("must begin with '{'");
  let metadata: ReadonlyMap<string, string> | undefined;
  const tensors = scanner.object((name) => {
    if (name !== METADATA) return scanner.tensor(name);
    metadata = scanner.object(() => scanner.string());
    return undefined;
  });
  scanner.end();
  tensors.delete(METADATA);
  return {
    metadata: metadata ?? new Map(),
    tensors: tensors as ReadonlyMap<string, TensorClaim>,
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
/** Digits of 2⁵³ − 1. */
const MAX_DIGITS = 16;

/** It steps by character codes: a regular expression may run out of stack on a name of many megabytes. */
class Scanner extends Cursor {
  /** The members of an object, in order; `value` reads one. */
  object<T>(value: (key: string) => T): Map<string, T> {
    const members = new Map<string, T>();
    this.expect('{');
    if (this.take('}')) return members;
    do {
      const key = this.string();
      if (members.has(key)) this.fail(`has the name ${quote(key)} twice`);
      this.expect(':');
      members.set(key, value(key));
    } while (this.take(','));
    this.expect('}');
    return members;
  }

  tensor(name: string): TensorClaim {
    const fields = this.object((field) => {
      if (!FIELDS.includes(field)) {
        this.fail(`has an unknown field ${quote(field)} in tensor ${quote(name)}`);
      }
      return field === 'dtype' ? this.string() : this.#naturals();
    });
    for (const field of FIELDS) {
      if (!fields.has(field)) this.fail(`has no ${field} for tensor ${quote(name)}`);
    }
    return {
      dtype: fields.get('dtype') as string,
      shape: fields.get('shape') as number[],
      offsets: fields.get('data_offsets') as number[],
    };
  }

  string(): string {
    const start = this.skip();
    if (this.#code(start) !== QUOTE) this.fail('needs a string');
    let end = start + 1;
    while (this.#code(end) !== QUOTE) {
      if (end >= this.text.length) this.fail('has a string without end');
      end += this.#code(end) === BACKSLASH ? 2 : 1;
    }
    const value = decodeString(this.text.slice(start, end + 1));
    if (value === undefined) return this.fail('has a string with a bad escape or character');
    this.at = end + 1;
    return value;
  }

  #naturals(): number[] {
    const values: number[] = [];
    this.expect('[');
    if (this.take(']')) return values;
    do {
      values.push(this.#natural());
    } while (this.take(','));
    this.expect(']');
    return values;
  }

  #natural(): number {
    const start = this.skip();
    let end = start;
    while (this.#code(end) >= ZERO && this.#code(end) <= NINE) end++;
    const integer = end > start && !'.eE'.includes(this.text[end] ?? ' ');
    if (!integer) this.fail('needs a non-negative integer');
    if (end > start + 1 && this.#code(start) === ZERO)
      this.fail('has a number with a leading zero');
    const value = end - start > MAX_DIGITS ? Infinity : Number(this.text.slice(start, end));
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new FormatError('too-large', `${this.file}: header has a number beyond 2^53`);
    }
    this.at = end;
    return value;
  }

  /** NaN behind the end. */
  #code(at: number): number {
    return this.text.charCodeAt(at);
  }
}

/** The text of a JSON string; `undefined` if it is none, or holds half a surrogate pair. */
function decodeString(literal: string): string | undefined {
  try {
    const value = JSON.parse(literal) as string;
    return /\p{Surrogate}/u.test(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
