/**
 * What the list of rules knows of each rule and stage: how its options are read from text, where it
 * comes from, what it promises and costs. The command line, the law tests, the conformance runner
 * and the table in the documentation derive from it.
 *
 * @module
 */

import type { Rule, Stage } from './rule.ts';

/** One option of a rule: how its text in a SPEC is read. */
export interface Parameter<T = unknown, Required extends boolean = boolean> {
  readonly required: Required;
  /** What it means, in a few words. */
  readonly meaning: string;
  /** What its text must be, as it reads in a message. */
  readonly wants: string;
  /** The value, or undefined if the text is not one. */
  read(text: string): T | undefined;
}

/** The options of a rule by name. */
export type Schema = Readonly<Record<string, Parameter>>;

/** The object that a schema describes. */
export type Values<S extends Schema> = {
  readonly [K in keyof S as S[K]['required'] extends true ? K : never]: ValueOf<S[K]>;
} & {
  readonly [K in keyof S as S[K]['required'] extends true ? never : K]?: ValueOf<S[K]>;
};
type ValueOf<P> = P extends Parameter<infer T> ? T : never;

/** Options whose names and types a schema has checked. */
export type Options = Readonly<Record<string, unknown>>;

/** How many clients a sample is for, and how many of them may be Byzantine. */
export interface Cohort {
  readonly n: number;
  readonly f: number;
}

interface Description {
  /** As written in a SPEC; the factory's name in kebab-case, and the name of the file. */
  readonly name: string;
  /** Where the definition comes from. */
  readonly paper: string;
  /** What the rule promises, and when. */
  readonly guarantee: string;
  /** Time on the wide rows, then on the host. */
  readonly cost: string;
  /** Options that have the unit of an update: they take the factor in the law `joint-scale`. */
  readonly scaled?: readonly string[];
}

/** What a rule or stage gives to enter the list: what `Made` is, and how it is made. */
export interface Definition<S extends Schema, Made> extends Description {
  readonly parameters: S;
  /** The factory. */
  readonly make: (options: Values<S>) => Made;
  /** Options that suit a cohort; the laws are tested on what they make. */
  readonly sample: (cohort: Cohort) => Values<S>;
}

interface Erased<Made> extends Description {
  readonly parameters: Schema;
  /** The factory; takes what the schema reads. */
  make(options: Options): Made;
  /** Options that suit a cohort. */
  sample(cohort: Cohort): Options;
}

/** A rule in the list. */
export interface RuleEntry extends Erased<Rule> {
  readonly kind: 'rule';
}

/** A stage in the list. */
export interface StageEntry extends Erased<Stage> {
  readonly kind: 'stage';
}

/** A line of the list of rules. */
export type Entry = RuleEntry | StageEntry;

/** Describes a rule for the list. Its factory must take what its schema reads. */
export function defineRule<S extends Schema>(definition: Definition<S, Rule>): RuleEntry {
  return { kind: 'rule', ...erase(definition) };
}

/** Describes a stage for the list. Its factory must take what its schema reads. */
export function defineStage<S extends Schema>(definition: Definition<S, Stage>): StageEntry {
  return { kind: 'stage', ...erase(definition) };
}

/** Forgets the types of the options: who calls `make` has read them with the same schema. */
function erase<S extends Schema, Made>(definition: Definition<S, Made>): Erased<Made> {
  return { ...definition, make: (options) => definition.make(options as Values<S>) };
}

/** Whether a value is a line of the list of rules. */
export function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && 'kind' in value && 'parameters' in value;
}

/** Makes an option one that may be left out. */
export function optional<T>(parameter: Parameter<T>): Parameter<T, false> {
  return { ...parameter, required: false };
}

/** An integer, in decimal digits. */
export function integer(meaning: string): Parameter<number, true> {
  return { required: true, meaning, wants: 'an integer', read: readInteger };
}

/** A finite number, in decimal notation. */
export function real(meaning: string): Parameter<number, true> {
  return { required: true, meaning, wants: 'a number', read: readReal };
}

/** Integers, with a slash between them. */
export function integers(meaning: string): Parameter<readonly number[], true> {
  const wants = 'integers with / between them';
  return { required: true, meaning, wants, read: (text) => readList(text, readInteger) };
}

/** Finite numbers, with a slash between them. */
export function reals(meaning: string): Parameter<readonly number[], true> {
  const wants = 'numbers with / between them';
  return { required: true, meaning, wants, read: (text) => readList(text, readReal) };
}

/** One of a few words. */
export function word<const W extends string>(
  meaning: string,
  words: readonly W[],
): Parameter<W, true> {
  const wants = `one of ${words.join(', ')}`;
  return { required: true, meaning, wants, read: (text) => words.find((w) => w === text) };
}

/** The option that most rules share. */
export const f: Parameter<number, true> = integer('clients that may be Byzantine');

function readInteger(text: string): number | undefined {
  const value = readReal(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function readReal(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function readList<T>(text: string, read: (item: string) => T | undefined): T[] | undefined {
  const items = text.split('/').map(read);
  return items.every((item) => item !== undefined) ? items : undefined;
}
