/**
 * Sorting networks as WGSL: the text that fills the slots of the kernels that hold a column's keys in
 * registers. Every key is a named scalar that is assigned once, so that no compiler needs to prove
 * that an array may live in registers.
 *
 * @module
 */

import {
  bitonicMerge,
  type Comparator,
  type SplitSizes,
  type StreamSizes,
  sortingNetwork,
  streamStep,
  windowNetwork,
} from '../network.ts';

/** Texts by the name of the slot they fill. */
export type Slots = Readonly<Record<string, string>>;

/** Keys on the wires of a network, and the statements that bring them there. */
class Registers {
  readonly lines: string[] = [];
  /** The name of the key on each wire. */
  readonly names: string[];
  #count = 0;

  /** One wire for each expression. */
  constructor(keys: readonly string[]) {
    this.names = keys.map((key) => this.#let(key));
  }

  #let(expression: string): string {
    const name = `k${this.#count++}`;
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }

  run(comparators: readonly Comparator[]): void {
    for (const { low, high, keepsLow, keepsHigh } of comparators) {
      const [a, b] = [this.names[low]!, this.names[high]!];
      if (keepsLow) this.names[low] = this.#let(`min(${a}, ${b})`);
      if (keepsHigh) this.names[high] = this.#let(`max(${a}, ${b})`);
    }
  }

  /** Adds the keys on the wires to `kept`; the first is the least of them, the last the greatest. */
  keep(wires: readonly number[]): void {
    const keys = wires.map((wire) => this.names[wire]!);
    this.lines.push(
      `kept = widened(kept, ${keys[0]}, ${keys.at(-1)});`,
      addition(keys, 'value_of'),
    );
  }

  assign(targets: readonly string[], wires: readonly number[]): void {
    for (const [i, target] of targets.entries()) {
      this.lines.push(`${target} = ${this.names[wires[i]!]};`);
    }
  }

  toString(): string {
    return this.lines.join('\n');
  }
}

/** Adds the values of keys to `kept`, for which there is room. */
function addition(keys: readonly string[], value: string): string {
  const values = keys.map((key) => `${value}(${key}, unit)`);
  return ['{ let unit = power(-kept.top);', ...additions(values, 'kept.sum'), '}'].join('\n');
}

/** Adds values to a sum, four at a time; see kept.wgsl. */
function additions(values: readonly string[], sum: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < values.length; at += 4) {
    const [a, b, c, d] = values.slice(at, at + 4);
    const left = b === undefined ? a : `${a} + ${b}`;
    const right = c === undefined ? '' : ` + (${d === undefined ? c : `${c} + ${d}`})`;
    lines.push(`${sum} = add(${sum}, (${left})${right}, p.zero);`);
  }
  return lines;
}

