/**
 * What an attack is: what a coalition of clients sends in place of its own updates.
 *
 * The attacker modelled here is the field's strongest: its clients collude and know every honest
 * update of the round. An attack builds expressions and computes as little as possible, so it runs
 * on any backend and for any size, like the rules that it is meant to beat.
 *
 * @module
 */

import type { Matrix, Ops } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';

/** What an attack is told besides the honest updates. */
export interface AttackContext {
  /** How many clients the attacker controls; at least 1. */
  readonly attackers: number;
  /** Number of the round: attacks that draw at random draw anew in each. Default 0. */
  readonly round?: number;
}

/** What the attackers send. */
export interface Crafted {
  /** 1×d where all attackers send the same row, else attackers×d. */
  readonly value: Matrix;
  /** The strength in use (scale, τ, z), where the attack has one. */
  readonly factor?: number;
  /** What a reader of a report should know of this round's attack. */
  readonly note?: string;
}

/** A poisoning attack on the updates of one round. Holds no state. */
export interface Attack {
  readonly name: string;
  /**
   * @param honest - Updates of the honest clients, one row each; finite.
   * @throws {AggregationError} `constraint` when the numbers of clients do not admit the attack.
   */
  craft(honest: Matrix, ops: Ops, context: AttackContext): Promise<Crafted>;
}

/** The rows that join the cohort, one for each attacker. 1×d or f×d → f×d */
export function rowsSent({ value }: Crafted, ops: Ops, { attackers }: AttackContext): Matrix {
  assertInteger('attackers', attackers, 1);
  if (value.rows === attackers) return value;
  if (value.rows === 1) return ops.select(value, Array<number>(attackers).fill(0));
  throw new RangeError(
    `an attack by ${attackers} clients sends 1 or ${attackers} rows, got ${value.rows}`,
  );
}

/** Weights of the mean of `n` rows, times `factor`. */
export function meanWeights(n: number, factor = 1): Float64Array {
  return new Float64Array(n).fill(factor / n);
}
