/**
 * Bucketing: clients are shuffled into buckets, and each bucket's mean stands for its clients.
 *
 * Karimireddy, He, Jaggi. "Byzantine-robust learning on heterogeneous datasets via bucketing",
 * ICLR 2022.
 *
 * @module
 */

import { assertInteger, show } from '../../core/assert.ts';
import { integer, integers, optional } from '../../core/parameter.ts';
import { createRandom } from '../../core/random.ts';
import { uniformOn } from '../clients.ts';
import { defineStage, type StageEntry } from '../entry.ts';
import { sumsOf } from '../lattice.ts';
import type { Releasable, Stage } from '../rule.ts';

/** Options of {@link bucketing}: a seed for the shuffle, or the order itself. */
export type BucketingOptions =
  | {
      /** Clients in a bucket; the last bucket may have fewer. */
      readonly size: number;
      /**
       * Seed of the ChaCha20 shuffle: see `createRandom`. Take a new one each round, 32 bytes that no
       * client can foresee: who knows the buckets can fill them.
       */
      readonly seed: number | Uint8Array;
    }
  | {
      readonly size: number;
      /** The n row numbers in the order in which they fill the buckets. */
      readonly permutation: readonly number[];
    };

/**
 * Rows in random order, means of consecutive groups of `size`: n rows become ⌈n/size⌉. f Byzantine
 * clients spoil at most f buckets, so what follows needs its f for fewer rows.
 *
 * Infinities of both signs in one bucket make NaN there: screen updates first.
 *
 * No pass of its own: the mixing is one ⌈n/size⌉×n combination.
 *
 * @throws {RangeError} on applying, if `permutation` is not one of the row numbers.
 */
export function bucketing(options: BucketingOptions): Releasable<Stage> {
  const size = assertInteger('size', options.size, 1);
  const orderOf =
    'permutation' in options ? givenOrder(options.permutation) : shuffledOrder(options.seed);
  const bucketsOf = (n: number): (readonly number[])[] => {
    const order = orderOf(n);
    const starts = Array.from({ length: Math.ceil(n / size) }, (_, k) => k * size);
    return starts.map((from) => order.slice(from, from + size));
  };
  return {
    name: 'bucketing',
    laws: ['translation', 'scale', 'agreement', 'bounded'],
    rowsOut: (n) => Math.ceil(n / size),
    sensitivity({ rows, norm, moved, single }) {
      if (rows % size !== 0) {
        throw new RangeError(`bucketing: ${rows} rows make no equal buckets of ${size}`);
      }
      return { rows: rows / size, norm, moved: moved / size, single };
    },
    async apply(x, ops) {
      const n = x.rows;
      const rowOf = new Array<number>(n);
      const weights = bucketsOf(n).map((bucket, row) => {
        for (const client of bucket) rowOf[client] = row;
        return uniformOn(bucket, n);
      });
      return { value: ops.combine(weights, x), weights, rowOf };
    },
    async onLattice(x, ops) {
      return sumsOf(x, bucketsOf(x.words.rows), ops);
    },
  };
}

function shuffledOrder(seed: number | Uint8Array): (n: number) => readonly number[] {
  // Made once here so that a bad seed fails early, and anew on each use so that no state remains.
  createRandom(seed);
  return (n) => createRandom(seed).permutation(n);
}

function givenOrder(permutation: readonly number[]): (n: number) => readonly number[] {
  return (n) => {
    const rows = new Set(permutation);
    const inRange = permutation.every((row) => Number.isInteger(row) && 0 <= row && row < n);
    if (permutation.length === n && rows.size === n && inRange) return permutation;
    throw new RangeError(
      `permutation must hold each of 0 … ${n - 1} once, got ${show(permutation)}`,
    );
  };
}

/** The options as a SPEC gives them: which of the two came is only known once it is read. */
interface SpecOptions {
  readonly size: number;
  readonly seed?: number;
  readonly permutation?: readonly number[];
}

/**
 * The line of bucketing in the list.
 *
 * - Paper: Karimireddy et al. 2022
 * - Guarantee: lowers the spread of honest rows; needs 2f < ⌈n/size⌉
 * - Cost: n·d
 */
export const bucketingEntry: StageEntry = defineStage<SpecOptions>({
  name: 'bucketing',
  parameters: {
    size: integer('clients in a bucket'),
    seed: optional(integer('seed of the shuffle')),
    permutation: optional(integers('row numbers in order instead of a seed')),
  },
  make: ({ size, seed, permutation }) => {
    if ((seed === undefined) === (permutation === undefined)) {
      throw new TypeError('needs either seed or permutation');
    }
    return permutation === undefined
      ? bucketing({ size, seed: seed! })
      : bucketing({ size, permutation });
  },
  sample: () => ({ size: 2, seed: 1 }),
  variants: ({ n }) => [{ size: 3, permutation: Array.from({ length: n }, (_, i) => n - 1 - i) }],
});
