/**
 * The battery that draws of noise go through, as checks of anything that draws; and a draw restated
 * from its definition, over a library's ChaCha20, into which faults can be put. A check throws.
 */

import { chacha20 } from '@noble/ciphers/chacha.js';
import { expect } from 'vitest';
import type { NoiseTable } from '../../../src/backend/kernels.ts';
import { type AliasTable, aliasTable } from '../../../src/privacy/lattice/alias-table.ts';
import { ONE, PLACES } from '../../../src/privacy/lattice/fixed-point.ts';
import { discreteGaussian, type Law } from '../../../src/privacy/lattice/laws.ts';
import { gaussianPlan, type PlannedDraw } from '../../../src/privacy/lattice/noise-plan.ts';
import { type NoiseAddress, noiseNonce } from '../../../src/privacy/lattice/noise-stream.ts';
import {
  expectChiSquare,
  expectKolmogorov,
  expectPoisson,
  expectUncorrelated,
  normalCdf,
} from './statistics.ts';

const COLUMN = 1n << 96n;
const WORD = 0xffff_ffffn;

/** Something that draws noise. */
export interface Subject {
  /** The table that it reads where it is given one. */
  table(table: AliasTable): NoiseTable;
  /** What it draws by four words. */
  draw(table: NoiseTable, random: Uint32Array): number;
  /** Noise of coordinates 0 … count − 1 at an address. */
  sample(
    draws: readonly PlannedDraw[],
    address: Partial<NoiseAddress>,
    count: number,
  ): Promise<Int32Array>;
}

/** What can be wrong with a draw. */
export type Fault =
  | 'at most the threshold'
  | 'threshold words swapped'
  | 'alias ignored'
  | 'an alias off by one'
  | 'a threshold off by one'
  | 'rows read from the next column'
  | 'threshold cut to 24 bits'
  | 'column shares bits with the threshold'
  | 'counter used again'
  | 'one counter for two lanes'
  | 'round left out of the nonce'
  | 'tensor left out of the nonce'
  | 'level left out of the nonce'
  | 'first level dropped'
  | 'second level dropped'
  | 'last level dropped';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256);
/** Blocks after which a counter that is used again starts anew. */
const PERIOD = 64;

/** A draw as kernels.ts defines it, written anew; with a fault, where one is given. */
export function restated(fault?: Fault): Subject {
  const draw = (
    { log2Columns, offset, words }: NoiseTable,
    random: Uint32Array,
    at = 0,
  ): number => {
    const column = random[at]! % 2 ** log2Columns;
    const entry = (fault === 'rows read from the next column' ? column + 1 : column) * 4;
    const row = entry % words.length;
    const isOwn = isBelow(random, at, words, row);
    return isOwn || fault === 'alias ignored' ? column - offset : words[row + 3]! | 0;
  };

  function isBelow(random: Uint32Array, at: number, words: Uint32Array, row: number): boolean {
    if (fault === 'threshold cut to 24 bits') return random[at + 3]! >>> 8 < words[row + 2]! >>> 8;
    const own = [random[at + 3]!, random[at + 2]!, random[at + 1]!];
    if (fault === 'column shares bits with the threshold') own[0] = random[at]!;
    const edge = [words[row + 2]!, words[row + 1]!, words[row]!];
    if (fault === 'threshold words swapped') edge.reverse();
    for (const [k, word] of own.entries()) {
      if (word !== edge[k]) return word < edge[k]!;
    }
    return fault === 'at most the threshold';
  }

  /** Words of blocks 0, 1, … of a level. */
  function stream(address: Partial<NoiseAddress>, level: number, blocks: number): Uint32Array {
    const full = { round: 1, tensor: 0, purpose: 0, ...address };
    if (fault === 'round left out of the nonce') full.round = 0;
    if (fault === 'tensor left out of the nonce') full.tensor = 0;
    const nonce = noiseNonce(full);
    if (fault !== 'level left out of the nonce') nonce[2] += level;
    const bytes = new Uint8Array(Uint32Array.from(nonce).buffer);
    const isCyclic = fault === 'counter used again';
    const made = isCyclic ? Math.min(blocks, PERIOD) : blocks;
    const words = new Uint32Array(chacha20(KEY, bytes, new Uint8Array(64 * made)).buffer);
    if (!isCyclic) return words;
    return Uint32Array.from({ length: 16 * blocks }, (_, i) => words[i % words.length]!);
  }

  const dropped = ['first level dropped', 'second level dropped', 'last level dropped'].indexOf(
    fault ?? '',
  );
  return {
    table: (table) => faultyTable(table, fault),
    draw: (table, random) => draw(table, random),
    sample: async (draws, address, count) => {
      const values = new Int32Array(count);
      for (const [level, { table, factor }] of draws.entries()) {
        // One draw has no levels to lose.
        if (draws.length > 1 && dropped === Math.min(level, 2)) continue;
        const own = faultyTable(table, fault);
        const random = stream(address, level, Math.ceil(count / 4));
        for (let j = 0; j < count; j++) {
          const lane = fault === 'one counter for two lanes' ? j & ~1 : j;
          values[j]! += Math.imul(factor, draw(own, random, 4 * lane));
        }
      }
      return values;
    },
  };
}

