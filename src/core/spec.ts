/**
 * The SPEC grammar of rules and attacks: `multi-krum:f=3,m=5`, parts joined by `+`.
 *
 *     spec    = part *( "+" part )
 *     part    = name [ ":" option *( "," option ) ]
 *     option  = key "=" value
 *
 * A `+` before a digit belongs to a number such as `1e+3`. Which names there are is for the users of
 * this file to say.
 *
 * @module
 */

import { show } from './assert.ts';
import { AggregationError } from './errors.ts';
import type { Schema, Values } from './parameter.ts';

/** One part of a SPEC, its values still text. */
export interface SpecPart {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

const PLUS = /\+(?![\d.])/;
const WORD = /^[a-z][a-z0-9-]*$/i;
const LONGEST_SPEC = 2 ** 20;

/**
 * The parts of a SPEC, in order.
 *
 * @throws {AggregationError} `bad-spec`: the message quotes the part that breaks the grammar.
 */
export function parseSpec(spec: string): SpecPart[] {
  if (typeof spec !== 'string') throw new TypeError(`a SPEC must be a string, got ${show(spec)}`);
  if (spec.length > LONGEST_SPEC) {
    throw badSpec(`a SPEC must have at most ${LONGEST_SPEC} characters, got ${spec.length}`);
  }
  return spec.split(PLUS).map((part) => parsePart(part.trim()));
}

function parsePart(text: string): SpecPart {
  const colon = text.indexOf(':');
  const name = (colon < 0 ? text : text.slice(0, colon)).trim();
  if (!WORD.test(name)) {
    throw badSpec(
      `part of a SPEC must start with a name, as in trimmed-mean:f=2, got ${show(text)}`,
    );
  }
  const options = new Map<string, string>();
  if (colon < 0) return { name, options };
  for (const option of text.slice(colon + 1).split(',')) {
    const [key, value] = splitOption(name, option.trim());
    if (options.has(key)) throw badSpec(`${name} has the option ${key} twice`);
    options.set(key, value);
  }
  return { name, options };
}

function splitOption(name: string, option: string): [key: string, value: string] {
  const equals = option.indexOf('=');
  const key = option.slice(0, Math.max(0, equals)).trim();
  const value = option.slice(equals + 1).trim();
  if (WORD.test(key) && value !== '') return [key, value];
  throw badSpec(`option of ${name} must read key=value, got ${show(option)}`);
}

/**
 * The options of a part as typed values; ranges are left to what they are passed on to.
 *
 * @throws {AggregationError} `bad-spec` for an option that is unknown, missing or of another kind.
 */
export function readOptions<S extends Schema>({ name, options }: SpecPart, schema: S): Values<S> {
  const values: Record<string, unknown> = {};
  for (const [key, text] of options) {
    const parameter = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (parameter === undefined) throw unknownOption(name, key, Object.keys(schema));
    values[key] = parameter.read(text);
    if (values[key] === undefined) {
      throw badSpec(`option ${key} of ${name} must be ${parameter.wants}, got ${show(text)}`);
    }
  }
  for (const [key, { required, meaning }] of Object.entries(schema)) {
    if (required && !options.has(key)) {
      throw badSpec(`${name} needs the option ${key} (${meaning}), as in ${name}:${key}=…`);
    }
  }
  return values as Values<S>;
}

function unknownOption(name: string, key: string, known: readonly string[]): AggregationError {
  if (known.length === 0) return badSpec(`${name} has no options, got ${show(key)}`);
  return badSpec(`${name} has no option ${show(key)}; its options are ${known.join(', ')}`);
}

/**
 * The entry of a list that a part names.
 *
 * @param list - `kind` is what messages call an entry.
 * @throws {AggregationError} `bad-spec` for an unknown name, with the one that was probably meant.
 */
export function entryFor<T extends { readonly name: string }>(
  { name }: SpecPart,
  { kind, entries }: { kind: string; entries: readonly T[] },
): T {
  const found = entries.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const names = entries.map((entry) => entry.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? '.' : `; did you mean ${meant}?`;
  throw badSpec(`no ${kind} is called ${show(name)}${hint} There are: ${names.join(', ')}`);
}

/** Runs a factory on options from a SPEC: what it refuses is a mistake in the SPEC. */
export function makeFor<T>({ name }: SpecPart, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
    throw badSpec(`${name}: ${cause.message}`, { cause });
  }
}

/** An error about a SPEC. */
export function badSpec(message: string, options?: ErrorOptions): AggregationError {
  return new AggregationError('bad-spec', message, options);
}

/** The word that takes the fewest edits, if they are few for its length. */
function nearest(text: string, words: readonly string[]): string | undefined {
  const plain = (s: string): string =>
    s
      .toLowerCase()
      .replaceAll(/[^a-z]/g, '')
      .slice(0, 40);
  const ranked = words
    .map((word) => ({ word, edits: editDistance(plain(text), plain(word)) }))
    .sort((a, b) => a.edits - b.edits);
  const best = ranked[0]!;
  return best.edits <= Math.max(1, plain(best.word).length / 3) ? best.word : undefined;
}

/** Letters to insert, delete or replace to make b from a (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = row[j]! + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
