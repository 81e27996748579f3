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
    this.lines.push(`kept = widened(kept, ${keys[0]}, ${keys.at(-1)});`);
    this.lines.push('{ let unit = power(-kept.top);');
    for (let at = 0; at < keys.length; at += 4) {
      const [a, b, c, d] = keys.slice(at, at + 4).map((key) => `value_of(${key}, unit)`);
      const left = b === undefined ? a : `${a} + ${b}`;
      const right = c === undefined ? '' : ` + (${d === undefined ? c : `${c} + ${d}`})`;
      this.lines.push(`kept.sum = add(kept.sum, (${left})${right}, p.zero);`);
    }
    this.lines.push('}');
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

function named(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i}`);
}

/** The keys of `count` rows of column `col`, from row `first` on, an expression of WGSL. */
function loads(count: number, first: string): string[] {
  return Array.from({ length: count }, (_, i) => `key_of(x[starts[${first}${i}] + col])`);
}

/** For rank_mean: sorts `rows` rows and adds those at ranks [from, to). */
export function windowSlots(rows: number, from: number, to: number): Slots {
  const keys = new Registers(loads(rows, ''));
  keys.run(windowNetwork(rows, from, to));
  keys.keep(Array.from({ length: to - from }, (_, i) => from + i));
  return { sort: `${keys}` };
}

/** For nearest_mean: sorts `rows` rows as the array `kept`. */
export function sortSlots(rows: number): Slots {
  const keys = new Registers(loads(rows, ''));
  keys.run(sortingNetwork(rows, 0, rows));
  return { sort: `${keys}\nvar kept = array<u32, ${rows}>(${keys.names.join(', ')});` };
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
