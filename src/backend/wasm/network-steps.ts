/**
 * A sorting network as steps on up to four rows: rows are loaded once, compared several times, stored
 * once. A comparator alone stores as much as it loads and computes, and stores are what a core can do
 * least of: steps need about 0.6 of its loads and stores.
 *
 * Any order of the same comparators that keeps the order on each row sorts alike, so steps change no
 * bit of a result.
 *
 * @module
 */

import { sortingNetwork } from '../network.ts';

/**
 * What steps can do: comparators on places 0 to 3, `ab` puts the smaller key at a and the larger at
 * b. The kernels have one function for each, by its index here. Chosen by how often they occur in
 * networks of 2 to 128 rows; the first is any comparator alone.
 */
export const STEP_KINDS: readonly string[] = [
  '01',
  '01 12',
  '01 02 21',
  '01 02 03',
  '01 02 30',
  '01 02 31',
  '01 20 30',
  '01 20 31',
  '01 23 02',
  '01 23 03',
  '01 23 12',
  '01 23 02 13',
  '01 23 02 13 21',
];

/** Some comparators, done in one go. */
export interface Step {
  /** Index of the kind in {@link STEP_KINDS}. */
  readonly kind: number;
  /** The row of each place of the kind. */
  readonly rows: readonly number[];
}

type Pair = readonly [low: number, high: number];

/** How far ahead, in comparators of a row, rows are looked for that go into one step. */
const LOOK_AHEAD = 3;

/** The comparators of {@link sortingNetwork}, dead outputs included, as steps. */
export function networkSteps(n: number, from: number, to: number): Step[] {
  const pairs = sortingNetwork(n, from, to).map(({ low, high }): Pair => [low, high]);
  const queues = new Queues(n, pairs);
  const steps: Step[] = [];
  for (const pair of pairs) {
    // The first comparator that is left is next on both its rows; others went with an earlier step.
    if (queues.at(pair[0], 0) !== pair) continue;
    const { step, taken } = bestStep(queues, pair);
    queues.take(taken);
    steps.push(step);
  }
  return steps;
}

/** Comparators that are left, as a queue for each row. */
class Queues {
  readonly #ofRow: Pair[][];
  readonly #heads: number[];

  constructor(n: number, pairs: readonly Pair[]) {
    this.#ofRow = Array.from({ length: n }, () => []);
    this.#heads = Array<number>(n).fill(0);
    for (const pair of pairs) for (const row of pair) this.#ofRow[row]!.push(pair);
  }

  /** The comparator of a row that `ahead` others come before. */
  at(row: number, ahead: number): Pair | undefined {
    return this.#ofRow[row]![this.#heads[row]! + ahead];
  }

  take(pairs: readonly Pair[]): void {
    for (const pair of pairs) for (const row of pair) this.#heads[row]!++;
  }

  /** Rows that `rows` are soon compared with. */
  near(rows: readonly number[]): Set<number> {
    const found = new Set<number>();
    for (const row of rows) {
      for (let ahead = 0; ahead < LOOK_AHEAD; ahead++) {
        for (const other of this.at(row, ahead) ?? []) if (!rows.includes(other)) found.add(other);
      }
    }
    return found;
  }

  /** All that can be done on `rows` before another row is needed, in order. */
  ready(rows: readonly number[]): Pair[] {
    const done = new Map(rows.map((row) => [row, 0]));
    const found: Pair[] = [];
    for (let before = -1; before < found.length; ) {
      before = found.length;
      for (const row of rows) {
        const pair = this.at(row, done.get(row)!);
        if (pair === undefined) continue;
        const isNext = pair.every((r) => done.has(r) && this.at(r, done.get(r)!) === pair);
        if (!isNext) continue;
        found.push(pair);
        for (const r of pair) done.set(r, done.get(r)! + 1);
      }
      if (before === found.length) break;
    }
    return found;
  }
}

interface Choice {
  readonly step: Step;
  readonly taken: readonly Pair[];
}

/** The step that starts with `first` and does the most comparators for each row it touches. */
function bestStep(queues: Queues, first: Pair): Choice {
  let best: Choice = { step: { kind: 0, rows: first }, taken: [first] };
  const consider = (rows: readonly number[]): void => {
    const choice = stepOn(queues.ready(rows));
    if (choice !== undefined && yieldOf(choice) > yieldOf(best)) best = choice;
  };
  for (const third of queues.near(first)) {
    const three = [...first, third];
    consider(three);
    for (const fourth of queues.near(three)) consider([...three, fourth]);
  }
  return best;
}

function yieldOf({ step, taken }: Choice): number {
  return taken.length / step.rows.length;
}

/** The longest beginning of `pairs` that is a kind of step. */
function stepOn(pairs: readonly Pair[]): Choice | undefined {
  for (let length = pairs.length; length > 1; length--) {
    const taken = pairs.slice(0, length);
    const rows = [...new Set(taken.flat())];
    const known = kindOf(taken.map(([low, high]) => [rows.indexOf(low), rows.indexOf(high)]));
    if (known === undefined) continue;
    return { step: { kind: known.kind, rows: known.places.map((place) => rows[place]!) }, taken };
  }
  return undefined;
}

/** Every spelling of every kind: places renamed, comparators that do not touch in any order. */
const spellings = new Map<string, { kind: number; places: readonly number[] } | undefined>();

/** The kind that `pairs` are, up to names: place p of the kind is `places[p]` of the pairs. */
function kindOf(pairs: readonly Pair[]): ReturnType<typeof spellings.get> {
  const name = pairs.join();
  if (!spellings.has(name)) spellings.set(name, searchKind(pairs));
  return spellings.get(name);
}

function searchKind(pairs: readonly Pair[]): ReturnType<typeof spellings.get> {
  const size = new Set(pairs.flat()).size;
  for (const places of permutations(size)) {
    // Row names to places: pairs as the kind would write them.
    const written = pairs.map(([low, high]): Pair => [places.indexOf(low), places.indexOf(high)]);
    const kind = STEP_KINDS.indexOf(inLayers(written));
    if (kind >= 0) return { kind, places };
  }
  return undefined;
}

/** One text for all orders of the same comparators: by depth, then by place. */
function inLayers(pairs: readonly Pair[]): string {
  const depths = new Map<number, number>();
  const words = pairs.map((pair) => {
    const depth = 1 + Math.max(...pair.map((row) => depths.get(row) ?? 0));
    for (const row of pair) depths.set(row, depth);
    return { depth, word: pair.join('') };
  });
  words.sort((a, b) => a.depth - b.depth || (a.word < b.word ? -1 : 1));
  return words.map(({ word }) => word).join(' ');
}

function permutations(size: number): number[][] {
  if (size === 0) return [[]];
  return permutations(size - 1).flatMap((rest) =>
    Array.from({ length: size }, (_, at) => [...rest.slice(0, at), size - 1, ...rest.slice(at)]),
  );
}
