/**
 * Draws that the laboratory needs on top of uniform numbers: normal, gamma, Dirichlet, shuffles.
 * The source of randomness is always an argument, so that a seed fixes a whole experiment.
 *
 * @module
 */

/** A source of uniform numbers in [0, 1). */
export interface Random {
  uniform(): number;
}

/** A uniform number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

/** A uniform integer in [0, count). */
export function below(random: Random, count: number): number {
  return Math.min(count - 1, Math.floor(random.uniform() * count));
}

/** A normal number of mean 0 and deviation 1, by Box and Muller (1958). */
export function normal(random: Random): number {
  // 1 − u lies in (0, 1], so the logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}

/**
 * A gamma number of the given shape and scale 1.
 *
 * @param shape - Above 0.
 * @see Marsaglia, Tsang. "A simple method for generating gamma variables", 2000.
 */
export function gamma(random: Random, shape: number): number {
  if (shape < 1) {
    // Their §6: a gamma of shape + 1, shrunk by a power of a uniform number.
    return gamma(random, shape + 1) * (1 - random.uniform()) ** (1 / shape);
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
      return d * v;
    }
  }
}

/** Shares that sum to 1, from the symmetric Dirichlet distribution with parameter `alpha` > 0. */
export function dirichlet(random: Random, alpha: number, count: number): Float64Array {
  const shares = Float64Array.from({ length: count }, () => gamma(random, alpha));
  const sum = shares.reduce((a, b) => a + b, 0);
  if (sum > 0) return shares.map((share) => share / sum);
  // For a tiny alpha every gamma underflows; the limit of the distribution is one winner.
  shares[below(random, count)] = 1;
  return shares;
}

/** Puts `items` in a uniformly random order, in place, by Fisher and Yates; returns them. */
export function shuffle<T extends { length: number; [i: number]: unknown }>(
  random: Random,
  items: T,
): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(random, i + 1);
    const held = items[i];
    items[i] = items[j];
    items[j] = held;
  }
  return items;
}
