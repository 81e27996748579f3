/**
 * What the invocations of rank_mean_split do together, as comparators: the exchanges that its text
 * spells out, for the 0-1 principle to be held against.
 *
 * @module
 */

import {
  bitonicMerge,
  type Comparator,
  type SplitSizes,
  sortingNetwork,
} from '../../src/backend/network.ts';

type Pair = readonly [low: number, high: number];

function whole(pairs: readonly Pair[]): Comparator[] {
  return pairs.map(([low, high]) => ({ low, high, keepsLow: true, keepsHigh: true }));
}

/**
 * Comparators that sort both halves of the runs; key i of run r is on wire r·length + i. Each run is
 * sorted; then two sorted stretches of runs become one, as often as it takes: compared end to end,
 * then run by run at half the distance each time, then each run by itself.
 */
export function splitNetwork({ runs, length }: SplitSizes): Comparator[] {
  const everyRun = (inner: readonly Comparator[]): Comparator[] =>
    Array.from({ length: runs }, (_, r) => r * length).flatMap((first) =>
      inner.map((one) => ({ ...one, low: first + one.low, high: first + one.high })),
    );
  const across = (other: (wire: number) => number): Comparator[] =>
    whole(
      Array.from({ length: runs * length }, (_, wire): Pair => [wire, other(wire)]).filter(
        ([a, b]) => a < b,
      ),
    );
  const network = everyRun(sortingNetwork(length, 0, length));
  for (let size = 1; size < runs / 2; size *= 2) {
    const stretch = 2 * size * length;
    network.push(...across((wire) => wire - (wire % stretch) * 2 + stretch - 1));
    for (let apart = size / 2; apart >= 1; apart /= 2) {
      const other = (run: number): number => run ^ apart;
      network.push(
        ...across((wire) => other(Math.floor(wire / length)) * length + (wire % length)),
      );
    }
    network.push(...everyRun(bitonicMerge(length)));
  }
  return network;
}

/**
 * What tells the `count` lowest keys of two sorted halves of `half` keys, on the wires from 0 and from
 * `half`: the wires that hold them, in any order, after the comparators. Key i of one half meets key
 * count − 1 − i of the other, if there is one, and the lower of the two is among the lowest; of equal
 * keys that of the first half.
 */
export function lowestOfHalves(
  half: number,
  count: number,
): { readonly comparators: readonly Comparator[]; readonly lowest: readonly number[] } {
  const pairs: Pair[] = [];
  const lowest: number[] = [];
  for (let i = 0; i < half; i++) {
    const other = count - 1 - i;
    if (other >= 0) lowest.push(i);
    if (other >= 0 && other < half) pairs.push([i, half + other]);
    // Beyond the first half's last key all is greater.
    if (other >= half) lowest.push(half + i);
  }
  return { comparators: whole(pairs), lowest };
}
