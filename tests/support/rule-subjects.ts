/**
 * What the tests of laws and robustness examine: every line of the list of rules, with the options
 * that it calls a sample; options under which a rule declares other laws; and pipelines.
 *
 * @module
 */

import type { Options } from '../../src/core/parameter.ts';
import type { Cohort, Entry } from '../../src/rules/entry.ts';
import { pipeline, rules } from '../../src/rules/index.ts';
import type { Law, Rule, Stage } from '../../src/rules/rule.ts';

/** A rule or stage with its options chosen. */
export interface Subject {
  /** A SPEC without the options that depend on the cohort. */
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

/** Options under which a rule declares other laws than with its sample. */
const VARIANTS: Readonly<Record<string, (cohort: Cohort) => Options>> = {
  'bulyan:preset=flower': ({ f }) => ({ f, preset: 'flower' }),
  'geometric-median:iterations=8,nu=0.1': () => ({ iterations: 8, nu: 0.1 }),
  'krum:preset=byzfl': ({ f }) => ({ f, preset: 'byzfl' }),
  'krum:preset=flower': ({ f }) => ({ f, preset: 'flower' }),
  'multi-krum:m=1': ({ f }) => ({ f, m: 1 }),
  'multi-krum:preset=byzfl': ({ f }) => ({ f, preset: 'byzfl' }),
  'multi-krum:preset=byzfl,m=5': ({ f }) => ({ f, preset: 'byzfl', m: 5 }),
  'multi-krum:preset=byzfl,weighting=examples': ({ f }) => ({
    f,
    preset: 'byzfl',
    weighting: 'examples',
  }),
  'multi-krum:preset=flower': ({ f }) => ({ f, preset: 'flower' }),
  'weighted-mean:weights=1/2/…': ({ n }) => ({
    weights: Array.from({ length: n }, (_, i) => i + 1),
  }),
};

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

/** Every line of the list of rules, with its sample. */
export const entrySubjects: readonly Subject[] = rules.map((entry) =>
  subjectOf(entry.name, entry, entry.sample),
);

/** All that the list offers: lines with their samples, then with other options. */
export const subjects: readonly Subject[] = [
  ...entrySubjects,
  ...Object.entries(VARIANTS).map(([name, options]) =>
    subjectOf(name, entryCalled(name.slice(0, name.indexOf(':'))), options),
  ),
];

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

function entryCalled(name: string): Entry {
  const found = rules.find((entry) => entry.name === name);
  if (found === undefined) throw new RangeError(`the list of rules has no ${name}`);
  return found;
}

/** The subject of that name. */
export function subjectCalled(name: string): Subject {
  const found = subjects.find((subject) => subject.name === name);
  if (found === undefined) throw new RangeError(`there is no subject ${name}`);
  return found;
}
