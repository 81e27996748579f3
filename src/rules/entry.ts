/**
 * What the list of rules knows of each rule and stage: how its options are read from text, where it
 * comes from, what it promises and costs. The command line, the law tests, the conformance runner
 * and the table in the documentation derive from it.
 *
 * @module
 */

import {
  integer,
  type Options,
  type Parameter,
  type Schema,
  type Values,
} from '../core/parameter.ts';
import type { Rule, Stage } from './rule.ts';

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

/** The option that most rules share. */
export const f: Parameter<number, true> = integer('clients that may be Byzantine');