function faultyTable(table: AliasTable, fault: Fault | undefined): NoiseTable {
  const words = table.words.slice();
  // A column that is rarely met: no sample would tell.
  if (fault === 'an alias off by one') words[4 * 3 + 3]!++;
  if (fault === 'a threshold off by one') words[4 * table.offset]!++;
  return { log2Columns: table.log2Columns, offset: table.offset, words };
}

const narrowLaw: Law = discreteGaussian(64);
const narrow: AliasTable = aliasTable(narrowLaw);
/** σ² of the continuous law whose lattice version is far from it. */
const SMALL = 0.3;
const smallLaw: Law = discreteGaussian(SMALL);
const SIGMA = 2 ** 20;
const plan = gaussianPlan(SIGMA);
const one: readonly PlannedDraw[] = [{ table: narrow, factor: 1 }];
const small: readonly PlannedDraw[] = [{ table: aliasTable(smallLaw), factor: 1 }];

function massOf({ masses }: Law, k: number): number {
  return Number(masses[Math.abs(k)] ?? 0n) / Number(ONE);
}

type Check = (subject: Subject, count: number) => Promise<void> | void;

/** What a check is called is what it shows. */
export const checks: Readonly<Record<string, Check>> = {
  'tables give each value its weight': (subject) => {
    for (const table of [narrow, ...plan.draws.map((draw) => draw.table)]) {
      expect(weightsIn(subject.table(table), table.weights.length)).toEqual(table.weights);
    }
    const unit = PLACES - 96n - BigInt(narrow.log2Columns);
    const floors = narrow.weights.slice(narrow.offset + 1);
    expect(floors).toEqual(narrowLaw.masses.slice(1).map((mass) => mass >> unit));
  },

  'chosen words draw what they must': (subject) => {
    const table = subject.table(narrow);
    for (let column = 0; column < 2 ** narrow.log2Columns; column++) {
      const row = narrow.words.slice(4 * column, 4 * column + 4);
      const threshold = numberOf(row);
      const near = [-(1n << 64n), -(1n << 32n), -1n, 0n, 1n, 1n << 32n, 1n << 64n];
      for (const number of [0n, COLUMN - 1n, ...near.map((d) => threshold + d)]) {
        if (number < 0n || number >= COLUMN) continue;
        const want = number < threshold ? column - narrow.offset : row[3]! | 0;
        // The upper bits of the first word choose nothing.
        for (const upper of [0, 0x1234_5600, 0xffff_ff00]) {
          const random = Uint32Array.of((upper | column) >>> 0, ...wordsOf(number));
          expect(subject.draw(table, random), `column ${column}`).toBe(want);
        }
      }
    }
  },

  'chosen words reach the ends of a sum': (subject) => {
    // Weights end where P·2^(m + 96) is below 1: at 11.7 to 11.9 σ, not at the table's own end at 13.3 σ.
    for (const sign of [-1, 1]) {
      let sum = 0;
      for (const { table, factor } of plan.draws) {
        const last = table.weights.findLastIndex((weight) => weight > 0n);
        const column = sign > 0 ? last : 2 * table.offset - last;
        sum += factor * subject.draw(subject.table(table), Uint32Array.of(column, 0, 0, 0));
      }
      expect(sign * sum).toBeGreaterThan(11.8 * SIGMA);
      expect(sign * sum).toBeLessThan(13.3 * SIGMA);
    }
  },

  'a draw has the masses of its law': async (subject, count) => {
    expectLaw(await subject.sample(one, { purpose: 1 }, count), narrowLaw);
    expectLaw(await subject.sample(small, { purpose: 2 }, count), smallLaw);
  },

  'a draw has the moments of its law': async (subject, count) => {
    expectMoments(await subject.sample(one, { purpose: 1 }, count), narrowLaw);
    expectMoments(await subject.sample(small, { purpose: 2 }, count), smallLaw);
  },

  'a sum has the distribution of one Gaussian': async (subject, count) => {
    const sample = await subject.sample(plan.draws, { purpose: 3 }, count);
    const normal = { mean: 0, second: 1, fourth: 3, sixth: 15, eighth: 105 };
    expectStandardMoments(sample, SIGMA, normal);
    expectKolmogorov(sample, (x) => normalCdf((x + 0.5) / SIGMA));
  },

  'a sum has low bits of every level that are uniform': async (subject, count) => {
    const sample = await subject.sample(plan.draws, { purpose: 3 }, count);
    for (const shift of [0, 6, 12]) {
      const cells = Array.from({ length: 64 }, () => ({ count: 0, expected: count / 64 }));
      for (const value of sample) cells[(value >> shift) & 63]!.count++;
      expectChiSquare(cells);
    }
  },

  'tails are as long as they must be': async (subject, count) => {
    expectTails(await subject.sample(one, { purpose: 4 }, count), {
      sigma: 8,
      beyond: (edge) => {
        let mass = 0;
        for (let k = Math.floor(edge) + 1; k < narrowLaw.masses.length; k++) {
          mass += 2 * massOf(narrowLaw, k);
        }
        return mass;
      },
    });
    expectTails(await subject.sample(plan.draws, { purpose: 4 }, count), {
      sigma: SIGMA,
      beyond: (edge) => TWO_SIDED.get(edge / SIGMA)!,
    });
  },

  'columns know nothing of one another': async (subject, count) => {
    for (const draws of [one, plan.draws]) {
      const sample = await subject.sample(draws, { purpose: 5 }, count);
      const squares = Float64Array.from(sample, (value) => value * value);
      // The next lane, block, vector of blocks, group of invocations, and two of them.
      for (const lag of [1, 2, 3, 4, 16, 64, 256, 512]) {
        expectUncorrelated(sample, sample.subarray(lag), `lag ${lag}`);
        expectUncorrelated(squares, squares.subarray(lag), `squares at lag ${lag}`);
      }
    }
  },

  'lanes of a vector know nothing of one another': async (subject, count) => {
    const sample = await subject.sample(one, { purpose: 6 }, count);
    const lanes = Array.from({ length: 16 }, (_, lane) =>
      Int32Array.from({ length: count / 16 }, (_, k) => sample[16 * k + lane]!),
    );
    for (const [i, a] of lanes.entries()) {
      for (const [j, b] of lanes.entries()) {
        if (i < j) expectUncorrelated(a, b, `lanes ${i} and ${j}`);
      }
    }
  },

  'addresses and levels know nothing of one another': async (subject, count) => {
    const draws = (level: number): PlannedDraw[] =>
      [0, 1, 2].map((l) => ({ table: narrow, factor: Number(l === level) }));
    const samples = [
      await subject.sample(draws(0), {}, count),
      await subject.sample(draws(1), {}, count),
      await subject.sample(draws(2), {}, count),
      await subject.sample(draws(0), { round: 2 }, count),
      await subject.sample(draws(0), { tensor: 1 }, count),
      await subject.sample(draws(0), { purpose: 1 }, count),
    ];
    for (const [i, a] of samples.entries()) {
      for (const [j, b] of samples.entries()) {
        if (i < j) expectUncorrelated(a, b, `samples ${i} and ${j}`);
      }
    }
  },

  'no two blocks of a run are equal': async (subject, count) => {
    // Four draws of σ = 2²⁰ tell blocks apart: two of a run's 2¹⁴ agree with probability below 2⁻⁵⁰.
    const seen = new Set<string>();
    let blocks = 0;
    const columns = Math.min(count, 2 ** 13);
    for (let round = 0; round < 3; round++) {
      for (let tensor = 0; tensor < 3; tensor++) {
        const sample = await subject.sample(plan.draws, { round, tensor }, columns);
        for (let j = 0; j < columns; j += 4) {
          seen.add(sample.subarray(j, j + 4).join());
          blocks++;
        }
      }
    }
    expect(seen.size).toBe(blocks);
  },
};

