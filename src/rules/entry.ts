/**
 * What the list of rules knows of each rule and stage: how its options are read from text, and which
 * options suit a cohort. The command line, the law tests, the conformance runner and the table in the
 * documentation derive from it.
 *
 * What no program asks for stands in the comment of the line: the paper that defines it, what it
 * promises, and what it costs, on the wide rows and then on the host. scripts/rule-table.ts reads them.
 *
 * @module
 */

import {
  integer,
  type Options,
  type Parameter,
  type Schema,
  type SchemaOf,
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
  /**
   * Options that have the unit of an update: they take the factor in the law `joint-scale`. Samples
   * and variants state them where they matter, defaults too.
   */
  readonly scaled?: readonly string[];
}

/** What a rule or stage gives to enter the list: what `Made` is, and how it is made from options O. */
export interface Definition<O extends object, Made> extends Description {
  readonly parameters: SchemaOf<O>;
  /** The factory. */
  readonly make: (options: O) => Made;
  /** Options that suit a cohort; the laws are tested on what they make. */
  readonly sample: (cohort: Cohort) => O;
  /** Further options that suit a cohort: presets and choices with laws of their own. */
  readonly variants?: (cohort: Cohort) => readonly O[];
}

interface Erased<Made> extends Description {
  readonly parameters: Schema;
  /** The factory; takes what the schema reads. */
  make(options: Options): Made;
  /** Options that suit a cohort. */
  sample(cohort: Cohort): Options;
  /** Further options that suit a cohort; may be none. */
  variants(cohort: Cohort): readonly Options[];
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

/** Describes a rule whose factory takes the options O. */
export function defineRule<O extends object>(definition: Definition<O, Rule>): RuleEntry {
  return { kind: 'rule', ...erase(definition) };
}

/** Describes a stage whose factory takes the options O. */
export function defineStage<O extends object>(definition: Definition<O, Stage>): StageEntry {
  return { kind: 'stage', ...erase(definition) };
}

/** Forgets the types of the options: who calls `make` has read them with the same schema. */
function erase<O extends object, Made>(definition: Definition<O, Made>): Erased<Made> {
  const { make, sample, variants = () => [], parameters, ...description } = definition;
  return {
    ...description,
    parameters: parameters as Schema,
    make: (options) => make(options as O),
    sample: (cohort) => sample(cohort) as Options,
    variants: (cohort) => variants(cohort) as readonly Options[],
  };
}

/** The lines of the list among what modules export, by name. */
export function entriesOf(exported: Readonly<Record<string, unknown>>): Entry[] {
  return Object.values(exported)
    .filter((value): value is Entry => (value as Partial<Entry> | null)?.parameters !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The option that most rules share. */
export const f: Parameter<number, true> = integer('clients that may be Byzantine');
