/**
 * Weights as the kernels of combine read them: lists of the rows that an output wants, and of those
 * that four outputs share.
 *
 * @module
 */

import type { Kernels } from './kernels.ts';

/** Outputs that one pass can serve. */
const GROUP = 4;
/** An entry for four outputs takes the time of so many for one. */
const GROUP_COST = 3;
/** Weights above this would let terms leave f64; below its inverse they add nothing to an f32. */
const LARGE = 2 ** 800;
const LARGE_UNIT = 2 ** 400;

/** Where the rows are that a plan is applied to, where the outputs go, and room for a row of f64. */
interface Place {
  readonly x: number;
  readonly stride: number;
  readonly cols: number;
  readonly out: number;
  readonly sums: number;
}

/** A plan for several outputs: what it reads, its lists, and how to do it. */
export interface CombinePlan {
  /** Rows with a weight other than 0, ascending. The plan counts rows by their place in here. */
  readonly used: readonly number[];
  readonly table: Uint32Array;
  apply(kernels: Kernels, place: Place, table: number): void;
}

/** A plan for one output, whose rows come eight at a time: the table holds its weights twice. */
export interface SumPlan {
  /** Rows with a weight other than 0, ascending. */
  readonly used: readonly number[];
  /** A list with an entry of `ENTRY_BYTES` for each of them, then, where they do, f32, whole eights. */
  readonly table: Uint32Array;
  /** What sums over the list are multiplied by. */
  readonly unit: number;
  /** What sums over the f32 are multiplied by; undefined where they would not do. */
  readonly floatUnit: number | undefined;
}

/** Bytes of an entry of a list for one output: see assembly/combine.ts. */
export const ENTRY_BYTES = 16;
/** Rows that a sum with one output takes in at once. */
export const EIGHT = 8;

/** As f32, the largest weight is this … */
const TOP = 2 ** 47;
/** … and none is below a part in so many of it: see assembly/combine.ts. */
const MAX_SPREAD = 2 ** 19;

/** A list in the table: where it starts, in words, and how many entries it has. */
interface List {
  readonly start: number;
  readonly entries: number;
}

/** One output by itself. */
interface Single extends List {
  readonly unit: number;
}

/** Up to four outputs; `shared` where one pass for all of them is worth it. */
interface Group {
  readonly singles: readonly Single[];
  /** Its units stand before its entries. */
  readonly shared: List | undefined;
}

/** Prepares the weights of one output. */
export function sumPlan(weights: Float64Array): SumPlan {
  const used = usedRows([weights]);
  const { unit, weights: scaled } = scale(weights, used);
  const table = new Table();
  table.list(scaled.map((weight, i) => ({ row: i % EIGHT, numbers: [weight] })));
  const sizes = used.map((i) => Math.abs(weights[i]!));
  // Arguments of a call would be too many for some thousands of rows.
  const least = sizes.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  // Well inside f64, so that the unit is, too.
  const isPlain = used.length > 0 && least > 2 ** -900 && largest < 2 ** 900;
  if (!isPlain || largest > least * MAX_SPREAD) {
    return { used, table: table.words(), unit, floatUnit: undefined };
  }
  const floats = new Float32Array(Math.ceil(used.length / EIGHT) * EIGHT);
  floats.set(used.map((i) => (weights[i]! / largest) * TOP));
  table.floats(floats);
  return { used, table: table.words(), unit, floatUnit: largest / TOP };
}

/** Prepares the weights of several outputs, m rows of n. */
export function combinePlan(weights: readonly Float64Array[]): CombinePlan {
  const used = usedRows(weights);
  const table = new Table();
  const groups = Array.from({ length: Math.ceil(weights.length / GROUP) }, (_, g) => {
    const scaled = weights.slice(GROUP * g, GROUP * (g + 1)).map((w) => scale(w, used));
    return groupOf(table, scaled);
  });
  return {
    used,
    table: table.words(),
    apply: (kernels, place, at) => {
      for (const [g, group] of groups.entries()) {
        const out = place.out + GROUP * g * place.stride;
        applyGroup(kernels, group, { ...place, out, table: at });
      }
    },
  };
}

function usedRows(weights: readonly Float64Array[]): number[] {
  const rows = Array.from(weights[0]!, (_, i) => i);
  return rows.filter((i) => weights.some((w) => w[i] !== 0));
}

interface Scaled {
  readonly unit: number;
  readonly weights: readonly number[];
}

/** The weights of the used rows, divided by a power of two where they are very large. */
function scale(weights: Float64Array, used: readonly number[]): Scaled {
  const unit = weights.some((w) => Math.abs(w) > LARGE) ? LARGE_UNIT : 1;
  return { unit, weights: used.map((i) => weights[i]! / unit) };
}

function groupOf(table: Table, outputs: readonly Scaled[]): Group {
  const singles = outputs.map(({ unit, weights }) => {
    const rows = indicesOf(weights, (w) => w !== 0);
    return { unit, ...table.list(rows.map((i) => ({ row: i, numbers: [weights[i]!] }))) };
  });
  const any = outputs[0]!.weights.map((_, i) => outputs.some(({ weights }) => weights[i] !== 0));
  const rows = indicesOf(any, Boolean);
  const alone = singles.reduce((sum, { entries }) => sum + entries, 0);
  if (outputs.length < GROUP || alone < GROUP_COST * rows.length) {
    return { singles, shared: undefined };
  }
  table.numbers(outputs.map(({ unit }) => unit));
  const entries = rows.map((row) => ({
    row,
    numbers: outputs.map(({ weights }) => weights[row]!),
  }));
  return { singles, shared: table.list(entries) };
}

function applyGroup(
  kernels: Kernels,
  { singles, shared }: Group,
  { x, stride, cols, out, sums, table }: Place & { table: number },
): void {
  if (shared !== undefined) {
    const units = table + 4 * shared.start - 8 * GROUP;
    const list = [table + 4 * shared.start, shared.entries] as const;
    if (kernels.combineFour(x, stride, cols, ...list, units, out) === 0) return;
  }
  for (const [k, { start, entries, unit }] of singles.entries()) {
    kernels.clear(sums, 8 * cols);
    kernels.addRows(x, stride, cols, table + 4 * start, entries, sums);
    kernels.roundSums(sums, cols, unit, out + k * stride);
  }
}

function indicesOf<T>(values: readonly T[], wanted: (value: T) => boolean): number[] {
  return values.flatMap((value, i) => (wanted(value) ? [i] : []));
}

/** Words of u32, and numbers of f64 over two words each. */
class Table {
  readonly #words: number[] = [];

  numbers(values: readonly number[]): void {
    for (const word of new Uint32Array(Float64Array.from(values).buffer)) this.#words.push(word);
  }

  floats(values: Float32Array): void {
    for (const word of new Uint32Array(values.buffer)) this.#words.push(word);
  }

  /** Entries: the number of a row, a word that fills up, and numbers. */
  list(entries: readonly { row: number; numbers: readonly number[] }[]): List {
    const start = this.#words.length;
    for (const { row, numbers } of entries) {
      this.#words.push(row, 0);
      this.numbers(numbers);
    }
    return { start, entries: entries.length };
  }

  words(): Uint32Array {
    return Uint32Array.from(this.#words);
  }
}
