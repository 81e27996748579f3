/**
 * What keeps rounds under masks from being as a configuration asks, with the inequality that fails and its
 * numbers.
 *
 * @module
 */

import { AggregationError, PrivacyError, SecureError } from '../core/errors.ts';
import type { Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';
import { planGroups } from '../secagg/groups.ts';
import type { ConfigProblem } from './config.ts';
import { fixedMembers } from './private-rounds.ts';
import type { RunConfig, SecureConfig } from './run-config.ts';
import { planSecure, planTerms, type SecureRun, sharesOf } from './secure-plan.ts';

/** Entries of an update where none is known yet: sums with noise have the most room in long ones. */
const MANY = 2 ** 24;

/** Problems of the `secure` block and what it touches; none where there is no such block. */
export function secureProblems(config: RunConfig): ConfigProblem[] {
  const { secure, round } = config;
  if (secure === undefined) return [];
  const problems: ConfigProblem[] = [];
  if (round.lateJoin) {
    const reason = 'who is in a round under masks is fixed when it opens';
    problems.push({ path: 'round.lateJoin', reason });
  }
  if (round.closing === 'wanted') {
    const reason = 'masks are taken off a sum of all whose inputs came: take all';
    problems.push({ path: 'round.closing', reason });
  }
  if (round.wanted !== undefined && secure.minSum > round.wanted) {
    const reason = `must be at most round.wanted, ${round.wanted}, got ${secure.minSum}`;
    problems.push({ path: 'secure.minSum', reason });
  }
  if (sharesOf(config) !== undefined && fixedMembers(config) === undefined) {
    const reason = 'is missing: shares of noise are planned for a fixed number of members';
    problems.push({ path: 'selection.count', reason });
  }
  const fault = infeasible({ ...config, secure });
  if (fault !== undefined) problems.push({ path: 'secure', reason: fault });
  return problems;
}

/** Rounds of the number that is to be expected. */
function infeasible(config: RunConfig & SecureRun): string | undefined {
  const { secure, round } = config;
  const clients = fixedMembers(config) ?? Math.max(round.wanted ?? 0, leastOf(secure));
  try {
    if (secure.kind === 'groups') requireGroups(config, { secure, clients });
    planSecure(config, { clients, dimensions: MANY });
    return undefined;
  } catch (error) {
    const kinds = [AggregationError, PrivacyError, SecureError, RangeError];
    if (!kinds.some((kind) => error instanceof kind)) throw error;
    return (error as Error).message;
  }
}

/** The fewest members that make a round at all. */
function leastOf(secure: SecureConfig): number {
  return secure.kind === 'groups' ? Math.max(secure.groupSize, secure.minSum) : secure.minSum;
}

/** That privacy, robustness and dropouts leave a size for groups: what none of them alone decides. */
function requireGroups(
  config: RunConfig & SecureRun,
  {
    secure,
    clients,
  }: { secure: Extract<SecureConfig, { kind: 'groups' }>; readonly clients: number },
): void {
  const { corrupt, dropout, minSum, groupSize, byzantine } = secure;
  const tolerated = stands(config.rule);
  planGroups({
    clients,
    corrupt,
    dropout,
    ...planTerms,
    byzantine,
    minSum,
    groupSize,
    allowTinyGroups: true,
    ...(tolerated && { tolerated }),
  });
}

/** Spoilt rows that a rule stands, by its parameter; `undefined` for as many as a median does. */
function stands(spec: string): ((groups: number) => number) | undefined {
  const rule: Rule = parseRule(spec);
  const [, f] = /\bf=(\d+)/.exec(spec) ?? [];
  if (f !== undefined) return () => Number(f);
  return rule.laws.includes('bounded') ? undefined : () => 0;
}