function named(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i}`);
}

/** The keys of `count` rows of column `col`, from row `first` on, an expression of WGSL. */
function loads(count: number, first: string): string[] {
  return Array.from({ length: count }, (_, i) => `key_of(x[starts[${first}${i}] + col])`);
}

/** For rank_mean: sorts `rows` rows; `word` is the mean of those at ranks [from, to). */
export function windowSlots(rows: number, from: number, to: number): Slots {
  const keys = new Registers(loads(rows, ''));
  keys.run(windowNetwork(rows, from, to));
  if (to - from === 1) return { sort: `${keys}\nlet word = word_of(${keys.names[from]});` };
  keys.lines.push('var kept = nothing_kept();');
  keys.keep(Array.from({ length: to - from }, (_, i) => from + i));
  return { sort: `${keys}\nlet word = kept_word(kept, col, p.begin, p.end);` };
}

/** For nearest_mean: sorts `rows` rows, and takes the `count` nearest where differences are tame. */
export function nearestSlots(rows: number, count: number): Slots {
  const keys = new Registers(loads(rows, ''));
  keys.run(sortingNetwork(rows, 0, rows));
  const sorted = keys.names;
  const windows = Array.from({ length: rows - count + 1 }, (_, i) => [i, i + count - 1]);
  const kept = sorted.map((_, i) => `w${i}`);
  const tame = [
    ...kept.map((_, i) => `let d${i} = tame_distance_word(v${i}, center);`),
    ...windows.map(([first, last]) => `far = min(far, max(d${first}, d${last}));`),
    ...kept.map((_, i) => `left -= u32(d${i} < far);`),
    ...kept.flatMap((word, i) => [
      `let tied${i} = d${i} == far && left > 0u;`,
      `left -= u32(tied${i});`,
      `let ${word} = select(0u, v${i}, d${i} < far || tied${i});`,
      `largest = max(largest, ${word} & MAGNITUDE);`,
      `bits |= ${word};`,
    ]),
    'let top = clamp(i32(largest >> 23u) - 127, -126, 126);',
    'let unit = power(-top);',
    ...additions(
      kept.map((word) => `scaled_by(bitcast<f32>(${word}), unit, p.zero)`),
      'total.sum',
    ),
  ];
  // The word of a key that is NaN's is some NaN, which is not tame either.
  const words = sorted.map((key, i) => `let v${i} = finite_word(${key});`);
  const test = kept.map((_, i) => `tame = tame & is_tame(v${i});`);
  return {
    sort: [keys, ...words, 'var tame = is_tame(center);', ...test].join('\n'),
    tame: tame.join('\n'),
    list: [
      `var words = array<u32, ${rows}>(${kept.map((_, i) => `v${i}`).join(', ')});`,
      `var away = array<u32, ${rows}>();`,
    ].join('\n'),
  };
}

/** For rank_mean_stream: the ends are named l0, l1, … and h0, h1, … */
export function streamSlots({ low, chunk, high }: StreamSizes): Slots {
  const lows = named('l', low);
  const highs = named('h', high);
  const ends = [...lows, ...highs];
  const held = new Registers(loads(low + high, ''));
  if (ends.length > 0) held.run(sortingNetwork(ends.length, 0, ends.length));
  const declared = ends.map((end, i) => `var ${end} = ${held.names[i]};`);
  const step = (rows: number): string => {
    const { comparators, ...after } = streamStep({ low, chunk: rows, high });
    const keys = new Registers([...lows, ...loads(rows, 'row + '), ...highs]);
    keys.run(comparators);
    keys.keep(after.rejected);
    keys.assign(lows, after.low);
    keys.assign(highs, after.high);
    return `${keys}`;
  };
  return { fill: [held, ...declared].join('\n'), step: step(chunk), insert: step(1) };
}

/** A split and the window that it is for. */
export interface SplitWindow extends SplitSizes {
  readonly from: number;
  readonly to: number;
  /** Columns of a workgroup. */
  readonly columns: number;
  /** Words of workgroup memory that keys travel through. */
  readonly words: number;
}

/** For rank_mean_split: the keys of a run are named s0, s1, … */
export function splitSlots(
  rows: number,
  { from, to, columns, words, runs, length }: SplitWindow,
): Slots {
  const keys = named('s', length);
  const exchange = exchanges({ length, words, invocations: columns * runs });
  const sorted = new Registers(keys.map((_, i) => splitLoad(rows, runs, i)));
  sorted.run(sortingNetwork(length, 0, length));
  const merged = new Registers(keys);
  merged.run(bitonicMerge(length));
  const wires = keys.map((_, i) => i);
  merged.assign(keys, wires);
  const pick = (i: number, other: string): string =>
    `s${i} = select(max(s${i}, ${other}), min(s${i}, ${other}), lower);`;
  const at = (): string => 'partner';
  // Keys i of one half and rank − i of the other meet; which slot that is depends on i alone.
  const meeting = (
    rank: number,
    meet: (i: number, other: string, read: string) => string,
  ): string => {
    const last = rank % length;
    const facing = (i: number): string => (i <= last ? 'same' : 'next');
    const sum = Math.floor(rank / length);
    return [
      `{ let same = facing(place, ${sum}); let next = facing(place, ${sum - 1});`,
      exchange(
        (i) => (rank - i + length) % length,
        (i) => `${facing(i)}.at`,
        (i, read) => meet(i, facing(i), read),
      ),
      '}',
    ].join('\n');
  };
  const select =
    to - from === 1
      ? [
          meeting(
            from,
            (i, other, read) => `above = max(above, min(s${i}, met(${other}, ${read})) + 1u);`,
          ),
        ]
      : [
          to < length * runs
            ? meeting(
                to - 1,
                (i, other, read) =>
                  `s${i} = select(DROPPED, s${i}, is_lower(s${i}, ${other}, ${read}));`,
              )
            : '',
          from > 0
            ? meeting(
                from - 1,
                (i, other, read) =>
                  `s${i} = select(s${i}, DROPPED, is_lower(s${i}, ${other}, ${read}));`,
              )
            : '',
          ...keys.map((key) => `least = min(least, ${key}); above = max(above, ${key} + 1u);`),
        ];
  return {
    load: [sorted, ...keys.map((key, i) => `var ${key} = ${sorted.names[i]};`)].join('\n'),
    // Two runs are the halves already; of four, no stretch is longer than a run when it is merged.
    end_to_end: runs > 2 ? exchange((i) => length - 1 - i, at, pick) : '',
    side_by_side: runs > 4 ? exchange((i) => i, at, pick) : '',
    merge: runs > 2 ? `${merged}` : '',
    select: select.join('\n'),
    add: to - from === 1 ? '' : addition(keys, 'kept_value'),
  };
}

/** The key in slot `i` of a run: that of every runs-th row. */
function splitLoad(rows: number, runs: number, i: number): string {
  const row = `${i * runs}u + run`;
  if ((i + 1) * runs > rows) return `key_at(${row}, col)`;
  return `min(key_of(x[starts[${row}] + col]), DROPPED - 1u)`;
}

/**
 * Exchanges among the invocations of a workgroup: each publishes its keys, some slots at a time, and
 * reads in their place those of another invocation in the slots that `meets` gives; slots that meet
 * are published together, so that none is overwritten before it is read.
 */
function exchanges({
  length,
  words,
  invocations,
}: Record<'length' | 'words' | 'invocations', number>) {
  const room = Math.floor(words / invocations);
  return (
    meets: (slot: number) => number,
    at: (slot: number) => string,
    use: (slot: number, read: string) => string,
  ): string => {
    const lines: string[] = [];
    for (const slots of slicesOf(length, room, meets)) {
      lines.push('workgroupBarrier();');
      for (const [k, slot] of slots.entries()) {
        lines.push(`sh_keys[${k * invocations}u + local] = s${slot};`);
      }
      lines.push('workgroupBarrier();');
      for (const slot of slots) {
        const base = slots.indexOf(meets(slot)) * invocations;
        lines.push(use(slot, `sh_keys[${base}u + ${at(slot)}]`));
      }
    }
    return lines.join('\n');
  };
}

/** The slots in slices of at most `room`; slots that meet are in one slice. */
function slicesOf(length: number, room: number, meets: (slot: number) => number): number[][] {
  const slices: number[][] = [[]];
  for (let slot = 0; slot < length; slot++) {
    if (meets(slot) < slot) continue;
    const pair = meets(slot) === slot ? [slot] : [slot, meets(slot)];
    if (slices.at(-1)!.length + pair.length > room) slices.push([]);
    slices.at(-1)!.push(...pair);
  }
  return slices;
}
