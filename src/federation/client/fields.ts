/**
 * Reading of what a server answers. Fields that are not known are passed over, those that are must be
 * what they should be: the server is believed no more than its clients.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { FederationError } from '../../core/errors.ts';

/** An object of an answer. */
export class Fields {
  readonly #where: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /** @throws {FederationError} `protocol` if `value` is no object. */
  constructor(where: string, value: unknown) {
    this.#where = where;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new FederationError('protocol', `${where}: needs an object, got ${show(value)}`);
    }
    this.#values = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    const value = this.#value(name);
    return value !== undefined && value !== null;
  }

  /** An integer of at least `least`. */
  integer(name: string, least = 0): number {
    const value = this.#value(name);
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
    return this.#wrong(name, `an integer of at least ${least}`);
  }

  /** Text that fits a pattern. */
  text(name: string, pattern: RegExp = /^/): string {
    const value = this.#value(name);
    if (typeof value === 'string' && pattern.test(value)) return value;
    return this.#wrong(name, pattern.source === '^' ? 'a text' : `a text like ${pattern.source}`);
  }

  flag(name: string): boolean {
    const value = this.#value(name);
    return typeof value === 'boolean' ? value : this.#wrong(name, 'true or false');
  }

  texts(name: string): readonly string[] {
    const value = this.#value(name);
    const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return isList ? (value as string[]) : this.#wrong(name, 'a list of texts');
  }

  /** Whatever it is. */
  any(name: string): unknown {
    return this.#value(name);
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  #wrong(name: string, needed: string): never {
    const came = show(this.#value(name));
    throw new FederationError('protocol', `${this.#where}: ${name} must be ${needed}, got ${came}`);
  }
}
