/**
 * Interpolation in GF(2¹⁶) by its logarithms, at points that are no secrets.
 *
 * @module
 */

import { fieldTables, ORDER } from './field.ts';

/** For each point the sum of log(xᵢ − xⱼ) over the others, not reduced: below 2³². */
export function logDifferences(xs: readonly number[]): Float64Array {
  const { log } = fieldTables();
  const points = Uint16Array.from(xs);
  const sums = new Float64Array(xs.length);
  for (let i = 0; i < points.length; i++) {
    const x = points[i]!;
    let sum = 0;
    for (let j = 0; j < i; j++) {
      const difference = log[x ^ points[j]!]!;
      sum += difference;
      sums[j]! += difference;
    }
    sums[i]! += sum;
  }
  return sums;
}

/**
 * Logarithms of Lagrange's weights for the value at 0: f(0) = Σ λᵢ·f(xᵢ) for every f of a degree below
 * the number of points, with λᵢ = Π xⱼ/(xⱼ − xᵢ) over j ≠ i. None is 0.
 *
 * For the value at another point y, give the points xᵢ − y. Takes m²/2 steps.
 *
 * @param xs - points, distinct and not 0.
 */
export function logLagrangeWeights(xs: readonly number[]): Uint16Array {
  const { log } = fieldTables();
  const differences = logDifferences(xs);
  const all = xs.reduce((sum, x) => sum + log[x]!, 0);
  return Uint16Array.from(xs, (x, i) => modOrder(all - log[x]! - differences[i]!));
}

/** A sum of logarithms, as one. */
export function modOrder(sum: number): number {
  const rest = sum % ORDER;
  return rest < 0 ? rest + ORDER : rest;
}
