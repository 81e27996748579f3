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
    if (queues.next(pair[0]) !== pair) continue;
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
  next(row: number, ahead: number = 0): Pair | undefined {
    return this.#ofRow[row]![this.#heads[row]! + ahead];
  }

  take(pairs: readonly Pair[]): void {
    for (const [low, high] of pairs) {
      this.#heads[low]!++;
      this.#heads[high]!++;
    }
  }

  /** Rows that `rows` are soon compared with. */
  near(rows: readonly number[]): number[] {
    const found: number[] = [];
    for (const row of rows) {
      for (let ahead = 0; ahead < LOOK_AHEAD; ahead++) {
        const pair = this.next(row, ahead);
        if (pair === undefined) break;
        const other = pair[0] === row ? pair[1] : pair[0];
        if (!rows.includes(other) && !found.includes(other)) found.push(other);
      }
    }
    return found;
  }

  /** All that can be done on `rows` before another row is needed, in order. */
  ready(rows: readonly number[]): Pair[] {
    const done = rows.map(() => 0);
    const found: Pair[] = [];
    for (let before = -1; before < found.length; ) {
      before = found.length;
      for (let a = 0; a < rows.length; a++) {
        const pair = this.next(rows[a]!, done[a]);
        if (pair === undefined) continue;
        const b = rows.indexOf(pair[0] === rows[a] ? pair[1] : pair[0]);
        if (b < 0 || this.next(rows[b]!, done[b]) !== pair) continue;
        found.push(pair);
        done[a]!++;
        done[b]!++;
      }
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
    best = longestStep(queues.ready(rows), yieldOf(best)) ?? best;
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

/** The longest beginning of `pairs` that is a kind of step and yields more than `least`. */
function longestStep(pairs: readonly Pair[], least: number): Choice | undefined {
  const rows: number[] = [];
  const sizes: number[] = [];
  const names: number[] = [];
  for (const pair of pairs) {
    let name = names.at(-1) ?? 1;
    for (const row of pair) {
      if (!rows.includes(row)) rows.push(row);
      name = 4 * name + rows.indexOf(row);
    }
    names.push(name);
    sizes.push(rows.length);
  }
  for (let last = pairs.length - 1; last >= 0; last--) {
    if ((last + 1) / sizes[last]! <= least) continue;
    const known = kindOf(names[last]!);
    if (known === undefined) continue;
    const step = { kind: known.kind, rows: known.places.map((place) => rows[place]!) };
    return { step, taken: pairs.slice(0, last + 1) };
  }
  return undefined;
}

/** A kind under another name: its place p is the row that was met as number `places[p]`. */
interface Known {
  readonly kind: number;
  readonly places: readonly number[];
}

/** What was found for names that were asked for. */
const kinds = new Map<number, Known | undefined>();

/** The kind of comparators whose rows, numbered as they are met, are the base-4 digits of `name`. */
function kindOf(name: number): Known | undefined {
  if (!kinds.has(name)) kinds.set(name, findKind(name));
  return kinds.get(name);
}

function findKind(name: number): Known | undefined {
  // The leading 1 only holds the place of zeros.
  const digits = [...name.toString(4)].slice(1).map(Number);
  const pairs = Array.from(
    { length: digits.length / 2 },
    (_, k): Pair => [digits[2 * k]!, digits[2 * k + 1]!],
  );
  for (const places of permutations(new Set(digits).size)) {
    const renamed = pairs.map(([low, high]): Pair => [places.indexOf(low), places.indexOf(high)]);
    const kind = STEP_KINDS.indexOf(inLayers(renamed));
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
