/**
 * Rules and attacks under the SPEC that names them.
 *
 * @module
 */

import type { Attack } from '../attacks/attack.ts';
import { parseAttack } from '../attacks/list.ts';
import type { Ops } from '../backend/kernels.ts';
import { allRules } from '../rules/full-list.ts';
import type { Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';

/** A rule and its SPEC. */
export interface NamedRule {
  readonly name: string;
  readonly rule: Rule;
}

/** An attack and its SPEC. */
export interface NamedAttack {
  readonly name: string;
  /** The attack on a given rule: optimised attacks know the defence that they face. */
  against(rule: Rule, ops: Ops): Attack;
}

/** @throws {AggregationError} `bad-spec` if `spec` names no rule. */
export function namedRule(spec: string): NamedRule {
  return { name: spec, rule: parseRule(spec, allRules) };
}

/** @throws {AggregationError} `bad-spec` if `spec` names no attack. */
export function namedAttack(spec: string): NamedAttack {
  const named: NamedAttack = {
    name: spec,
    against: (rule, ops) =>
      parseAttack(spec, { defence: async (x) => (await rule.apply(x, ops, {})).value }),
  };
  // A SPEC that says nothing is the caller's mistake now, not the first round's.
  parseAttack(spec, { defence: async (x) => x });
  return named;
}
