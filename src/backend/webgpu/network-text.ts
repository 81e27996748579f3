/**
 * Sorting networks as WGSL: the text that fills the slots of the kernels that hold a column's keys in
 * registers. Every key is a named scalar that is assigned once, so that no compiler needs to prove
 * that an array may live in registers.
 *
 * @module
 */

import {
  type Comparator,
  type StreamSizes,
  sortingNetwork,
  streamStep,
  windowNetwork,
} from '../network.ts';
import type { Slots } from './device.ts';

/** Keys on the wires of a network, and the statements that bring them there. */
export class Registers {
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
export function addition(keys: readonly string[], value: string): string {
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

export function named(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i}`);
}

/** The keys of `count` rows of column `col`, from row `first` on, an expression of WGSL. */
function loads(count: number, first: string, key: string = 'key_of'): string[] {
  return Array.from({ length: count }, (_, i) => `${key}(x[starts[${first}${i}] + col])`);
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

/** For rank_sum: sorts `rows` rows of words; `word` is the sum of those at ranks [from, to). */
export function sumSlots(rows: number, from: number, to: number): Slots {
  const keys = new Registers(loads(rows, '', 'flipped'));
  keys.run(windowNetwork(rows, from, to));
  const words = keys.names.slice(from, to).map((key) => `flipped(${key})`);
  return { sort: `${keys}\nlet word = ${words.join(' + ')};` };
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
