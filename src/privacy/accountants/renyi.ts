/**
 * Rényi divergence as accountants add it up: the log-moment K(α) = (α − 1)·ρ(α) of one release, where
 * ρ(α) bounds the Rényi divergence of order α between its outputs on neighbours, in either direction.
 *
 * K is convex in α and 0 at 1, so that a chord between two orders is a bound between them.
 *
 * Mironov. "Rényi differential privacy", CSF 2017; van Erven, Harremoës. "Rényi divergence and
 * Kullback-Leibler divergence", 2014 (convexity: Corollary 2).
 *
 * @module
 */

/** An upper bound on the log-moment of one release. */
export interface RenyiCurve {
  /** K(α) ≥ 0 at an order α > 1; Infinity where no bound is known. */
  logMoment(order: number): number;
  /** ρ(∞): the ε of the release with δ = 0; Infinity where there is none. */
  readonly pureEpsilon: number;
}

/** A release that tells nothing. */
export const NO_LOSS: RenyiCurve = { logMoment: () => 0, pureEpsilon: 0 };

/** `logMoment`, each order computed once. */
export function memoized(logMoment: (order: number) => number): (order: number) => number {
  const known = new Map<number, number>();
  return (order) => {
    let value = known.get(order);
    if (value === undefined) {
      value = logMoment(order);
      known.set(order, value);
    }
    return value;
  };
}

/** K at any order by chords between integer ones, of which `atInteger` knows those from 2 on. */
export function chords(atInteger: (order: number) => number): (order: number) => number {
  const known = memoized(atInteger);
  const at = (order: number) => (order === 1 ? 0 : known(order));
  return (order) => {
    const below = Math.floor(order);
    const share = order - below;
    return share === 0 ? at(order) : (1 - share) * at(below) + share * at(below + 1);
  };
}

/**
 * Sums over as many terms as the order are not taken beyond this one, so that a search for the best
 * order stays within milliseconds. Beyond it stands the pure loss, if there is one.
 */
export const HIGHEST_SUM: number = 2 ** 12;