/** Those of some checks that a subject fails, by their assertions alone: an error is thrown on. */
export async function failures(
  subject: Subject,
  count: number,
  names: readonly (keyof typeof checks)[] = Object.keys(checks),
): Promise<string[]> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await checks[name]!(subject, count);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'AssertionError') throw error;
      failed.push(name);
    }
  }
  return failed;
}

/** Weight of every value, counted from the words of a table. */
function weightsIn({ words, offset }: NoiseTable, values: number): bigint[] {
  const found = Array<bigint>(values).fill(0n);
  for (let column = 0; 4 * column < words.length; column++) {
    const row = words.subarray(4 * column, 4 * column + 4);
    const threshold = numberOf(row);
    if (threshold > 0n) found[column]! += threshold;
    found[(row[3]! | 0) + offset]! += COLUMN - threshold;
  }
  return found;
}

/** 96 bits, the lowest word first. */
function numberOf([low, middle, high]: Uint32Array): bigint {
  return BigInt(low!) | (BigInt(middle!) << 32n) | (BigInt(high!) << 64n);
}

function wordsOf(number: bigint): number[] {
  return [0n, 32n, 64n].map((shift) => Number((number >> shift) & WORD));
}

/** All values of which at least 20 are expected, and the rest together. */
export function expectLaw(sample: Int32Array, law: Law): void {
  const counts = new Map<number, number>();
  for (const value of sample) counts.set(value, (counts.get(value) ?? 0) + 1);
  const cells: { count: number; expected: number }[] = [];
  let rest = { count: sample.length, expected: sample.length };
  for (let k = -law.masses.length; k <= law.masses.length; k++) {
    const expected = sample.length * massOf(law, k);
    if (expected < 20) continue;
    const count = counts.get(k) ?? 0;
    cells.push({ count, expected });
    rest = { count: rest.count - count, expected: rest.expected - expected };
  }
  if (rest.expected >= 5) cells.push(rest);
  expectChiSquare(cells);
}

