/**
 * A canary audit: how private a release is at most, found by trying to tell two neighbouring rounds
 * apart.
 *
 * Whoever can say, from the result alone, which of two neighbours it came from, refutes every ε below
 * ln((TPR − δ)/FPR): TPR and FPR are the chances that it names the second where it is the second, and
 * where it is the first. Both are bounded from counts, so that what comes out is a lower bound on the ε
 * of the release with a stated confidence. An accountant's ε below it is wrong, or the release is not
 * what was accounted for. A low bound proves nothing: the adversary may just have been weak.
 *
 * Jagielski, Ullman, Oprea. "Auditing differentially private machine learning: how private is private
 * SGD?", NeurIPS 2020; Kairouz, Oh, Viswanath. "The composition theorem for differential privacy",
 * 2015, for what (ε, δ) says about tests.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { assertFinite, assertInteger, show } from '../core/assert.ts';
import { assertDelta } from '../privacy/accountants/accountant.ts';
import type { BudgetFilter } from '../privacy/ledger/filter.ts';
import { type Charging, openLedger } from '../privacy/ledger/ledger.ts';
import { MemoryStorage } from '../privacy/ledger/storage.ts';
import { type PrivateRelease, type PrivateUpdate, releasePrivately } from '../private-release.ts';
import { type Counted, lowerBound, upperBound } from './binomial-interval.ts';
import { rehearse } from './rehearsal.ts';

/** Scores of repetitions on two neighbouring inputs: the more, the rather it was the second. */
export interface Scores {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** What a bound holds for. */
export interface BoundOptions {
  /** δ of the (ε, δ) that is refuted, in (0, 1). */
  readonly delta: number;
  /** With how much confidence, in (0, 1). Default 0.99. */
  readonly confidence?: number;
}

/** What an audit found. */
export interface AuditResult {
  /** With the confidence asked for, the release is not (ε, δ)-private for any ε below; at least 0. */
  readonly epsilon: number;
  /** The test that was made: says which neighbour's result it takes for itself from the score. */
  readonly test: ScoreTest;
  /** How often the test was right to say yes. */
  readonly truePositives: Counted;
  /** How often it was wrong to. */
  readonly falsePositives: Counted;
}

/** A test by a threshold. */
export interface ScoreTest {
  /** `second`: says yes to scores of at least the threshold. `first`: to those below. */
  readonly says: 'first' | 'second';
  readonly threshold: number;
}

const CONFIDENCE = 0.99;
/** Thresholds that are tried: quantiles of the scores. More would fit the noise of their half. */
const CANDIDATES = 64;

/**
 * A lower bound on ε from scores. The first half of each input's scores chooses the test, the other half
 * counts: so the choice costs no confidence. What is left of it is divided between both chances.
 *
 * @throws {RangeError} if there are fewer than two scores of an input.
 */
export function epsilonFromScores(scores: Scores, options: BoundOptions): AuditResult {
  const { delta, confidence = CONFIDENCE } = options;
  assertDelta(delta);
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`confidence must be in (0, 1), got ${show(confidence)}`);
  }
  const choosing = { first: half(scores.first, 0), second: half(scores.second, 0) };
  const counting = { first: half(scores.first, 1), second: half(scores.second, 1) };
  const test = bestTest(choosing, delta);
  const { truePositives, falsePositives } = countsOf(test, counting);
  const alpha = (1 - confidence) / 2;
  const epsilon = refuted({
    truePositive: lowerBound(truePositives, alpha),
    falsePositive: upperBound(falsePositives, alpha),
    delta,
  });
  return { epsilon, test, truePositives, falsePositives };
}

function half(scores: readonly number[], which: 0 | 1): number[] {
  assertInteger('scores of an input', scores.length, 2);
  const middle = Math.floor(scores.length / 2);
  const part = which === 0 ? scores.slice(0, middle) : scores.slice(middle);
  for (const score of part) assertFinite('score', score);
  return part;
}

/** ln((TPR − δ)/FPR), or 0: nothing is refuted. */
function refuted({
  truePositive,
  falsePositive,
  delta,
}: {
  readonly truePositive: number;
  readonly falsePositive: number;
  readonly delta: number;
}): number {
  const surplus = truePositive - delta;
  return surplus > falsePositive ? Math.log(surplus / falsePositive) : 0;
}

