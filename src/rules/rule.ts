/**
 * What a rule is: a stage takes n updates to m, a rule takes n updates to one.
 *
 * Stages hold no state; what a rule remembers between rounds comes in as {@link Round}.
 *
 * @module
 */

import type { Matrix, ModularOps, Ops, Words } from '../backend/kernels.ts';
import type { Sensitivity } from '../core/sensitivity.ts';

/** What a round tells a rule besides the updates. Arrays have one entry for each row. */
export interface Round {
  /** Examples each client trained on: a client's own claim. */
  readonly exampleCounts?: readonly number[];
  /**
   * Who sent each row, where rows are clients. The number of a client's row changes with whom the
   * screen excludes; the id does not.
   */
  readonly clients?: readonly string[];
  /** The previous aggregate, or a trusted update of the server's own. 1×d */
  readonly reference?: Matrix;
  /** What the client of each row has sent in earlier rounds, added up; zeros of a new one. n×d */
  readonly past?: Matrix;
  /** Ends searches and iterations on the host: `apply` then rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What a stage learned about one of the rows it was given. */
export interface ClientEvidence {
  /** The rule's own score; what it means and which way is better is the rule's to say. */
  readonly score?: number;
  /** What the row was multiplied by, 1 when left alone. */
  readonly clipFactor?: number;
  /** Whether a selecting rule took the row. */
  readonly selected?: boolean;
  /** Why, in words. */
  readonly reason?: string;
}

/** What a stage gives back. */
export interface StageResult {
  /** m×d; 1×d from a rule. */
  readonly value: Matrix;
  /**
   * The share each input row has in each output row, m×n, where the stage is linear in rows. What a
   * row of shares lacks to 1 belongs to the zero update, or to `round.reference` where the rule
   * starts from it.
   */
  readonly weights?: readonly (readonly number[])[];
  /**
   * The output row that stands for each input row, n entries in [0, m). Default: the row of the same
   * index, where m = n.
   */
  readonly rowOf?: readonly number[];
  /** One entry for each input row. */
  readonly evidence?: readonly ClientEvidence[];
}

/**
 * A law that a stage states of itself, up to rounding. Each stated law is a property test, each
 * unstated one has a counterexample. Laws speak of a round without a reference.
 *
 * - `permutation`: the order of the clients does not matter (ties aside): with rows and the arrays
 *   of the round reordered alike, a rule gives the same result, and a stage gives its rows reordered
 *   likewise.
 * - `translation`: a vector added to every row is added to every row of the result.
 * - `scale`: a factor c > 0 on every row is a factor on the result.
 * - `joint-scale`: the same once the parameters that the entry lists as `scaled` take the factor too.
 * - `scale-invariant`: a factor c > 0 on every row changes nothing.
 * - `mean-without-faults`: with f = 0 the mean of the rows that come out is the mean of the rows.
 * - `agreement`: where all rows agree, every row of the result is that row.
 * - `bounded`: f arbitrary rows among n cannot move the result without bound, and of the rows of a
 *   stage they can move at most f without bound.
 */
export type Law =
  | 'permutation'
  | 'translation'
  | 'scale'
  | 'joint-scale'
  | 'scale-invariant'
  | 'mean-without-faults'
  | 'agreement'
  | 'bounded';

/** Rows of integers, read as i32: what a private release computes on, since nothing rounds there. */
export interface LatticeRows {
  readonly words: Words;
  /** The integers are this many times the rows that they stand for: sums in place of means. */
  readonly multiple: number;
  /** None of those is longer (L2). */
  readonly norm: number;
  /** No integer is farther from 0. */
  readonly reach: number;
}

/** Updates to updates: clipping, bucketing, mixing. n×d → m×d */
export interface Stage {
  readonly name: string;
  readonly laws: readonly Law[];
  /** Fewest clients for which the stage's own condition holds. Default 1. */
  readonly minClients?: number;
  /** Rows that come out when n go in; never fewer for a larger n. Default n. */
  readonly rowsOut?: (n: number) => number;
  /** How far one client can move what comes out; missing where no bound is known. */
  readonly sensitivity?: Sensitivity;
  /**
   * The stage on integers, exactly: what `apply` would give without any rounding, times a multiple.
   *
   * @throws {AggregationError} `constraint` as `apply` does.
   * @throws {RangeError} where integers would leave 32 bits, or the stage has no such form.
   */
  onLattice?(x: LatticeRows, ops: ModularOps): Promise<LatticeRows>;
  /**
   * @throws {AggregationError} `constraint` when n does not admit the parameters: the message
   *   states the formula and the numbers.
   */
  apply(x: Matrix, ops: Ops, round: Round): Promise<StageResult>;
}

/** A stage that ends in one vector. n×d → 1×d */
export interface Rule extends Stage {
  readonly minClients: number;
}

/** A stage or rule of which a bound on one client's influence is known. */
export type Bounded<S extends Stage> = S & { readonly sensitivity: Sensitivity };

/** A stage or rule that can be part of a private release: bounded, and exact on integers. */
export type Releasable<S extends Stage> = Bounded<S> & Required<Pick<Stage, 'onLattice'>>;
