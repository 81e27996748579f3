/**
 * Reading untrusted JSON field by field: every value is checked where it is taken out, and an error
 * names the file and the path to the field.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';

/** An object out of a JSON document. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>;
  /** Where the object stands: file and path, for messages. */
  readonly where: string;

  /** @throws {FormatError} `malformed` if `value` is no object. */
  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw malformed(where, 'an object', value);
    }
    this.#value = value as Readonly<Record<string, unknown>>;
    this.where = where;
  }

  /** Whether the object has the key itself; a value of null counts as absent. */
  has(key: string): boolean {
    return Object.hasOwn(this.#value, key) && this.#value[key] !== null;
  }

  /** The names of the fields. */
  keys(): string[] {
    return Object.keys(this.#value);
  }

  string(key: string): string {
    return this.#take(key, 'a string', (value) => typeof value === 'string') as string;
  }

  /** One of a few words. */
  word<const W extends string>(key: string, words: readonly W[]): W {
    const needed = `one of ${words.map(show).join(', ')}`;
    return this.#take(key, needed, (value) => (words as readonly unknown[]).includes(value)) as W;
  }

  /** A finite number. */
  number(key: string): number {
    return this.#take(key, 'a finite number', Number.isFinite) as number;
  }

  /** An integer in [min, max]. */
  integer(key: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    const needed = `an integer in [${min}, ${max}]`;
    return this.#take(key, needed, (value) => isIntegerIn(value, min, max)) as number;
  }

  /** Finite numbers. */
  numbers(key: string): number[] {
    return this.#array(key, 'finite numbers', Number.isFinite) as number[];
  }

  /** Numbers, where the words "NaN", "Infinity" and "-Infinity" are numbers too. */
  looseNumbers(key: string): number[] {
    const loose = (value: unknown): boolean =>
      Number.isFinite(value) || (typeof value === 'string' && NON_FINITE.includes(value));
    return this.#array(key, `numbers or ${NON_FINITE.map(show).join(', ')}`, loose).map(Number);
  }

  /** Lists of finite numbers. */
  numberLists(key: string): number[][] {
    const isNumbers = (value: unknown): boolean =>
      Array.isArray(value) && value.every(Number.isFinite);
    return this.#array(key, 'lists of finite numbers', isNumbers) as number[][];
  }

  /** Integers in [min, max]. */
  integers(key: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number[] {
    const needed = `integers in [${min}, ${max}]`;
    return this.#array(key, needed, (value) => isIntegerIn(value, min, max)) as number[];
  }

  /** A nested object. */
  object(key: string): Fields {
    return new Fields(this.#own(key), this.#at(key));
  }

  /** Nested objects. */
  objects(key: string): Fields[] {
    const items = this.#array(key, 'objects', () => true);
    return items.map((item, i) => new Fields(item, `${this.#at(key)}[${i}]`));
  }

  #at(key: string): string {
    // The root ends in a colon: `index.json: cases[3].tol`.
    if (this.where.endsWith(':')) return `${this.where} ${key}`;
    return /^\w+$/.test(key) ? `${this.where}.${key}` : `${this.where}[${show(key)}]`;
  }

  #own(key: string): unknown {
    return Object.hasOwn(this.#value, key) ? this.#value[key] : undefined;
  }

  #take(key: string, needed: string, fits: (value: unknown) => boolean): unknown {
    const value = this.#own(key);
    if (!fits(value)) throw malformed(this.#at(key), needed, value);
    return value;
  }

  #array(key: string, needed: string, fits: (value: unknown) => boolean): unknown[] {
    const value = this.#own(key);
    if (!Array.isArray(value)) throw malformed(this.#at(key), `a list of ${needed}`, value);
    const wrong = value.findIndex((item) => !fits(item));
    if (wrong >= 0) throw malformed(`${this.#at(key)}[${wrong}]`, needed, value[wrong]);
    return value;
  }
}

const NON_FINITE = ['NaN', 'Infinity', '-Infinity'];

function isIntegerIn(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function malformed(where: string, needed: string, value: unknown): FormatError {
  const came = value === undefined ? 'nothing' : show(value);
  return new FormatError('malformed', `${where} must be ${needed}, got ${came}`);
}
