/**
 * How far one unit can move what is released: composed along the whole path from contributions to
 * result, never assumed of a part.
 *
 * The bounds of stages and rules stand with them (`sensitivity` in their files); this is where they
 * meet what the round promises: who counts as a neighbour, how many there are, how long a row may be.
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../core/assert.ts';
import { PrivacyError } from '../core/errors.ts';
import type { Sensitivity } from '../core/sensitivity.ts';
import type { Relation } from './event.ts';

/** What one unit's part in a round is, before anything is combined. */
export interface Contributions {
  /** Which rounds are neighbours. */
  readonly relation: Relation;
  /** No row is longer than this (L2): rows are clipped before anything else looks at them. */
  readonly norm: number;
}

/** A rule, as far as its influence goes: what makes one result of all rows. */
export interface Bounded {
  readonly name: string;
  readonly sensitivity: Sensitivity;
}

/** A result that is released. */
export type Statistic =
  /**
   * Sum of weighted rows over a public constant; a row's weight is capped by `weight`, by default 1.
   * The number of rows may be private.
   */
  | { readonly kind: 'sum'; readonly denominator: number; readonly weight?: number }
  /** What a rule makes of exactly so many rows: who is missing or refused counts as a row of zeros. */
  | { readonly kind: 'rule'; readonly rule: Bounded; readonly rows: number };

/**
 * The L2 sensitivity of a statistic: how far it moves, at most, between any two neighbours.
 *
 * - Sum over m: w·C/m where a unit is added, removed or zeroed, 2w·C/m where it is replaced.
 * - A rule: its own bound for one row that moves by C (zeroed) or 2C (replaced). With rows added or
 *   removed every order statistic may pass over to another row; of the trimmed mean the sum of kept
 *   values then moves by more than C, and no bound is offered.
 *
 * @throws {PrivacyError} `unsupported` where no bound is known; the message says of what and why.
 * @throws {AggregationError} `constraint` where the rule does not admit so many rows.
 */
export function sensitivityOf(statistic: Statistic, { relation, norm }: Contributions): number {
  assertPositive('norm', norm);
  const moved = relation === 'replace-one' ? 2 * norm : norm;
  if (statistic.kind === 'sum') {
    const { denominator, weight = 1 } = statistic;
    return (assertPositive('weight', weight) * moved) / assertPositive('denominator', denominator);
  }
  const { rule } = statistic;
  const rows = assertInteger('rows', statistic.rows, 1);
  if (relation === 'add-remove') {
    throw refused(rule, 'rows are added and removed, and its bound is for a fixed number of them');
  }
  // Whoever comes without types may bring any rule.
  const bound: Sensitivity | undefined = rule.sensitivity;
  if (bound === undefined) {
    throw refused(rule, 'one client may decide which update is taken');
  }
  try {
    return bound({ rows, norm, moved, single: true }).moved;
  } catch (cause) {
    if (cause instanceof RangeError) throw refused(rule, cause.message, { cause });
    throw cause;
  }
}

function refused(rule: Bounded, why: string, options?: ErrorOptions): PrivacyError {
  return new PrivacyError(
    'unsupported',
    `no bound on one unit’s influence on ${show(rule.name)} is known: ${why}`,
    options,
  );
}
