/**
 * From the names of the golden vectors to ours: what stands for each of their rules, with the
 * constraint of the library that the case came from.
 *
 * @module
 */

import { alie } from '../../attacks/alie.ts';
import type { Attack } from '../../attacks/attack.ts';
import { gaussian } from '../../attacks/gaussian.ts';
import { inf } from '../../attacks/inf.ts';
import { ipm } from '../../attacks/inner-product.ts';
import { mimic } from '../../attacks/mimic.ts';
import { optimisedAlie, optimisedIpm } from '../../attacks/optimised.ts';
import { signFlip } from '../../attacks/sign-flip.ts';
import type { Matrix, Ops } from '../../backend/kernels.ts';
import { show } from '../../core/assert.ts';
import { FormatError } from '../../core/errors.ts';
import { bulyan } from '../../rules/bulyan.ts';
import { caf } from '../../rules/caf.ts';
import { centeredClipping } from '../../rules/centered-clipping.ts';
import { geometricMedian } from '../../rules/geometric-median.ts';
import { krum } from '../../rules/krum.ts';
import type { KrumPreset } from '../../rules/krum-scores.ts';
import { mda } from '../../rules/mda.ts';
import { meaMed } from '../../rules/mea-med.ts';
import { mean } from '../../rules/mean.ts';
import { median } from '../../rules/median.ts';
import { monna } from '../../rules/monna.ts';
import { multiKrum } from '../../rules/multi-krum.ts';
import { pipeline } from '../../rules/pipeline.ts';
import { arc } from '../../rules/pre/arc.ts';
import { bucketing } from '../../rules/pre/bucketing.ts';
import { clipNorm } from '../../rules/pre/clip-norm.ts';
import { nnm } from '../../rules/pre/nnm.ts';
import type { Round, Rule, Stage } from '../../rules/rule.ts';
import { smea } from '../../rules/smea.ts';
import { trimmedMean } from '../../rules/trimmed-mean.ts';
import { trimmedMeanBeta } from '../../rules/trimmed-mean-beta.ts';
import { weightedMean } from '../../rules/weighted-mean.ts';
import type { Fields } from './fields.ts';

/** What answers a case: updates in, result out. */
export type Subject = (x: Matrix, ops: Ops) => Promise<Matrix>;

type Factory<T> = (params: Fields, n: number) => T;

/**
 * The subject for a golden rule that is {@link isKnown}, on n updates.
 *
 * @throws {FormatError} `malformed` if a parameter is missing or of the wrong kind, `unsupported`
 *   if it asks for a step or a search that we do not have.
 * @throws {RangeError} or {TypeError} if the rule refuses a parameter’s value.
 */
export function subjectFor(rule: string, params: Fields, n: number): Subject {
  return SUBJECTS[rule]!(params, n);
}

/** Whether there is a subject for a golden rule. */
export function isKnown(rule: string): boolean {
  return Object.hasOwn(SUBJECTS, rule);
}

const RULES: Readonly<Record<string, Factory<Rule>>> = {
  mean: () => mean(),
  weighted_mean: (p) => weightedMean({ weights: p.numbers('weights') }),
  median: () => median(),
  trimmed_mean: (p) => trimmedMean({ f: p.integer('f') }),
  trimmed_mean_beta: (p) => trimmedMeanBeta({ beta: p.number('beta') }),
  meamed: (p) => meaMed({ f: p.integer('f') }),
  geometric_median: (p) => geometricMedian({ nu: p.number('nu'), iterations: p.integer('T') }),
  geometric_median_exact: () => geometricMedian({}),
  krum: (p, n) => krum({ f: p.integer('f'), preset: krumPreset(p, n) }),
  multi_krum: (p, n) =>
    multiKrum({
      f: p.integer('f'),
      m: p.integer('m'),
      preset: krumPreset(p, n),
      weighting: p.has('weights') ? 'examples' : 'uniform',
    }),
  bulyan: (p) => bulyan({ f: p.integer('f') }),
  mda: (p) => mda({ f: p.integer('f') }),
  monna: (p) => monna({ f: p.integer('f'), trusted: p.integer('idx') }),
  centered_clipping: (p) => centeredClipping({ tau: p.number('tau'), iterations: p.integer('L') }),
  smea: (p) => smea({ f: p.integer('f') }),
  caf: (p) => caf({ f: p.integer('f'), tauMax: p.word('tau_max', ['all', 'active']) }),
};

