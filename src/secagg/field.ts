/**
 * The field of 2¹⁶ elements: polynomials over GF(2) modulo x¹⁶ + x¹² + x³ + x + 1, of which x
 * generates all elements but 0. Bit i of an element is the coefficient of xⁱ, a sum is `a ^ b`, and
 * every 16 bits are an element.
 *
 * All here works on tables of logarithms, and leaves traces of its factors in caches: it is for numbers that
 * whoever computes may know. Secrets are multiplied in `shamir.ts`, many at a time, where neither branches
 * nor addresses depend on them.
 *
 * @module
 */

/** The modulus, with its leading bit. */
export const MODULUS = 0x1100b;
/** Elements of the field. */
export const FIELD_SIZE: number = 2 ** 16;
/** Elements other than 0: the order of x. */
export const ORDER: number = FIELD_SIZE - 1;

const LOW = 0xffff;

/** Powers of x and their exponents, for numbers that are no secrets. 384 KiB. */
export interface FieldTables {
  /** x^i for i = 0 … 2·65535 − 1, so that two logarithms need no reduction of their sum. */
  readonly exp: Uint16Array;
  /** The i in [0, 65535) with x^i = a. Of 0 there is none, and 0 stands there. */
  readonly log: Uint16Array;
}

let tables: FieldTables | undefined;

/** The tables, made at the first call. */
export function fieldTables(): FieldTables {
  tables ??= makeTables();
  return tables;
}

function makeTables(): FieldTables {
  const exp = new Uint16Array(2 * ORDER);
  const log = new Uint16Array(FIELD_SIZE);
  let power = 1;
  for (let i = 0; i < ORDER; i++) {
    exp[i] = power;
    exp[i + ORDER] = power;
    log[power] = i;
    power <<= 1;
    if (power > LOW) power ^= MODULUS;
  }
  return { exp, log };
}

/** a·b by tables, for numbers that are no secrets. */
export function tableMultiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  const { exp, log } = fieldTables();
  return exp[log[a]! + log[b]!]!;
}

/**
 * 1/a by tables, for numbers that are no secrets.
 *
 * @throws {RangeError} for 0.
 */
export function invert(a: number): number {
  if (a === 0) throw new RangeError('0 has no inverse');
  const { exp, log } = fieldTables();
  return exp[ORDER - log[a]!]!;
}
