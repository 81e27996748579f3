/**
 * How many marked ones may be among those drawn, but for a chance that is neglected: upper quantiles
 * of the hypergeometric law.
 *
 * Server and client both derive thresholds from them and must agree, so nothing here takes a logarithm
 * or another function that engines round differently: sums, products and quotients of doubles alone.
 * All terms that are summed are positive but for one, and that one is below the bound, so that the
 * relative error of a tail stays near k·10⁻¹⁵ after k draws.
 *
 * @module
 */

/** A population, and the chance that is neglected. */
export interface MarkedPopulation {
  /** n. */
  readonly population: number;
  /** How many of them are marked: in [0, n]. */
  readonly marked: number;
  /** At least 10⁻²⁰⁰; below ½, and below 1/n where more than n/2 are drawn. */
  readonly bound: number;
}

/** The quantile for a number that are drawn, and for one more each time. */
export interface GrowingQuantile {
  /** k: how many are drawn, from 0. */
  readonly drawn: number;
  /** The least c with Pr[more than c of k drawn are marked] ≤ bound. */
  readonly quantile: number;
  /** Draws another one; n − 1 times at most. */
  drawOne(): void;
}

/**
 * The quantile as draws go on. With one draw more it stays or grows by one: X ≤ X' ≤ X + 1. So the tail
 * T = Pr[X > c] and the term p = Pr[X = c] follow from those before,
 *
 *     T' = T + p·(M − c)/(n − k)                     the next is marked where c were
 *     p' = p·(n − M − k + c)/(k + 1 − c)·(k + 1)/(n − k)
 *
 * and where T' is above the bound, c' = c + 1 takes its term off.
 */
export function growingQuantile({
  population: n,
  marked,
  bound,
}: MarkedPopulation): GrowingQuantile {
  let k = 0;
  let c = 0;
  let term = 1;
  let tail = 0;
  // Pr[all are marked] is above the bound: nothing below c = k will do, and the tail is 0.
  let isAll = true;

  const drawIntoAll = (): void => {
    const all = (term * (marked - k)) / (n - k);
    k++;
    if (all > bound) {
      c = k;
      term = all;
      return;
    }
    isAll = false;
    tail = all;
    // c = k − 1 of k: in k orders, an unmarked one among c marked.
    term = (term * k * (n - marked)) / (n - k + 1);
  };
  const draw = (): void => {
    tail += (term * (marked - c)) / (n - k);
    term *= ((n - marked - k + c) / (k + 1 - c)) * ((k + 1) / (n - k));
    k++;
    if (tail <= bound) return;
    term *= ((marked - c) / (c + 1)) * ((k - c) / (n - marked - k + c + 1));
    c++;
    tail = Math.max(0, tail - term);
  };
  return {
    get drawn() {
      return k;
    },
    get quantile() {
      return c;
    },
    drawOne() {
      if (isAll) drawIntoAll();
      else draw();
    },
  };
}

/** The least c with Pr[more than c of those drawn are marked] ≤ bound. Takes as many steps as are drawn. */
export function upperQuantile(law: MarkedPopulation & { readonly drawn: number }): number {
  // All are drawn: nothing is left to chance.
  if (law.drawn === law.population) return law.marked;
  const growing = growingQuantile(law);
  while (growing.drawn < law.drawn) growing.drawOne();
  return growing.quantile;
}
