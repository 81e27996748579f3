/**
 * Sorting networks: fixed lists of comparators that sort any input, and the part of a list that
 * given ranks need. One list serves every backend, so selections agree bit for bit.
 *
 * Batcher's merge exchange for any n: Knuth, The Art of Computer Programming, vol. 3, algorithm
 * 5.2.2M. n·log²n/4 comparators, 191 for n = 32, 543 for n = 64.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** Puts the smaller of two keys at `low`, the larger at `high`; `low < high`. */
export interface Comparator {
  readonly low: number;
  readonly high: number;
  /** Whether anything reads the smaller key afterwards. */
  readonly keepsLow: boolean;
  /** Whether anything reads the larger key afterwards. */
  readonly keepsHigh: boolean;
}

/** The positions that are compared, in order, to sort `n` keys. */
function mergeExchange(n: number): [number, number][] {
  const comparators: [number, number][] = [];
  const top = 2 ** Math.ceil(Math.log2(n)) / 2;
  for (let p = top; p >= 1; p /= 2) {
    for (let q = top, r = 0, d = p; ; d = q - p, q /= 2, r = p) {
      for (let i = 0; i + d < n; i++) {
        if ((i & p) === r) comparators.push([i, i + d]);
      }
      if (q === p) break;
    }
  }
  return comparators;
}

/**
 * Comparators after which positions [from, to) hold the keys of those ranks; the other positions
 * hold anything.
 */
export function sortingNetwork(n: number, from: number, to: number): Comparator[] {
  assertInteger('n', n, 1);
  assertInteger('from', from, 0, n - 1);
  assertInteger('to', to, from + 1, n);
  const wanted = Array.from({ length: n }, (_, i) => from <= i && i < to);
  const kept: Comparator[] = [];
  // From the end: a comparator matters if one of its outputs does, and then both inputs do.
  for (const [low, high] of mergeExchange(n).reverse()) {
    const keepsLow = wanted[low]!;
    const keepsHigh = wanted[high]!;
    if (!keepsLow && !keepsHigh) continue;
    kept.push({ low, high, keepsLow, keepsHigh });
    wanted[low] = wanted[high] = true;
  }
  return kept.reverse();
}

/**
 * WGSL that loads column `col` of `x` as keys k0, k1, …, sorts them in named registers, and leaves
 * those of ranks [from, to) in an array `kept`.
 */
export function networkBody(n: number, from: number, to: number): string {
  const names = Array.from({ length: n }, (_, i) => `k${i}`);
  const loads = names.map((name, i) => `var ${name} = key_of(x[starts[${i}] + col]);`);
  const steps = sortingNetwork(n, from, to).map(({ low, high, keepsLow, keepsHigh }) => {
    const a = names[low];
    const b = names[high];
    if (!keepsHigh) return `${a} = min(${a}, ${b});`;
    if (!keepsLow) return `${b} = max(${a}, ${b});`;
    return `{ let t = min(${a}, ${b}); ${b} = max(${a}, ${b}); ${a} = t; }`;
  });
  const kept = names.slice(from, to);
  const result = `var kept = array<u32, ${kept.length}>(${kept.join(', ')});`;
  return [...loads, ...steps, result].join('\n');
}
