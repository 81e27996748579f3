/**
 * What a simulation's numbers say: who was left out, whether a defence held, as data for reports.
 *
 * @module
 */

import type { ClientReport } from '../aggregate.ts';
import type { Backend, BackendInfo } from '../backend/kernels.ts';
import { aggregateSent, type CourseOutcome } from './course.ts';
import type { NamedRule } from './named.ts';
import { CONTROL, type SimulationResult } from './simulate.ts';

/** Clients whose updates had no part in a course's last aggregate. */
export interface LeftOut {
  readonly attackers: readonly string[];
  readonly honest: readonly string[];
}

/**
 * Whom the last aggregation of a course left out: by the screen, by selection, or by a weight of 0.
 * `undefined` where the rule decides coordinate by coordinate, so that no client is in or out.
 */
export function leftOut(course: CourseOutcome, attackers: readonly string[]): LeftOut | undefined {
  const screened = course.clients.filter(({ verdict }) => verdict === 'excluded');
  const decided = course.clients.some(
    ({ weight, selected, verdict }) =>
      verdict !== 'excluded' && (weight !== undefined || selected !== undefined),
  );
  if (!decided && screened.length === 0) return undefined;
  const out = course.clients.filter(isLeftOut).map(({ client }) => client);
  return {
    attackers: out.filter((client) => attackers.includes(client)),
    honest: out.filter((client) => !attackers.includes(client)),
  };
}

/** Whether a client's update had no part in the aggregate. */
export function isLeftOut({ verdict, weight, selected }: ClientReport): boolean {
  return verdict === 'excluded' || weight === 0 || selected === false;
}

/** One thing that was expected of a simulation. */
export interface Expectation {
  readonly statement: string;
  readonly met: boolean;
}

/** Accuracy below which the undefended mean counts as broken. */
const BROKEN_BELOW = 0.4;
/** How far below the control a defence may end. */
const HOLDS_WITHIN = 0.05;

/**
 * What `sign-flip:scale=4` by a quarter of the clients must show: it breaks the mean, and NNM with
 * the trimmed mean holds. Rules that did not take part are not judged.
 */
export function expectations({ courses }: SimulationResult): Expectation[] {
  const accuracyOf = (pattern: RegExp) =>
    courses.find(({ name, attacked }) => attacked && pattern.test(name))?.final.accuracy;
  const control = courses.find(({ name }) => name === CONTROL)?.final.accuracy ?? 0;
  const undefended = accuracyOf(/^mean$/);
  const defended = accuracyOf(/^nnm\b[^+]*\+trimmed-mean\b[^+]*$/);
  const found: Expectation[] = [];
  if (undefended !== undefined) {
    found.push({
      statement: `the mean ends below ${percent(BROKEN_BELOW)}: ${percent(undefended)}`,
      met: undefended < BROKEN_BELOW,
    });
  }
  if (defended !== undefined) {
    found.push({
      statement:
        `NNM + trimmed mean ends within ${100 * HOLDS_WITHIN} points of the mean without ` +
        `attackers: ${percent(defended)} against ${percent(control)}`,
      met: defended >= control - HOLDS_WITHIN,
    });
  }
  return found;
}

/** A share as a percentage with one decimal. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** The same updates on two backends. */
export interface CrossCheck {
  /** The backend that the simulation did not run on. */
  readonly backend: BackendInfo;
  /** max |aᵢ − bᵢ| / max |aᵢ| for each rule, a from the simulation's backend. */
  readonly differences: readonly { readonly name: string; readonly relative: number }[];
  readonly seconds: number;
}

/** Aggregates the last round's updates by every rule on two backends. */
export async function crossCheck(
  result: SimulationResult,
  options: {
    readonly rules: readonly NamedRule[];
    readonly backend: Backend;
    readonly other: Backend;
  },
): Promise<CrossCheck> {
  const start = performance.now();
  const differences = [];
  for (const { name, rule } of options.rules) {
    const a = await aggregateSent(result.lastRound, { rule, backend: options.backend });
    const b = await aggregateSent(result.lastRound, { rule, backend: options.other });
    differences.push({ name, relative: relativeDifference(a.value, b.value) });
  }
  const seconds = (performance.now() - start) / 1000;
  return { backend: options.other.info, differences, seconds };
}

function relativeDifference(a: Float32Array, b: Float32Array): number {
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    largest = Math.max(largest, Math.abs(a[i]!));
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
  }
  return difference === 0 ? 0 : difference / largest;
}
