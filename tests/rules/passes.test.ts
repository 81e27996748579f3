/**
 * How often each rule reads its rows: once to learn about them where it decides from distances or norms,
 * and once to form its value, then only those that the value is formed of.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/backend/engine.ts';
import type { HostRow } from '../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { allRules } from '../../src/rules/full-list.ts';

const SIZE = { n: 11, f: 2, cols: 200 };
/** A block of columns is read at once: rules that compute many rows besides need several blocks. */
const WIDE: Readonly<Record<string, typeof SIZE>> = {
  'fl-trust': { ...SIZE, cols: 2 ** 17 },
  'sign-guard': { n: 3, f: 0, cols: 10 * 2 ** 16 },
};
/** Enough for every shard, too little to keep rows from one pass to the next. */
const memoryFor = ({ n, cols }: typeof SIZE): number => 8 * n * cols - 4;

/** Rules that learn of their rows before they form a value. The others know their value's form at once. */
const LEARNS: ReadonlySet<string> = new Set([
  'arc',
  'bulyan',
  'caf',
  'centered-clipping',
  'clip-norm',
  'dnc',
  'fl-trust',
  'flame',
  'fools-gold',
  'geometric-median',
  'krum',
  'mda',
  'monna',
  'multi-krum',
  'nnm',
  'sign-guard',
  'smea',
]);

/** Rules whose value is formed of rows that they choose. */
const CHOOSES: ReadonlySet<string> = new Set([
  'bulyan',
  'dnc',
  'fl-trust',
  'flame',
  'fools-gold',
  'krum',
  'mda',
  'monna',
  'multi-krum',
  'sign-guard',
  'smea',
]);

/** Rows that count the entries read from them. */
class CountedRows {
  readonly #read: number[];
  readonly #cols: number;
  readonly rows: readonly HostRow[];

  constructor(n: number, cols: number) {
    this.#read = Array<number>(n).fill(0);
    this.#cols = cols;
    this.rows = Array.from({ length: n }, (_, i) => ({
      cols,
      read: (from: number, to: number, into: Float32Array): void => {
        this.#read[i]! += to - from;
        for (let j = from; j < to; j++) into[j - from] = Math.sin(1 + i * cols + j);
      },
    }));
  }

  /** Times that each row has been read since this was last asked. */
  times(): number[] {
    const times = this.#read.map((entries) => entries / this.#cols);
    this.#read.fill(0);
    return times;
  }
}

describe('passes over the rows', () => {
  test.each(allRules.map((entry) => [entry.name, entry] as const))('%s', async (name, entry) => {
    const size = WIDE[name] ?? SIZE;
    for (const options of [entry.sample(size), ...entry.variants(size)]) {
      await using backend = new Engine(new ReferenceKernels(), { memory: memoryFor(size) });
      const counted = new CountedRows(size.n, size.cols);
      const x = backend.matrix(counted.rows);
      const exampleCounts = counted.rows.map((_, i) => i + 1);
      const { value } = await entry.make(options).apply(x, backend, { exampleCounts });
      const once = counted.rows.map(() => 1);
      expect(counted.times()).toEqual(once.map((time) => (LEARNS.has(name) ? time : 0)));
      await backend.stream(value, () => {});
      const formed = counted.times();
      if (CHOOSES.has(name)) {
        expect(formed).toContain(1);
        expect(formed.filter((time) => time !== 0 && time !== 1)).toEqual([]);
      } else {
        expect(formed).toEqual(once);
      }
    }
  });

  test('counts rows that are kept for a second pass', async () => {
    await using backend = new Engine(new ReferenceKernels(), { memory: memoryFor(SIZE) });
    const counted = new CountedRows(SIZE.n, SIZE.cols);
    const x = backend.matrix(counted.rows);
    await backend.pairs(x);
    await backend.screen(x);
    expect(counted.times()).toEqual(counted.rows.map(() => 2));
  });
});