/** Moments of a symmetric law, in units of a standard deviation. */
interface Moments {
  readonly second: number;
  readonly fourth: number;
  readonly sixth: number;
  readonly eighth: number;
}

/** Mean, variance, skewness and kurtosis of the law on the integers, not of the continuous one. */
export function expectMoments(sample: Int32Array, law: Law): void {
  const about = (power: number): number =>
    law.masses.reduce((sum, _, k) => sum + 2 * k ** power * massOf(law, k), 0);
  const sigma = Math.sqrt(about(2));
  const of = (power: number): number => about(power) / sigma ** power;
  expectStandardMoments(sample, sigma, {
    second: of(2),
    fourth: of(4),
    sixth: of(6),
    eighth: of(8),
  });
}

/** Each moment within five of its own standard errors. */
function expectStandardMoments(sample: Int32Array, sigma: number, law: Moments): void {
  const n = sample.length;
  const sums: [number, number, number, number] = [0, 0, 0, 0];
  for (const value of sample) {
    const z = value / sigma;
    sums[0] += z;
    sums[1] += z * z;
    sums[2] += z ** 3;
    sums[3] += z ** 4;
  }
  const errors = [
    law.second,
    law.fourth - law.second ** 2,
    law.sixth,
    law.eighth - law.fourth ** 2,
  ];
  const wanted = [0, law.second, 0, law.fourth];
  for (const [k, sum] of sums.entries()) {
    const away = Math.abs(sum / n - wanted[k]!) / Math.sqrt(errors[k]! / n);
    expect(away, `moment ${k + 1}`).toBeLessThan(5);
  }
}

/** What of a normal law lies beyond so many deviations on both sides. */
const TWO_SIDED: ReadonlyMap<number, number> = new Map([
  [3, 2.6997960632601866e-3],
  [4, 6.334248366623984e-5],
  [4.5, 6.795346249460121e-6],
  [5, 5.733031437583878e-7],
]);

/** Counts beyond 3, 4, 4.5 and 5 deviations. */
export function expectTails(
  sample: Int32Array,
  { sigma, beyond }: { sigma: number; beyond: (edge: number) => number },
): void {
  for (const deviations of TWO_SIDED.keys()) {
    const edge = sigma * deviations;
    const mean = sample.length * beyond(edge);
    let count = 0;
    for (const value of sample) if (Math.abs(value) > edge) count++;
    if (mean > 500) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));
    else expectPoisson(count, mean);
  }
}