const STAGES: Readonly<Record<string, Factory<Stage>>> = {
  clipping: (p) => clipNorm({ max: p.number('c') }),
  arc: (p) => arc({ f: p.integer('f') }),
  nnm: (p) => nnm({ f: p.integer('f') }),
  bucketing: (p, n) =>
    bucketing({ size: p.integer('s'), permutation: p.integers('perm', 0, n - 1) }),
};

const ATTACKS: Readonly<Record<string, Factory<Attack>>> = {
  attack_sign_flipping: () => signFlip(),
  attack_ipm: (p) => ipm({ tau: p.number('tau') }),
  attack_alie: (p) => alie({ tau: p.number('tau') }),
  attack_mimic: (p, n) => mimic({ client: p.integer('epsilon', 0, n - 1) }),
  attack_inf: () => inf(),
  attack_gaussian: (p) =>
    gaussian({
      mean: p.number('mu'),
      stdDev: p.number('sigma'),
      draw: p.numbers('standard_normal'),
    }),
};

const SUBJECTS: Readonly<Record<string, Factory<Subject>>> = {
  ...mapValues(RULES, (make) => (p, n) => staged(make(p, n), p)),
  ...mapValues(STAGES, (make) => (p, n) => staged(make(p, n), p)),
  pipeline: (p, n) => staged(pipelineOf(p.objects('steps'), n), p),
  ...mapValues(ATTACKS, (make) => (p, n) => attacking(make(p, n), 1)),
  attack_opt_ipm: (p, n) => optimised(optimisedIpm, p, n),
  attack_opt_alie: (p, n) => optimised(optimisedAlie, p, n),
};

/** Libraries differ in Krum's neighbours, and in which n and m they admit at all. */
function krumPreset(params: Fields, n: number): KrumPreset {
  const neighbours = params.has('neighbours')
    ? params.word('neighbours', ['n-f-1', 'n-f-2'])
    : 'n-f-1';
  if (neighbours === 'n-f-1') return 'byzfl';
  const f = params.integer('f');
  const m = params.has('m') ? params.integer('m') : 1;
  return n >= 2 * f + 3 && n >= m + f + 2 ? 'paper' : 'flower';
}

function staged(stage: Stage, params: Fields): Subject {
  const weights = params.has('weights') ? { exampleCounts: params.numbers('weights') } : {};
  const start = params.has('v0') ? Float32Array.from(params.numbers('v0')) : undefined;
  return async (x, ops) => {
    const reference = start === undefined ? {} : { reference: ops.matrix([start]) };
    const round: Round = { ...weights, ...reference };
    return (await stage.apply(x, ops, round)).value;
  };
}

function pipelineOf(steps: readonly Fields[], n: number): Rule {
  const [last, ...before] = [...steps].reverse();
  if (last === undefined) throw new FormatError('malformed', 'a pipeline must have a step');
  const stages: Stage[] = [];
  let rows = n;
  for (const step of before.reverse()) {
    const stage = lookUp(STAGES, step)(step, rows);
    stages.push(stage);
    rows = stage.rowsOut?.(rows) ?? rows;
  }
  return pipeline(...stages, lookUp(RULES, last)(last, rows));
}

function lookUp<T>(factories: Readonly<Record<string, T>>, step: Fields): T {
  const rule = step.string('rule');
  if (Object.hasOwn(factories, rule)) return factories[rule]!;
  throw new FormatError('unsupported', `${step.where}.rule is not known here: ${show(rule)}`);
}

function attacking(attack: Attack, attackers: number): Subject {
  return async (honest, ops) => (await attack.craft(honest, ops, { attackers })).value;
}

function optimised(make: typeof optimisedIpm, params: Fields, n: number): Subject {
  const attackers = params.integer('f', 1);
  const evaluations = params.integer('evals', 1, 10_000);
  requireSearch(params);
  const steps = [...params.objects('pre'), params.object('aggregator')];
  const rule = pipelineOf(steps, n + attackers);
  return (honest, ops) => {
    const defence = async (x: Matrix): Promise<Matrix> => (await rule.apply(x, ops, {})).value;
    return attacking(make({ defence, evaluations }), attackers)(honest, ops);
  };
}

/** The search has one schedule; a case with another would test something else. */
function requireSearch(params: Fields): void {
  const [start, delta, ratio] = ['start', 'delta', 'ratio'].map((key) => params.number(key));
  if (start === 0 && delta === 10 && ratio === 0.8) return;
  const needed = 'start 0, delta 10 and ratio 0.8';
  throw new FormatError('unsupported', `${params.where} must search with ${needed}`);
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
