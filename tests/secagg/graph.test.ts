/**
 * Rosters and graphs: who stands where, and who masks with whom.
 *
 * @module
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawGraph, type Graph } from '../../src/secagg/graph.ts';
import {
  areDistinct,
  areUnder,
  buildTree,
  type Entry,
  type Leaf,
  pathLength,
  pathsTo,
  rootOf,
  sortEntries,
  stepsTo,
} from '../../src/secagg/roster.ts';
import { hex } from '../../src/secagg/suite.ts';
import { roundConfig, seededBytes, seededCrypto } from '../support/secure-round.ts';

const crypto = seededCrypto(3);
const context = new Uint8Array(32).fill(9);

function entries(count: number): Entry[] {
  const bytes = seededBytes(count);
  return sortEntries(
    Array.from({ length: count }, () => ({
      identity: bytes(32),
      maskKey: bytes(32),
      boxKey: bytes(32),
      nonce: bytes(32),
      signature: bytes(64),
    })),
  );
}

describe('a roster', () => {
  test('has its clients in the order of their identities, whoever came first', () => {
    const sorted = entries(9);
    expect(sortEntries([...sorted].reverse())).toEqual(sorted);
    const names = sorted.map(({ identity }) => hex(identity));
    expect(names).toEqual([...names].sort());
  });

  test.each([2, 3, 4, 5, 8, 9, 100])('of %i shows each entry under its root, and no other', (n) => {
    const roster = entries(n);
    const tree = buildTree(roster, crypto);
    const binding = { context, clients: n };
    const root = rootOf(tree, binding, crypto);
    const tools = { binding, crypto };
    const isUnder = (index: number, entry: Entry, paths: Uint8Array): boolean =>
      areUnder(root, { leaves: [{ index, entry }], paths }, tools);
    for (const [index, entry] of roster.entries()) {
      const path = pathsTo(tree, [index]);
      expect(path.length).toBe((32 + 8) * pathLength(n));
      expect(isUnder(index, entry, path)).toBe(true);
      expect(isUnder((index + 1) % n, entry, path)).toBe(false);
      expect(isUnder(index + 2 ** pathLength(n), entry, path)).toBe(false);
      expect(isUnder(index, { ...entry, nonce: entry.maskKey }, path)).toBe(false);
      expect(isUnder(index, entry, path.subarray(32 + 8))).toBe(false);
    }
    const first = { leaves: [{ entry: roster[0]!, index: 0 }], paths: pathsTo(tree, [0]) };
    const more = { binding: { context, clients: n + 1 }, crypto };
    expect(areUnder(root, first, more)).toBe(false);
    const elsewhere = { binding: { context: root, clients: n }, crypto };
    expect(areUnder(root, first, elsewhere)).toBe(false);
  });

  // 5 of 8 by hand: 3 steps for place 0; 1 meets 0 above no step; 2 above 1; 6 meets 2 at the top, above 2; 7 above none.
  test('shows entries together, each way up to where it meets the one before', () => {
    expect(stepsTo([0, 1, 2, 6, 7], 8)).toBe(3 + 0 + 1 + 2 + 0);
    const subsets = fc.uniqueArray(fc.nat(36), { minLength: 1, maxLength: 37 });
    const roster = entries(37);
    const tree = buildTree(roster, crypto);
    const binding = { context, clients: 37 };
    const root = rootOf(tree, binding, crypto);
    const tools = { binding, crypto };
    const holds = (leaves: readonly Leaf[], paths: Uint8Array): boolean =>
      areUnder(root, { leaves, paths }, tools);
    fc.assert(
      fc.property(subsets, fc.nat(), fc.nat(), (chosen, where, bit) => {
        const places = chosen.sort((a, b) => a - b);
        const leaves = places.map((index) => ({ index, entry: roster[index]! }));
        const paths = pathsTo(tree, places);
        expect(paths.length).toBe(40 * stepsTo(places, 37));
        expect(holds(leaves, paths)).toBe(true);
        const flipped = paths.slice();
        flipped[where % paths.length]! ^= 1 << (bit % 8);
        expect(holds(leaves, flipped)).toBe(false);
        expect(holds(leaves, paths.subarray(40))).toBe(false);
        const at = where % leaves.length;
        const { index, entry } = leaves[at]!;
        const other = { index, entry: { ...entry, boxKey: entry.nonce } };
        expect(holds(leaves.with(at, other), paths)).toBe(false);
        expect(holds(leaves.with(at, { index: (index + 1) % 37, entry }), paths)).toBe(false);
        expect(holds([...leaves].reverse(), paths)).toBe(leaves.length === 1);
      }),
      { numRuns: 200 },
    );
  });

  // Clients on sparse graphs see their neighbours alone: a colluder with many places would be more
  // colluders than it counts for, around clients of whom none sees it twice.
  test('has one place for an identity, though no client sees both', () => {
    for (const n of [2, 5, 8, 33]) {
      const honest = entries(n);
      for (const [at, entry] of honest.entries()) {
        const again = entries(1).map((other) => ({ ...other, identity: entry.identity }));
        for (let place = 0; place <= n; place++) {
          const roster = honest.toSpliced(place, 0, again[0]!);
          const tree = buildTree(roster, crypto);
          const binding = { context, clients: n + 1 };
          const root = rootOf(tree, binding, crypto);
          const shows = (...places: number[]): boolean => {
            const leaves = places.map((index) => ({ entry: roster[index]!, index }));
            const paths = pathsTo(tree, places);
            return areUnder(root, { leaves, paths }, { binding, crypto });
          };
          const copy = at < place ? at : at + 1;
          expect(shows(place) && shows(copy)).toBe(false);
          expect(shows(Math.min(place, copy), Math.max(place, copy))).toBe(false);
        }
      }
    }
  });

  test('notices a key that comes twice, in whichever role', () => {
    const roster = entries(4);
    expect(areDistinct(roster)).toBe(true);
    const [first, second] = roster;
    expect(areDistinct([first!, { ...second!, maskKey: first!.maskKey }])).toBe(false);
    expect(areDistinct([first!, { ...second!, boxKey: first!.maskKey }])).toBe(false);
    expect(areDistinct([first!, { ...second!, identity: first!.identity }])).toBe(false);
  });
});

const beacon = new Uint8Array(32);
const seed = { context, root: new Uint8Array(32).fill(4), beacon };

/** Laws of every graph. */
function expectLaws(graph: Graph): void {
  for (let u = 0; u < graph.clients; u++) {
    const near = graph.neighbours(u);
    expect(near).toEqual([...new Set(near)].sort((a, b) => a - b));
    expect(near.length).toBe(graph.terms(u).degree);
    expect(near).not.toContain(u);
    for (const [place, v] of near.entries()) {
      expect(graph.rank(u, v)).toBe(place);
      expect(graph.neighbours(v)).toContain(u);
      expect(graph.cohortOf(v)).toBe(graph.cohortOf(u));
    }
    expect(graph.rank(u, u)).toBe(-1);
    expect(graph.cohorts[graph.cohortOf(u)]).toContain(u);
  }
  expect(graph.cohorts.flat().sort((a, b) => a - b)).toEqual(
    Array.from({ length: graph.clients }, (_, i) => i),
  );
}

