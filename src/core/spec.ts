/**
 * The SPEC grammar of rules and attacks: `multi-krum:f=3,m=5`, steps joined by `+`.
 *
 *     spec    = step *( "+" step )
 *     step    = name [ ":" option *( "," option ) ]
 *     option  = key "=" value
 *
 * Names and keys are a letter followed by letters, digits and hyphens; a value is anything without
 * a comma. A `+` starts a step only where a letter follows, so `1e+3`
 * stays a number. This file knows the grammar alone; which names there are is for its users to say.
 *
 * @module
 */

import { show } from './assert.ts';
import { AggregationError } from './errors.ts';

/** One step of a SPEC, its values still text. */
export interface SpecStep {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

/**
 * What an option may hold: a number, or one of a few words. A trailing `?` marks a number that may
 * be left out; words may always be.
 */
export type OptionKind = 'integer' | 'integer?' | 'number' | 'number?' | readonly string[];

type RequiredKeys<K> = {
  [Key in keyof K]: K[Key] extends 'integer' | 'number' ? Key : never;
}[keyof K];

/** Typed options: exactly the keys that were given. */
export type OptionsOf<K> = { readonly [Key in RequiredKeys<K>]: number } & {
  readonly [Key in Exclude<keyof K, RequiredKeys<K>>]?: K[Key] extends readonly (infer Word)[]
    ? Word
    : number;
};

const WORD = /^[a-z][a-z0-9-]*$/i;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const LONGEST_SPEC = 4096;

/**
 * The steps of a SPEC, in order.
 *
 * @throws {AggregationError} `bad-spec`: the message quotes the part that breaks the grammar.
 */
export function parseSpec(text: string): SpecStep[] {
  if (typeof text !== 'string') throw new TypeError(`a spec must be a string, got ${show(text)}`);
  if (text.length > LONGEST_SPEC) {
    throw badSpec(`a spec may have ${LONGEST_SPEC} characters, got ${text.length}`);
  }
  return text.split(/\+(?=[a-z])/i).map(parseStep);
}

function parseStep(text: string): SpecStep {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (!WORD.test(name)) {
    throw badSpec(`a step must start with a name such as "trimmed-mean:f=2", got ${show(text)}`);
  }
  const options = new Map<string, string>();
  if (colon < 0) return { name, options };
  for (const option of text.slice(colon + 1).split(',')) {
    const equals = option.indexOf('=');
    const key = option.slice(0, Math.max(0, equals));
    const value = option.slice(equals + 1);
    if (!WORD.test(key) || value === '') {
      throw badSpec(`options of ${name} must read key=value, got ${show(option)}`);
    }
    if (options.has(key)) throw badSpec(`option ${key} of ${name} is given twice`);
    options.set(key, value);
  }
  return { name, options };
}

/**
 * The options of a step as typed values; ranges are left to whom they are passed on.
 *
 * @param kinds - Every option that the step knows, and what it holds.
 * @throws {AggregationError} `bad-spec` for an option that is unknown, missing or of another kind.
 */
export function readOptions<const K extends Readonly<Record<string, OptionKind>>>(
  step: SpecStep,
  kinds: K,
): OptionsOf<K> {
  for (const key of step.options.keys()) {
    if (!Object.hasOwn(kinds, key)) {
      const known = Object.keys(kinds).join(', ') || 'no options';
      throw badSpec(`${step.name} has no option ${key}; it takes ${known}`);
    }
  }
  const result: Record<string, number | string> = {};
  for (const [key, kind] of Object.entries(kinds)) {
    const text = step.options.get(key);
    if (text !== undefined) result[key] = parseValue(text, kind, `option ${key} of ${step.name}`);
    else if (kind === 'integer' || kind === 'number') {
      throw badSpec(`${step.name} needs the option ${key}, as in ${step.name}:${key}=1`);
    }
  }
  return result as OptionsOf<K>;
}

function parseValue(text: string, kind: OptionKind, what: string): number | string {
  if (typeof kind !== 'string') {
    if (kind.includes(text)) return text;
    throw badSpec(`${what} must be one of ${kind.join(', ')}, got ${show(text)}`);
  }
  const value = NUMBER.test(text) ? Number(text) : Number.NaN;
  if (kind.startsWith('integer') ? Number.isSafeInteger(value) : Number.isFinite(value)) {
    return value;
  }
  const needed = kind.startsWith('integer') ? 'an integer' : 'a number';
  throw badSpec(`${what} must be ${needed}, got ${show(text)}`);
}

/** An error about a SPEC. */
export function badSpec(message: string): AggregationError {
  return new AggregationError('bad-spec', message);
}