function countsOf(
  { says, threshold }: ScoreTest,
  { first, second }: Scores,
): Pick<AuditResult, 'truePositives' | 'falsePositives'> {
  const yes = (score: number) => score >= threshold === (says === 'second');
  const count = (scores: readonly number[]): Counted => ({
    successes: scores.filter(yes).length,
    trials: scores.length,
  });
  const [own, other] = says === 'second' ? [second, first] : [first, second];
  return { truePositives: count(own), falsePositives: count(other) };
}

/** The test that promises most, by what intervals in closed form say of the scores. */
function bestTest(scores: Scores, delta: number): ScoreTest {
  const all = [...scores.first, ...scores.second].sort((a, b) => a - b);
  const quantile = (i: number) => all[Math.floor((i * (all.length - 1)) / CANDIDATES)]!;
  const tests = Array.from({ length: CANDIDATES + 1 }, (_, i): ScoreTest[] => [
    { says: 'second', threshold: quantile(i) },
    { says: 'first', threshold: quantile(i) },
  ]).flat();
  const promises = tests.map((test) => {
    const { truePositives, falsePositives } = countsOf(test, scores);
    const truePositive = wilson(truePositives, -Z);
    return refuted({ truePositive, falsePositive: wilson(falsePositives, Z), delta });
  });
  return tests[promises.indexOf(Math.max(...promises))]!;
}

/** Standard errors of the intervals that thresholds are chosen by: one in 200 lies beyond, on a side. */
const Z = 2.6;

/** Wilson's score limit: the chance from which the count is `z` standard errors away. 1927. */
function wilson({ successes, trials }: Counted, z: number): number {
  const rate = successes / trials;
  const square = z ** 2 / trials;
  const width = z * Math.sqrt((rate * (1 - rate)) / trials + square / (4 * trials));
  return (rate + square / 2 + width) / (1 + square);
}

/** Options of {@link auditRelease}. */
export interface AuditOptions extends BoundOptions {
  readonly release: PrivateRelease;
  /** Updates of two neighbouring rounds, chosen to be far apart. */
  readonly first: ReadonlyMap<string, PrivateUpdate>;
  readonly second: ReadonlyMap<string, PrivateUpdate>;
  /** Who was chosen: everybody that either round has updates of. */
  readonly cohort: readonly string[];
  /** The way from the first result to the second without noise; results are scored along it. */
  readonly direction: readonly number[];
  /** Repetitions of each of the two. */
  readonly repetitions: number;
  /** 32 bytes that fix the noise. */
  readonly seed: Uint8Array;
  /** Stays open. */
  readonly backend: Backend;
  /** What makes a release; default: what is made of rounds in earnest. */
  readonly audited?: typeof releasePrivately;
}

/**
 * Audits a release: many rehearsed rounds of either neighbour, each with noise of its own, told apart by
 * where they lie along the direction. Takes two rounds for each repetition.
 *
 * @throws as the release does, or if an option is out of its range.
 */
export async function auditRelease(options: AuditOptions): Promise<AuditResult> {
  const { release, repetitions, seed } = options;
  assertInteger('repetitions', repetitions, 4, 2 ** 24);
  const storage = new MemoryStorage();
  const { relation } = release;
  const ledger = await openLedger({ storage, filter: admitAll(options), unit: 'client', relation });
  const rehearsed = rehearse(ledger, seed);
  const first: number[] = [];
  const second: number[] = [];
  for (let round = 0; round < repetitions; round++) {
    first.push(await scoreOf(options.first, options, { round, ledger: rehearsed }));
    second.push(await scoreOf(options.second, options, { round, ledger: rehearsed }));
  }
  return epsilonFromScores({ first, second }, options);
}

/** Nothing is private of a rehearsal, so that there is nothing to refuse. */
function admitAll({ delta }: AuditOptions): BudgetFilter {
  return { budget: { epsilon: 1, delta }, settings: {}, charge() {}, epsilon: () => 0 };
}

async function scoreOf(
  updates: ReadonlyMap<string, PrivateUpdate>,
  options: AuditOptions,
  { round, ledger }: { readonly round: number; readonly ledger: Charging },
): Promise<number> {
  const { release, cohort, direction, repetitions, backend, audited = releasePrivately } = options;
  const cols = direction.length;
  const common = { cohort, cols, ledger, backend, rounds: 2 * repetitions };
  const { value } = await audited(updates, release, { ...common, round });
  return value.reduce((sum, entry, j) => sum + entry * direction[j]!, 0);
}
