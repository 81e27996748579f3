import { describe, expect, test } from 'vitest';
import {
  bitonicMerge,
  type Comparator,
  sortingNetwork,
  streamStep,
  windowNetwork,
} from '../../src/backend/network.ts';
import { splitShape, streamChunk } from '../../src/backend/webgpu/regimes.ts';
import { lowestOfHalves, splitNetwork } from '../support/split-network.ts';
import { noise } from './parity.ts';

/**
 * The 0-1 principle: comparators commute with monotone maps, so what a network does to all inputs of
 * zeros and ones, it does to all inputs. 32 inputs go through at a time: bit k of a word is input k.
 */
function run(network: readonly Comparator[], bits: Uint32Array): Uint32Array {
  for (const { low, high, keepsLow, keepsHigh } of network) {
    const a = bits[low]!;
    const b = bits[high]!;
    if (keepsLow) bits[low] = a & b;
    if (keepsHigh) bits[high] = a | b;
  }
  return bits;
}

/** Of inputs with so many ones, rank r holds 1 just when r ≥ n − ones. */
function sortedBits(n: number, ones: readonly number[]): Uint32Array {
  const right = new Uint32Array(n);
  for (const [k, count] of ones.entries()) {
    for (let r = n - count; r < n; r++) right[r]! |= 1 << k;
  }
  return right;
}

type Inputs = { readonly bits: Uint32Array; readonly sorted: Uint32Array };

/** Inputs as columns of `masks`, 32 to a group. */
function inputsOf(n: number, masks: readonly (readonly number[])[]): Inputs[] {
  return Array.from({ length: Math.ceil(masks.length / 32) }, (_, g) => {
    const group = masks.slice(32 * g, 32 * g + 32);
    const bits = new Uint32Array(n);
    for (const [k, mask] of group.entries()) {
      for (let i = 0; i < n; i++) if (mask[i] === 1) bits[i]! |= 1 << k;
    }
    const ones = group.map((mask) => mask.reduce((sum, bit) => sum + bit, 0));
    return { bits, sorted: sortedBits(n, ones) };
  });
}

/** All 2ⁿ inputs: the lowest five wires count within a word, the others count words. */
function* allInputs(n: number): Generator<Inputs> {
  const within = [0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000].slice(0, n);
  const size = Math.min(32, 2 ** n);
  const used = size === 32 ? 0xffffffff : 2 ** size - 1;
  const lower = Array.from(
    { length: size },
    (_, k) => within.filter((word) => (word >>> k) & 1).length,
  );
  // What is right depends on the number of ones alone.
  const right = range(0, n + 1).map((high) =>
    sortedBits(
      n,
      lower.map((ones) => ones + high),
    ),
  );
  for (let word = 0; word < 2 ** n / size; word++) {
    const bits = new Uint32Array(n);
    let high = 0;
    for (let i = 0; i < n; i++) {
      const bit = (word >> (i - 5)) & 1;
      bits[i] = i < 5 ? within[i]! & used : -bit;
      high += i < 5 ? 0 : bit;
    }
    yield { bits, sorted: right[high]! };
  }
}

function randomInputs(n: number, count: number): Inputs[] {
  const next = noise(n);
  return inputsOf(
    n,
    Array.from({ length: count }, (_, m) =>
      Array.from({ length: n }, () => Number(next() > (m % 7) - 3)),
    ),
  );
}

/** The words on given wires, in order. */
function on(bits: Uint32Array, wires: readonly number[]): Uint32Array {
  return Uint32Array.from(wires, (wire) => bits[wire]!);
}

