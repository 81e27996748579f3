/**
 * A sorting network over several invocations as WGSL: the text that fills the slots of
 * rank_mean_split. The keys of a run are named s0, s1, … in the registers of its invocation.
 *
 * @module
 */

import { bitonicMerge, type SplitSizes, sortingNetwork } from '../network.ts';
import type { Slots } from './device.ts';
import { addition, named, Registers } from './network-text.ts';

/** A split, what it is for, and what it may use. */
export interface SplitWork extends SplitSizes {
  readonly rows: number;
  readonly from: number;
  readonly to: number;
  /** Columns of a workgroup. */
  readonly columns: number;
  /** Words of workgroup memory that keys travel through. */
  readonly words: number;
}

/** For rank_mean_split: the keys at ranks [from, to) of `rows` rows. */
export function splitSlots(work: SplitWork): Slots {
  const { runs, length, from, to } = work;
  const keys = named('s', length);
  const exchange = (pairing: Pairing): string => exchangeText(work, pairing);
  const sorted = new Registers(keys.map((_, i) => load(work, i)));
  sorted.run(sortingNetwork(length, 0, length));
  const single = to - from === 1;
  return {
    load: [sorted, ...keys.map((key, i) => `var ${key} = ${sorted.names[i]};`)].join('\n'),
    // Two runs are the halves already; of four, no stretch is longer than a run when it is merged.
    end_to_end: runs > 2 ? exchange(partners((i) => length - 1 - i)) : '',
    side_by_side: runs > 4 ? exchange(partners((i) => i)) : '',
    merge: runs > 2 ? mergeText(keys) : '',
    select: single ? meetings(work, from, candidate) : windowText(work, keys),
    add: single ? '' : addition(keys, 'kept_value'),
  };
}

/** The key in slot `i` of a run: that of every runs-th row. */
function load({ rows, runs }: SplitWork, i: number): string {
  const row = `${i * runs}u + run`;
  if ((i + 1) * runs > rows) return `key_at(${row}, col)`;
  return `min(key_of(x[starts[${row}] + col]), DROPPED - 1u)`;
}

function mergeText(keys: readonly string[]): string {
  const merged = new Registers(keys);
  merged.run(bitonicMerge(keys.length));
  merged.assign(
    keys,
    keys.map((_, i) => i),
  );
  return `${merged}`;
}

/** Drops what is not among the `to` lowest, and then the `from` lowest; finds the ends of the rest. */
function windowText(work: SplitWork, keys: readonly string[]): string {
  const { runs, length, from, to } = work;
  return [
    // All the keys that there are, are among the lowest.
    to < runs * length ? meetings(work, to - 1, dropHigher) : '',
    from > 0 ? meetings(work, from - 1, dropLower) : '',
    ...keys.map((key) => `least = min(least, ${key}); above = max(above, ${key} + 1u);`),
  ].join('\n');
}

/** What a key makes of what it meets. */
type Meet = (key: string, facing: string, published: string) => string;

const dropHigher: Meet = (key, facing, published) =>
  `${key} = select(DROPPED, ${key}, is_lower(${key}, ${facing}, ${published}));`;
const dropLower: Meet = (key, facing, published) =>
  `${key} = select(${key}, DROPPED, is_lower(${key}, ${facing}, ${published}));`;
/** The lowest keys up to a rank; the greatest of them has it. */
const candidate: Meet = (key, facing, published) =>
  `above = max(above, min(${key}, met(${facing}, ${published})) + 1u);`;

/**
 * Key I of one half meets key rank − I of the other. With I = run · length + slot, the slot that is
 * met depends on the slot alone, and the sum of both runs has one of two values.
 */
function meetings(work: SplitWork, rank: number, meet: Meet): string {
  const { length } = work;
  const sum = Math.floor(rank / length);
  const facing = (slot: number): string => (slot <= rank % length ? 'same' : 'next');
  const pairing: Pairing = {
    meets: (slot) => (rank - slot + length) % length,
    from: (slot) => `${facing(slot)}.at`,
    use: (slot, published) => meet(`s${slot}`, facing(slot), published),
  };
  return [
    `{ let same = facing(place, ${sum}); let next = facing(place, ${sum - 1});`,
    exchangeText(work, pairing),
    '}',
  ].join('\n');
}

/** The lower of two keys goes to the lower run. */
function partners(meets: (slot: number) => number): Pairing {
  return {
    meets,
    from: () => 'partner',
    use: (slot, read) => {
      const [low, high] = [`min(s${slot}, ${read})`, `max(s${slot}, ${read})`];
      return `s${slot} = select(${high}, ${low}, lower);`;
    },
  };
}

/** Which slots of two invocations meet, and what comes of it. */
interface Pairing {
  /** The slot that a slot meets: its own inverse. */
  readonly meets: (slot: number) => number;
  /** The invocation whose slot it is, an expression. */
  readonly from: (slot: number) => string;
  /** Statement for a slot and an expression of the key it meets. */
  readonly use: (slot: number, published: string) => string;
}

/**
 * Every invocation publishes its keys, some slots at a time, and reads those that they meet. Slots that
 * meet are published together, so that none is changed before the other has read it.
 */
function exchangeText(
  { length, words, columns, runs }: SplitWork,
  { meets, from, use }: Pairing,
): string {
  const invocations = columns * runs;
  const lines: string[] = [];
  for (const slots of slices(length, Math.floor(words / invocations), meets)) {
    // What was published before has been read.
    lines.push('workgroupBarrier();');
    for (const [k, slot] of slots.entries()) {
      lines.push(`sh_keys[${k * invocations}u + local] = s${slot};`);
    }
    // All have published.
    lines.push('workgroupBarrier();');
    for (const slot of slots) {
      const place = slots.indexOf(meets(slot)) * invocations;
      lines.push(use(slot, `sh_keys[${place}u + ${from(slot)}]`));
    }
  }
  return lines.join('\n');
}

/** The slots in slices of at most `room`, at least 2; slots that meet are in one slice. */
function slices(length: number, room: number, meets: (slot: number) => number): number[][] {
  const all: number[][] = [[]];
  for (let slot = 0; slot < length; slot++) {
    const other = meets(slot);
    if (other < slot) continue;
    const pair = other === slot ? [slot] : [slot, other];
    if (all.at(-1)!.length + pair.length > room) all.push([]);
    all.at(-1)!.push(...pair);
  }
  return all;
}
