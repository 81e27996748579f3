/**
 * One spelling for a JSON value, so that equal values have equal hashes: keys in the order of their
 * UTF-16 units, no white space, numbers as ECMAScript writes them.
 *
 * RFC 8785, JSON Canonicalization Scheme.
 *
 * @module
 */

import { show } from './assert.ts';

/** What JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/**
 * The canonical text. Fields that are `undefined` are left out.
 *
 * @throws {TypeError} that names the place of what JSON cannot hold: a number that is not finite, a
 *   typed array, anything that is not a plain object, a surrogate without its pair.
 */
export function canonicalJson(value: Json): string {
  return write(value, '$');
}

function write(value: unknown, place: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === 'string' && isWellFormed(value)) return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => write(item, `${place}[${i}]`)).join(',')}]`;
  }
  if (isPlainObject(value)) {
    const fields = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => `${write(key, place)}:${write(value[key], `${place}.${key}`)}`);
    return `{${fields.join(',')}}`;
  }
  throw new TypeError(`${place} must be a JSON value, got ${show(value)}`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Whether every surrogate has its pair; the method of that name is younger than ES2023. */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}
