/**
 * Checks of arguments. Each returns its value, so that a check can stand where the value is used;
 * the message names the argument, what was needed and what came.
 *
 * @module
 */

/** How a value reads in a message: short, and never the content of an array. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/**
 * An integer in [min, max].
 *
 * @throws {TypeError} if `value` is not an integer.
 * @throws {RangeError} if it is outside the range.
 */
export function assertInteger(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(value)) {
    throw new TypeError(`${name} must be an integer, got ${show(value)}`);
  }
  if (value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `in [${min}, ${max}]`;
    throw new RangeError(`${name} must be ${range}, got ${value}`);
  }
  return value;
}

/**
 * A finite number.
 *
 * @throws {TypeError} if `value` is not a finite number.
 */
export function assertFinite(name: string, value: number): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new TypeError(`${name} must be a finite number, got ${show(value)}`);
  }
  return value;
}

/**
 * A finite number above zero.
 *
 * @throws {TypeError} if `value` is not a finite number.
 * @throws {RangeError} if it is zero or negative.
 */
export function assertPositive(name: string, value: number): number {
  if (assertFinite(name, value) <= 0) throw new RangeError(`${name} must be above 0, got ${value}`);
  return value;
}

/**
 * One of a few words.
 *
 * @throws {RangeError} that lists the words.
 */
export function assertOneOf<T extends string>(name: string, value: T, words: readonly T[]): T {
  if (!words.includes(value)) {
    throw new RangeError(`${name} must be one of ${words.join(', ')}, got ${show(value)}`);
  }
  return value;
}

/**
 * An object of options, all of which are known: a misspelt one would else be silently ignored.
 *
 * @throws {TypeError} that names what is unknown and lists what there is.
 */
export function assertOptions<T extends object>(
  value: T,
  known: Readonly<Record<keyof T & string, true>>,
): T {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`options must be an object, got ${show(value)}`);
  }
  for (const name of Object.keys(value)) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known).join(', ');
    throw new TypeError(`there is no option ${show(name)}; there are ${names}`);
  }
  return value;
}
