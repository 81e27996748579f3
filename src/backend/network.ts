/**
 * Sorting networks: fixed lists of comparators that sort any input, and the part of a list that
 * what is wanted needs. One list serves every backend, so selections agree bit for bit.
 *
 * Batcher's merge exchange for any n, his odd-even merge, and bitonic merges: Knuth, The Art of
 * Computer Programming, vol. 3, algorithm 5.2.2M and section 5.3.4. Merge exchange has n·log²n/4
 * comparators, 191 for n = 32, 543 for n = 64.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** Puts the smaller of two keys on the wire `low`, the larger on the wire `high`. */
export interface Comparator {
  readonly low: number;
  readonly high: number;
  /** Whether anything reads the smaller key afterwards. */
  readonly keepsLow: boolean;
  /** Whether anything reads the larger key afterwards. */
  readonly keepsHigh: boolean;
}

type Pair = readonly [low: number, high: number];

/** What is wanted of a wire: its own key, or only that it holds one of the keys of a set. */
type Want = 'key' | 'member';

/** The positions that are compared, in order, to sort `n` keys; `low < high`. */
function mergeExchange(n: number): Pair[] {
  const pairs: Pair[] = [];
  const top = 2 ** Math.ceil(Math.log2(n)) / 2;
  for (let p = top; p >= 1; p /= 2) {
    for (let q = top, r = 0, d = p; ; d = q - p, q /= 2, r = p) {
      for (let i = 0; i + d < n; i++) {
        if ((i & p) === r) pairs.push([i, i + d]);
      }
      if (q === p) break;
    }
  }
  return pairs;
}

/**
 * Batcher's odd-even merge of two sorted lists of wires, of any lengths. Appends to `pairs` and
 * returns all wires in the order of their keys.
 */
function oddEvenMerge(a: readonly number[], b: readonly number[], pairs: Pair[]): number[] {
  if (a.length === 0 || b.length === 0) return [...a, ...b];
  if (a.length === 1 && b.length === 1) {
    pairs.push([a[0]!, b[0]!]);
    return [a[0]!, b[0]!];
  }
  const every2nd = (wires: readonly number[], from: number): number[] =>
    wires.filter((_, i) => i % 2 === from);
  const odd = oddEvenMerge(every2nd(a, 0), every2nd(b, 0), pairs);
  const even = oddEvenMerge(every2nd(a, 1), every2nd(b, 1), pairs);
  const sorted = [odd[0]!];
  for (let i = 0; i < Math.max(odd.length - 1, even.length); i++) {
    const pair = [even[i], odd[i + 1]].filter((wire) => wire !== undefined);
    if (pair.length === 2) pairs.push([pair[0]!, pair[1]!]);
    sorted.push(...pair);
  }
  return sorted;
}

/** The comparators that the wanted wires need. */
function pruned(pairs: readonly Pair[], wanted: ReadonlyMap<number, Want>): Comparator[] {
  const wants = new Map(wanted);
  const kept: Comparator[] = [];
  // From the end: a comparator matters if one of its outputs does, and then both inputs do.
  for (const [low, high] of [...pairs].reverse()) {
    const keepsLow = wants.has(low);
    const keepsHigh = wants.has(high);
    if (!keepsLow && !keepsHigh) continue;
    // Two members of a set may change places.
    if (wants.get(low) === 'member' && wants.get(high) === 'member') continue;
    kept.push({ low, high, keepsLow, keepsHigh });
    wants.set(low, 'key').set(high, 'key');
  }
  return kept.reverse();
}

/** A window of which the ends hold their keys and the wires between hold the others. */
function window(wires: readonly number[]): [number, Want][] {
  return wires.map((wire, i) => [wire, i === 0 || i === wires.length - 1 ? 'key' : 'member']);
}

/**
 * Comparators after which positions [from, to) hold the keys of those ranks; the other positions
 * hold anything. `low < high` in each.
 */
export function sortingNetwork(n: number, from: number, to: number): Comparator[] {
  const wires = ranksOf(n, from, to);
  return pruned(mergeExchange(n), new Map(wires.map((wire) => [wire, 'key'])));
}

/**
 * As {@link sortingNetwork}, for sums: positions `from` and `to − 1` hold the keys of those ranks,
 * the positions between them the keys of the ranks between, in any order.
 */
export function windowNetwork(n: number, from: number, to: number): Comparator[] {
  return pruned(mergeExchange(n), new Map(window(ranksOf(n, from, to))));
}

function ranksOf(n: number, from: number, to: number): number[] {
  assertInteger('n', n, 1);
  assertInteger('from', from, 0, n - 1);
  assertInteger('to', to, from + 1, n);
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** How many keys a step of a stream holds and takes. */
export interface StreamSizes {
  /** Lowest keys that are held. */
  readonly low: number;
  /** Keys that come in. */
  readonly chunk: number;
  /** Highest keys that are held. */
  readonly high: number;
}

/** One step of a stream, and where its keys lie afterwards. */
export interface StreamStep {
  readonly comparators: readonly Comparator[];
  /** Wires of the lowest keys, ascending. */
  readonly low: readonly number[];
  /** Wires of the keys that are neither: the least first, the greatest last, any order between. */
  readonly rejected: readonly number[];
  /** Wires of the highest keys, ascending. */
  readonly high: readonly number[];
}

/**
 * One step of a stream: of the lowest keys held (wires from 0, ascending), a chunk (the wires after
 * them) and the highest keys held (the last wires, ascending), the lowest and the highest are held
 * again. No key held as lowest may exceed one that is held as highest.
 */
export function streamStep({ low, chunk, high }: StreamSizes): StreamStep {
  const wires = Array.from({ length: low + chunk + high }, (_, i) => i);
  const pairs: Pair[] = mergeExchange(chunk).map(([a, b]) => [low + a, low + b]);
  const lower = oddEvenMerge(wires.slice(0, low), wires.slice(low, low + chunk), pairs);
  const upper = oddEvenMerge(lower.slice(low), wires.slice(low + chunk), pairs);
  const held = [...lower.slice(0, low), ...upper.slice(chunk)];
  const rejected = upper.slice(0, chunk);
  const wanted = new Map<number, Want>(held.map((wire) => [wire, 'key']));
  for (const [wire, want] of window(rejected)) wanted.set(wire, want);
  return {
    comparators: pruned(pairs, wanted),
    low: lower.slice(0, low),
    rejected,
    high: upper.slice(chunk),
  };
}

/** Runs that are sorted side by side, and keys in each. */
export interface SplitSizes {
  /** A power of two, at least 2. */
  readonly runs: number;
  /** A multiple of 8, or a power of two. */
  readonly length: number;
}

/** Comparators that sort `n` keys of which the first ascend and the others descend, or the reverse. */
export function bitonicMerge(n: number): Comparator[] {
  const wires = Array.from({ length: n }, (_, i) => i);
  return whole(bitonicPairs(wires));
}

function bitonicPairs(wires: readonly number[]): Pair[] {
  const half = wires.length / 2;
  // Halving asks for an even number; what is left is so short that it is sorted outright.
  if (!Number.isInteger(half)) {
    return mergeExchange(wires.length).map(([a, b]) => [wires[a]!, wires[b]!]);
  }
  const cleaned = Array.from({ length: half }, (_, i): Pair => [wires[i]!, wires[half + i]!]);
  const halves = [wires.slice(0, half), wires.slice(half)];
  return [...cleaned, ...halves.flatMap(bitonicPairs)];
}

function whole(pairs: readonly Pair[]): Comparator[] {
  return pairs.map(([low, high]) => ({ low, high, keepsLow: true, keepsHigh: true }));
}
