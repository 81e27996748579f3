/**
 * How far one client can move what is made of all: the terms in which stages and rules state it, and in
 * which a private release adds it up. Types only.
 *
 * @module
 */

/**
 * How far the rows of a matrix move when one client's contribution becomes another: a bound for all
 * contributions. Lengths and distances are Euclidean.
 */
export interface Displacement {
  /** Rows, a public number. */
  readonly rows: number;
  /** No row is longer. */
  readonly norm: number;
  /** How far rows move, added up over them. */
  readonly moved: number;
  /** Whether one row moves alone, and which one is fixed beforehand. */
  readonly single: boolean;
}

/**
 * A bound on what comes out of a step by what goes in, in exact arithmetic. Of a step that selects there
 * is none better than the whole: one client decides whose row it is.
 *
 * @throws {RangeError} where the bound does not hold for such an input; the message says why.
 * @throws {AggregationError} `constraint` where the step does not admit so many rows.
 */
export type Sensitivity = (before: Displacement) => Displacement;