describe('a graph', () => {
  test('joins everybody with everybody, where it is complete', () => {
    const graph = drawGraph(roundConfig({ clients: 30, dimensions: 1 }), 30, { seed, crypto });
    expectLaws(graph);
    // k = 29, c = ⌊0.1·30⌋ = 3, t = ⌊32/2⌋ + 1.
    expect(graph.terms(0)).toMatchObject({ degree: 29, corrupt: 3, threshold: 17 });
  });

  test('is a ring of k/2 neighbours on either side, where it is sparse', () => {
    const config = roundConfig({ clients: 300, dimensions: 1, topology: 'harary' });
    const graph = drawGraph(config, 300, { seed, crypto });
    expectLaws(graph);
    expect(graph.terms(7)).toMatchObject({ degree: 66, threshold: 46 });
    // Neighbours on a ring have all but one of their neighbours in common with the next.
    const shared = (u: number, v: number): number =>
      graph.neighbours(u).filter((w) => graph.rank(v, w) >= 0).length;
    const closest = Math.max(...graph.neighbours(0).map((v) => shared(0, v)));
    expect(closest).toBe(64);
  });

  test('is cut into groups of like size, each of them complete', () => {
    const config = roundConfig({
      clients: 103,
      dimensions: 1,
      topology: 'groups',
      groupSize: 25,
      corrupt: 10_000,
    });
    const graph = drawGraph(config, 103, { seed, crypto });
    expectLaws(graph);
    expect(graph.cohorts.map(({ length }) => length).sort()).toEqual([25, 26, 26, 26]);
  });

  test('is another one for another context, root or beacon', () => {
    const config = roundConfig({ clients: 300, dimensions: 1, topology: 'harary' });
    const other = new Uint8Array(32).fill(77);
    const seeds = [
      seed,
      { ...seed, context: other },
      { ...seed, root: other },
      { ...seed, beacon: other },
    ];
    const near = seeds.map((one) =>
      drawGraph(config, 300, { seed: one, crypto }).neighbours(0).join(),
    );
    expect(new Set(near).size).toBe(4);
  });
});
