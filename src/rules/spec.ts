/**
 * SPECs: rules and pipelines written as text, as the command line takes them.
 *
 * A SPEC is one part or several with `+` between them; a part is a name, and after a colon options
 * with commas between them: `clip-norm:max=1+nnm:f=2+trimmed-mean:f=2`.
 *
 * @module
 */

import { AggregationError } from '../core/errors.ts';
import type { Entry, Options, Parameter, Schema } from './entry.ts';
import { rules } from './index.ts';
import { pipeline } from './pipeline.ts';
import type { Rule, Stage } from './rule.ts';

/** Joins parts; a plus before a digit belongs to a number such as 1e+5. */
const PLUS = /\+(?!\d)/;

/**
 * The rule that a SPEC describes.
 *
 * @throws {AggregationError} `bad-spec`: names what is wrong, and what there is to choose from.
 */
export function parseRule(spec: string): Rule {
  const parts = spec.split(PLUS).map((text) => parsePart(text));
  const last = parts.pop()!;
  if (last.kind === 'stage') {
    throw badSpec(`${last.name} is a stage: a rule must follow it, as in ${last.name}…+mean`);
  }
  const stages = parts.map((part) => {
    if (part.kind === 'stage') return part.value;
    throw badSpec(`${part.name} ends a pipeline: nothing can follow it`);
  });
  return stages.length === 0 ? last.value : pipeline(...stages, last.value);
}

type Part =
  | { readonly kind: 'rule'; readonly name: string; readonly value: Rule }
  | { readonly kind: 'stage'; readonly name: string; readonly value: Stage };

function parsePart(text: string): Part {
  const colon = text.indexOf(':');
  const name = (colon < 0 ? text : text.slice(0, colon)).trim();
  const entry = rules.find((candidate) => candidate.name === name);
  if (entry === undefined) throw unknownRule(name);
  const options = parseOptions(entry, colon < 0 ? '' : text.slice(colon + 1));
  try {
    return entry.kind === 'rule'
      ? { kind: 'rule', name, value: entry.make(options) }
      : { kind: 'stage', name, value: entry.make(options) };
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
    throw badSpec(`${name}: ${cause.message}`, { cause });
  }
}

function parseOptions({ name, parameters }: Entry, text: string): Options {
  const options: Record<string, unknown> = {};
  for (const option of text.split(',').filter((item) => item.trim() !== '')) {
    const [key, value] = splitOption(name, option);
    const parameter = Object.hasOwn(parameters, key) ? parameters[key] : undefined;
    if (parameter === undefined) throw unknownOption({ name, parameters }, key);
    if (Object.hasOwn(options, key)) throw badSpec(`${name} has the option ${key} twice`);
    options[key] = readOption(`option ${key} of ${name}`, parameter, value);
  }
  for (const [key, { required, meaning }] of Object.entries(parameters)) {
    if (required && !Object.hasOwn(options, key)) {
      throw badSpec(`${name} needs the option ${key} (${meaning}), as in ${name}:${key}=…`);
    }
  }
  return options;
}

function splitOption(name: string, option: string): [key: string, value: string] {
  const equals = option.indexOf('=');
  if (equals < 0) throw badSpec(`option of ${name} must read key=value, got "${option.trim()}"`);
  return [option.slice(0, equals).trim(), option.slice(equals + 1).trim()];
}

function readOption(what: string, parameter: Parameter, text: string): unknown {
  const value = parameter.read(text);
  if (value === undefined) throw badSpec(`${what} must be ${parameter.wants}, got "${text}"`);
  return value;
}

function unknownRule(name: string): AggregationError {
  const names = rules.map((entry) => entry.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return badSpec(`no rule is called "${name}"${hint} There are: ${names.join(', ')}`);
}

function unknownOption(
  { name, parameters }: { name: string; parameters: Schema },
  key: string,
): AggregationError {
  const keys = Object.keys(parameters);
  if (keys.length === 0) return badSpec(`${name} has no options, got "${key}"`);
  return badSpec(`${name} has no option "${key}"; its options are ${keys.join(', ')}`);
}

/** The word that takes the fewest edits, if they are few for its length. */
function nearest(text: string, words: readonly string[]): string | undefined {
  const plain = (s: string): string => s.toLowerCase().replaceAll(/[^a-z]/g, '');
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

function badSpec(message: string, options?: ErrorOptions): AggregationError {
  return new AggregationError('bad-spec', message, options);
}