/** The words on wires whose order is left open, ordered. */
function ordered(bits: Uint32Array, wires: readonly number[]): Uint32Array {
  const n = wires.length;
  return n === 0 ? new Uint32Array() : run(sortingNetwork(n, 0, n), on(bits, wires));
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

function same(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

/** Both networks of a window: by rank, and for sums with only the ends in their places. */
function holdsWindow(n: number, [from, to]: [number, number], inputs: Iterable<Inputs>): boolean {
  const [exact, window] = [sortingNetwork(n, from, to), windowNetwork(n, from, to)];
  const wires = range(from, to);
  for (const { bits, sorted } of inputs) {
    const want = sorted.slice(from, to);
    if (!same(run(exact, bits.slice()).slice(from, to), want)) return false;
    const after = run(window, bits.slice());
    if (after[from] !== want[0] || after[to - 1] !== want.at(-1)) return false;
    if (!same(ordered(after, wires), want)) return false;
  }
  return true;
}

describe('networks of a window', () => {
  test.each(range(1, 13))('every window of %i keys, every input', (n) => {
    const inputs = [...allInputs(n)];
    for (let from = 0; from < n; from++) {
      for (let to = from + 1; to <= n; to++) {
        expect(holdsWindow(n, [from, to], inputs), `ranks [${from}, ${to})`).toBe(true);
      }
    }
  });

  test.each(range(13, 21))('median, trimmed and whole windows of %i keys, every input', (n) => {
    const middle = n >> 1;
    const windows = [
      [0, n],
      [middle, middle + 1],
      [3, n - 3],
      [0, 2],
    ] as [number, number][];
    for (const window of windows) {
      expect(holdsWindow(n, window, allInputs(n)), `ranks [${window}]`).toBe(true);
    }
  });

  test.each([32, 33, 64, 65, 100, 127, 128])('windows of %i keys, random inputs', (n) => {
    const inputs = randomInputs(n, 1024);
    const middle = n >> 1;
    const windows = [
      [0, n],
      [middle, middle + 1],
      [3, n - 3],
      [n - 1, n],
    ] as [number, number][];
    for (const window of windows) {
      expect(holdsWindow(n, window, inputs), `ranks [${window}]`).toBe(true);
    }
  });

  test('sizes are those of merge exchange; windows prune, those for sums more', () => {
    const operations = (network: readonly Comparator[]): number =>
      network.reduce((sum, one) => sum + Number(one.keepsLow) + Number(one.keepsHigh), 0);
    expect([8, 16, 32, 64].map((n) => sortingNetwork(n, 0, n).length)).toEqual([19, 63, 191, 543]);
    expect(operations(sortingNetwork(32, 15, 17))).toBe(284);
    expect(operations(sortingNetwork(32, 3, 29))).toBe(372);
    expect(operations(windowNetwork(32, 3, 29))).toBe(306);
  });

  test('a network that lacks a comparator is found out', () => {
    const network = sortingNetwork(20, 0, 20).slice(0, -1);
    const wrong = [...allInputs(20)].filter(
      ({ bits, sorted }) => !same(run(network, bits.slice()), sorted),
    );
    expect(wrong.length).toBeGreaterThan(0);
  });
});

describe('a step of a stream', () => {
  /** What may be held: sorted, and no key at the low end above one at the high end. */
  function held(low: number, high: number): number[][] {
    const sorted = (n: number, ones: number): number[] => range(0, n).map((i) => +(i >= n - ones));
    const some = range(0, high + 1).map((ones) => [...sorted(low, 0), ...sorted(high, ones)]);
    return [
      ...some,
      ...range(1, low + 1).map((ones) => [...sorted(low, ones), ...sorted(high, high)]),
    ];
  }

  function holdsStep(
    { low, chunk, high }: { low: number; chunk: number; high: number },
    chunks: readonly number[][],
  ): boolean {
    const step = streamStep({ low, chunk, high });
    const n = low + chunk + high;
    const masks = held(low, high).flatMap((ends) =>
      chunks.map((keys) => [...ends.slice(0, low), ...keys, ...ends.slice(low)]),
    );
    return inputsOf(n, masks).every(({ bits, sorted }) => {
      const after = run(step.comparators, bits);
      const { rejected } = step;
      const middle = sorted.slice(low, low + chunk);
      return (
        same(on(after, step.low), sorted.slice(0, low)) &&
        same(on(after, step.high), sorted.slice(low + chunk)) &&
        same(ordered(after, rejected), middle) &&
        after[rejected[0]!] === middle[0] &&
        after[rejected.at(-1)!] === middle.at(-1)
      );
    });
  }

  const everyChunk = (n: number): number[][] =>
    range(0, 2 ** n).map((m) => range(0, n).map((i) => (m >> i) & 1));

  test.each([
    [0, 8, 0],
    [1, 8, 1],
    [3, 7, 3],
    [8, 8, 8],
    [9, 10, 9],
    [0, 8, 5],
    [6, 1, 0],
    [12, 1, 12],
    [2, 10, 7],
  ])('holds %i low, takes %i, holds %i high: every input', (low, chunk, high) => {
    expect(holdsStep({ low, chunk, high }, everyChunk(chunk))).toBe(true);
  });

  test.each([
    [16, 16, 16],
    [32, 32, 32],
    [32, 31, 17],
    [32, 1, 32],
    [4, 32, 32],
  ])('holds %i low, takes %i, holds %i high: random inputs', (low, chunk, high) => {
    const next = noise(chunk);
    const chunks = range(0, 40).map((m) => range(0, chunk).map(() => +(next() > (m % 7) - 3)));
    expect(holdsStep({ low, chunk, high }, chunks)).toBe(true);
  });

  test.each([
    [65, 8],
    [129, 9],
    [1000, 32],
    [1025, 0],
  ])(
    'chunks of %i rows without %i at either end leave fewer rows than there are chunks',
    (n, b) => {
      const kept = n - 2 * b;
      const chunk = streamChunk(n, b, n - b);
      expect(kept % chunk).toBeLessThan(Math.floor(kept / chunk));
    },
  );
});

describe('networks of a split', () => {
  test.each(range(1, 9).map((m) => 8 * m))('%i keys that turn once: every input', (n) => {
    const masks = range(0, n + 1).flatMap((a) =>
      range(a, n + 1).flatMap((b) => {
        const risen = range(0, n).map((i) => +(i >= a && i < b));
        return [risen, risen.map((bit) => 1 - bit)];
      }),
    );
    const wrong = inputsOf(n, masks).some(
      ({ bits, sorted }) => !same(run(bitonicMerge(n), bits), sorted),
    );
    expect(wrong).toBe(false);
  });

  test.each([65, 100, 129, 200, 257, 512, 513, 700, 1000, 1024])(
    'both halves of %i rows are sorted, random inputs',
    (rows) => {
      const { runs, length } = splitShape(rows, false);
      const half = (runs * length) / 2;
      const network = splitNetwork({ runs, length });
      for (const { bits } of randomInputs(2 * half, 96)) {
        const halves = [range(0, half), range(half, 2 * half)];
        const want = halves.map((wires) => ordered(bits, wires));
        run(network, bits);
        expect(halves.every((wires, h) => same(on(bits, wires), want[h]!))).toBe(true);
      }
    },
  );

  test('any number of lowest keys of two sorted halves are told: every input', () => {
    const half = 12;
    const sorted = (ones: number): number[] => range(0, half).map((i) => +(i >= half - ones));
    const masks = range(0, half + 1).flatMap((a) =>
      range(0, half + 1).map((b) => [...sorted(a), ...sorted(b)]),
    );
    for (let count = 1; count <= 2 * half; count++) {
      const { comparators, lowest } = lowestOfHalves(half, count);
      expect(lowest.length).toBe(count);
      for (const { bits, sorted: want } of inputsOf(2 * half, masks)) {
        expect(same(ordered(run(comparators, bits), lowest), want.slice(0, count))).toBe(true);
      }
    }
  });

  test.each([1, 64, 65, 128, 129, 256, 512, 513, 1024])(
    'the shape for %i rows fits default limits',
    (rows) => {
      for (const software of [false, true]) {
        const { runs, length, columns, words } = splitShape(rows, software);
        expect(runs * length).toBeGreaterThanOrEqual(rows);
        expect(length).toBeLessThanOrEqual(64);
        expect(runs * columns).toBeLessThanOrEqual(256);
        expect(4 * words).toBeLessThanOrEqual(16_384);
        expect(words).toBeGreaterThanOrEqual(2 * runs * columns);
      }
    },
  );
});
