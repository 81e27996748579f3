/**
 * What the tests of laws and robustness examine: every line of the list of rules, with the options
 * that it calls its sample and its variants; and pipelines.
 *
 * @module
 */

import type { Options } from '../../src/core/parameter.ts';
import type { Cohort, Entry } from '../../src/rules/entry.ts';
import { allRules } from '../../src/rules/full-list.ts';
import { pipeline } from '../../src/rules/pipeline.ts';
import type { Law, Rule, Stage } from '../../src/rules/rule.ts';

/** A rule or stage with its options chosen. */
export interface Subject {
  /** The rule's name; of a variant, a SPEC. */
  readonly name: string;
  readonly kind: 'rule' | 'stage' | 'pipeline';
  /** Name in the list; of a pipeline, its own. */
  readonly entry: string;
  readonly laws: readonly Law[];
  /** Whether options take the factor in the law `joint-scale`. */
  readonly scaled: boolean;
  readonly options: (cohort: Cohort) => Options;
  /** For `joint-scale`, with every option that has the unit of an update times `factor`. */
  readonly make: (cohort: Cohort, factor?: number) => Stage;
}

/**
 * Pipelines without a rule that selects at the end: mixed rows are rounded, and values that tie or
 * almost do after mixing are selected anew when all rows move.
 */
const PIPELINES: Readonly<Record<string, readonly string[]>> = {
  'arc+trimmed-mean': ['arc', 'trimmed-mean'],
  'bucketing+trimmed-mean': ['bucketing', 'trimmed-mean'],
  'clip-norm+nnm+trimmed-mean': ['clip-norm', 'nnm', 'trimmed-mean'],
  'nnm+trimmed-mean': ['nnm', 'trimmed-mean'],
};

/** Some cohort, for what does not depend on it. */
const ANY: Cohort = { n: 11, f: 1 };

/** All that the list offers: every line with its sample, then with each of its variants. */
export const subjects: readonly Subject[] = allRules.flatMap((entry) => [
  subjectOf(entry.name, entry, entry.sample),
  ...entry
    .variants(ANY)
    .map((options, i) =>
      subjectOf(nameOf(entry, options), entry, (cohort) => entry.variants(cohort)[i]!),
    ),
]);

/** Some pipelines. They have the laws that follow from those of their parts, and maybe more. */
export const pipelineSubjects: readonly Subject[] = Object.entries(PIPELINES).map(
  ([name, parts]): Subject => {
    const made = parts.map(subjectCalled);
    const make = (cohort: Cohort, factor = 1): Rule =>
      pipeline(...(made.map((part) => part.make(cohort, factor)) as [...Stage[], Rule]));
    const options = (): Options => ({});
    const scaled = made.some((part) => part.scaled);
    return { name, kind: 'pipeline', entry: name, laws: make(ANY).laws, scaled, options, make };
  },
);

function subjectOf(name: string, entry: Entry, options: (cohort: Cohort) => Options): Subject {
  const units = (entry.scaled ?? []).filter((option) => options(ANY)[option] !== undefined);
  const make = (cohort: Cohort, factor = 1): Stage => {
    const chosen: Record<string, unknown> = { ...options(cohort) };
    for (const option of units) chosen[option] = (chosen[option] as number) * factor;
    return entry.make(chosen);
  };
  const scaled = units.length > 0;
  return { name, kind: entry.kind, entry: entry.name, laws: make(ANY).laws, scaled, options, make };
}

/** The SPEC of a variant for 11 clients and f = 1, without what the sample has too. */
function nameOf(entry: Entry, options: Options): string {
  const sample = entry.sample(ANY);
  const list = Object.entries(options).filter(([key, value]) => value !== sample[key]);
  const text = ([key, value]: [string, unknown]): string =>
    `${key}=${Array.isArray(value) ? `${value[0]}/${value[1]}/…` : value}`;
  return `${entry.name}:${list.map(text).join(',')}`;
}

/** The subject of that name. */
export function subjectCalled(name: string): Subject {
  const found = subjects.find((subject) => subject.name === name);
  if (found === undefined) throw new RangeError(`there is no subject ${name}`);
  return found;
}
