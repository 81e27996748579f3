import { describe, expect, test } from 'vitest';
import { sortingNetwork } from '../../src/backend/network.ts';
import { noise } from './parity.ts';

/** Runs a network on 0-1 inputs, 32 of them at a time: bit k of a word is input k. */
function runBits(
  n: number,
  comparators: ReturnType<typeof sortingNetwork>,
  bits: Uint32Array,
): void {
  for (const { low, high, keepsLow, keepsHigh } of comparators) {
    const a = bits[low]!;
    const b = bits[high]!;
    if (keepsLow) bits[low] = a & b;
    if (keepsHigh) bits[high] = a | b;
  }
  expect(bits.length).toBe(n);
}

/** Of 0-1 inputs with `ones` ones, rank r holds 1 just when r ≥ n − ones. */
function rightBits(n: number, inputs: readonly number[]): Uint32Array {
  const right = new Uint32Array(n);
  for (const [k, ones] of inputs.entries()) {
    for (let r = n - ones; r < n; r++) right[r]! |= 1 << k;
  }
  return right;
}

/** Checks all inputs in `masks`, by the 0-1 principle proof for those. */
function check(n: number, [from, to]: [number, number], masks: readonly number[][]): void {
  const network = sortingNetwork(n, from, to);
  for (let at = 0; at < masks.length; at += 32) {
    const group = masks.slice(at, at + 32);
    const bits = new Uint32Array(n);
    for (const [k, mask] of group.entries()) {
      for (let i = 0; i < n; i++) if (mask[i] === 1) bits[i]! |= 1 << k;
    }
    runBits(n, network, bits);
    const ones = group.map((mask) => mask.reduce((sum, bit) => sum + bit, 0));
    expect(bits.slice(from, to)).toEqual(rightBits(n, ones).slice(from, to));
  }
}

const allMasks = (n: number): number[][] =>
  Array.from({ length: 2 ** n }, (_, m) => Array.from({ length: n }, (_, i) => (m >> i) & 1));

describe('sorting networks, by the 0-1 principle', () => {
  test.each([1, 2, 3, 5, 8, 11])('every window of %i keys, every input', (n) => {
    const masks = allMasks(n);
    for (let from = 0; from < n; from++) {
      for (let to = from + 1; to <= n; to++) check(n, [from, to], masks);
    }
  });

  test.each([33, 64, 100])('windows of %i keys, random inputs', (n) => {
    const next = noise(n);
    const masks = Array.from({ length: 2000 }, (_, m) => {
      const bias = (m % 7) - 3;
      return Array.from({ length: n }, () => Number(next() > bias));
    });
    for (const window of [
      [0, n],
      [n >> 1, (n >> 1) + 1],
      [3, n - 3],
    ] as [number, number][]) {
      check(n, window, masks);
    }
  });

  test('sizes are those of merge exchange, and windows prune', () => {
    expect([8, 16, 32, 64].map((n) => sortingNetwork(n, 0, n).length)).toEqual([19, 63, 191, 543]);
    const operations = sortingNetwork(32, 15, 17).reduce(
      (sum, { keepsLow, keepsHigh }) => sum + Number(keepsLow) + Number(keepsHigh),
      0,
    );
    expect(operations).toBe(284);
  });
});
