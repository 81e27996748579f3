/**
 * Subset selection: a report is a set of w words, which holds the true one more often than chance.
 *
 * Ye, Barg. "Optimal schemes for discrete distribution estimation under locally differential privacy",
 * IEEE Trans. Information Theory 2018. Wang et al. "Mutual information optimally local private discrete
 * distribution estimation", 2016.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { type Chance, createChance, lossOf, numeratorOf } from './chance.ts';
import { assertEpsilon, defineFrequency, type FrequencyProtocol, isIndex } from './protocol.ts';

/** Options of {@link subsetSelection}. */
export interface SubsetSelectionOptions {
  /** The ε aimed at, in (0, 40]. */
  readonly epsilon: number;
  /** Number of words k, 2 … 2²⁴. */
  readonly values: number;
}

const MAX_SUBSET_VALUES = 2 ** 24;

/**
 * Subset selection with w = max(1, round(k/(e^ε + 1))). The set holds the true word with chance
 * p = a/2⁶⁴ next to w·e^ε/(w·e^ε + k − w), and is otherwise uniform, without rounding. A report is the
 * set in ascending order, so that its order tells nothing. Best where k is of the size of e^ε.
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function subsetSelection({
  epsilon,
  values,
}: SubsetSelectionOptions): FrequencyProtocol<Uint32Array> {
  assertEpsilon(epsilon);
  assertInteger('values', values, 2, MAX_SUBSET_VALUES);
  const size = Math.max(1, Math.round(values / (Math.exp(epsilon) + 1)));
  const missing = numeratorOf((values - size) / (size * Math.exp(epsilon) + values - size));
  const holds = createChance((1n << 64n) - missing);
  const own = holds.probability;
  return defineFrequency({
    name: 'subset-selection',
    values,
    epsilon: lossOf(holds.numerator * BigInt(values - size), missing * BigInt(size)),
    support: { own, other: ((size - 1) * own + size * (1 - own)) / (values - 1) },
    randomise: (value, random) => select(value, { values, size, holds, random }),
    isReport: (report): report is Uint32Array => isSubset(report, { values, size }),
    count: (report, counts) => {
      for (const word of report) counts[word]! += 1;
    },
  });
}

interface Selection {
  readonly values: number;
  readonly size: number;
  readonly holds: Chance;
  readonly random: Random;
}

/** A set of `size` words, uniform among those that hold `value` or among those that do not. */
function select(value: number, { values, size, holds, random }: Selection): Uint32Array {
  const isIn = holds.happens(random);
  const others = subset(values - 1, { size: isIn ? size - 1 : size, random });
  const words = others.map((other) => (other < value ? other : other + 1));
  return Uint32Array.from(isIn ? [...words, value] : words).sort();
}

/** Floyd's uniform subset of 0 … n − 1: one draw for each member. */
function subset(
  n: number,
  { size, random }: { readonly size: number; readonly random: Random },
): number[] {
  const chosen = new Set<number>();
  for (let last = n - size; last < n; last++) {
    const candidate = random.below(last + 1);
    chosen.add(chosen.has(candidate) ? last : candidate);
  }
  return [...chosen];
}

function isSubset(
  report: unknown,
  { values, size }: { readonly values: number; readonly size: number },
): report is Uint32Array {
  return (
    report instanceof Uint32Array &&
    report.length === size &&
    report.every((word, i) => isIndex(word, values) && (i === 0 || word > report[i - 1]!))
  );
}
