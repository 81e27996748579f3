/**
 * What Aggregis is held to against others' code: work, shape, rule, whose code, and the factor by which
 * it must be faster. A table of data, and the judgement on measured times.
 *
 * @module
 */

import type { BackendName } from '../../backend/kernels.ts';
import type { Shape } from './bench.ts';
import type { Spread } from './statistics.ts';

/**
 * How our result and theirs must agree.
 *
 * - `same`: one definition, so entry by entry to {@link AGREEMENT}.
 * - `optimum`: ours is an optimum, to 10⁻⁹ of the objective; theirs comes near it.
 * - `own`: definitions differ, or theirs is random; the difference is stated and not judged.
 */
export type Agreement = 'same' | 'optimum' | 'own';

/** A comparison. */
export interface Line extends Shape {
  /** In words. */
  readonly work: string;
  /** Our rule. */
  readonly rule: string;
  /** What their entries are told of attackers. */
  readonly f: number;
  /** On both sides. */
  readonly threads: 'one' | 'all';
  /** An entry of the peers' script. */
  readonly theirs: string;
  /** Their time over ours must be at least this; a strong baseline is measured and not required. */
  readonly atLeast?: number;
  readonly agreement: Agreement;
}

/**
 * Largest difference, as a share of the largest magnitude in the results: entries are rounded to f32
 * once or a few times (2⁻²⁴ each), and NumPy adds up to a hundred of them in f32, pairwise or not.
 */
export const AGREEMENT: number = 100 * 2 ** -24;

/** How near the optimum the objective of a geometric median must come, as a share of it. */
export const OPTIMUM = 1e-9;

/** What stands for a group of lines on the same work. */
type Work = Pick<Line, 'work' | 'rule' | 'n' | 'd' | 'f' | 'agreement'>;

/** Whose code, and the factor that is required. */
type Rival = readonly [theirs: string, atLeast?: number];

function lines(threads: Line['threads'], work: Work, rivals: readonly Rival[]): Line[] {
  return rivals.map(([theirs, atLeast]) => {
    return { ...work, threads, theirs, ...(atLeast !== undefined && { atLeast }) };
  });
}

const MILLION = 1_000_000;
const sort = 'numpy sort';
const sortTrim = 'numpy sort + slice + mean';
const partition = 'strong median (transposed partition)';
const partitionTrim = 'strong trimmed mean (transposed partition)';
const torchTrim = 'strong trimmed mean (torch.sort)';

/** The lines, those on the same rows side by side. */
export const LINES: readonly Line[] = [
  ...both(
    { work: 'median', rule: 'median', n: 32, d: MILLION, f: 0, agreement: 'same' },
    { one: [['numpy median', 9], [sort, 2], [partition]], all: [[sort], [partition]] },
  ),
  ...both(
    { work: 'trimmed mean', rule: 'trimmed-mean:f=3', n: 32, d: MILLION, f: 3, agreement: 'same' },
    { one: [[sortTrim, 2], [partitionTrim], [torchTrim]], all: [[sortTrim, 2.6], [torchTrim]] },
  ),
  ...lines(
    'one',
    { work: 'MeaMed', rule: 'mea-med:f=6', n: 32, d: MILLION, f: 6, agreement: 'same' },
    [['byzfl Meamed', 20], ['strong mea-med (sort, sliding window)']],
  ),
  ...lines(
    'one',
    {
      work: 'geometric median',
      rule: 'geometric-median',
      n: 32,
      d: MILLION,
      f: 6,
      agreement: 'optimum',
    },
    [
      ['byzfl GeometricMedian T=3', 3],
      ['byzfl GeometricMedian T=100', 80],
      ['strong geometric median (n-space Weiszfeld)'],
    ],
  ),
  ...lines('one', krum(32, 6), [['byzfl MultiKrum', 2], ['strong multi-krum (x @ x.T)']]),
  ...lines(
    'one',
    {
      work: 'NNM + trimmed mean',
      rule: 'nnm:f=6+trimmed-mean:f=6',
      n: 32,
      d: MILLION,
      f: 6,
      agreement: 'same',
    },
    [['byzfl NNM + TrMean', 8], ['strong nnm + trimmed mean (one product, sort)']],
  ),
  ...lines(
    'one',
    { work: 'Bulyan', rule: 'bulyan:f=7', n: 32, d: MILLION, f: 7, agreement: 'same' },
    [['flower aggregate_bulyan', 20], ['strong bulyan (x @ x.T, sort)']],
  ),
  ...lines('one', { work: 'CAF', rule: 'caf:f=6', n: 32, d: MILLION, f: 6, agreement: 'own' }, [
    ['byzfl CAF', 4],
    ['strong caf (x @ x.T)'],
  ]),
  ...both(
    { work: 'median', rule: 'median', n: 64, d: MILLION, f: 0, agreement: 'same' },
    { one: [[sort, 1.2], [partition]], all: [[sort, 1.6], [partition]] },
  ),
  ...lines('one', krum(64, 12), [['byzfl MultiKrum', 1.2], ['strong multi-krum (x @ x.T)']]),
  ...lines(
    'one',
    { work: 'trimmed mean', rule: 'trimmed-mean:f=8', n: 100, d: 1e5, f: 8, agreement: 'same' },
    [['byzfl TrMean', 10], [sortTrim, 1], [partitionTrim], [torchTrim]],
  ),
  ...both(
    {
      work: 'weighted mean',
      rule: 'weighted-mean',
      n: 32,
      d: 10 * MILLION,
      f: 0,
      agreement: 'same',
    },
    {
      one: [['numpy w @ x', 0.45], ['flower aggregate']],
      all: [['numpy w @ x', 0.45], ['flower aggregate']],
    },
  ),
];

function both(work: Work, { one, all }: { one: readonly Rival[]; all: readonly Rival[] }): Line[] {
  return [...lines('one', work, one), ...lines('all', work, all)];
}

/** ByzFL's own neighbours and number of picks, so that results agree. */
function krum(n: number, f: number): Work {
  const rule = `multi-krum:f=${f},preset=byzfl`;
  return { work: 'Multi-Krum', rule, n, d: MILLION, f, agreement: 'same' };
}

/** A measured line. */
export interface Ratio extends Line {
  readonly backend: BackendName;
  /** Threads that both sides had; ours only where the backend has a choice. */
  readonly count: number;
  readonly ours?: Spread;
  readonly their?: Spread;
  /** Their median time over ours. */
  readonly ratio?: number;
  /** Whether the required factor was reached; missing where none is required or nothing was measured. */
  readonly holds?: boolean;
  /** Largest difference of the results, as a share of the largest magnitude. */
  readonly difference?: number;
  /** How far our objective is above the optimum, as a share, and theirs. */
  readonly aboveOptimum?: { readonly ours: number; readonly theirs: number };
  /** Whether results agree as the line demands; missing where it does not, or nothing was compared. */
  readonly agrees?: boolean;
  readonly problem?: string;
}

/** The ratio of two times, and whether it is enough. */
export function judged(
  line: Pick<Line, 'atLeast'>,
  { ours, their }: { ours: Spread; their: Spread },
): Pick<Ratio, 'ours' | 'their' | 'ratio' | 'holds'> {
  const ratio = their.median / ours.median;
  const { atLeast } = line;
  return { ours, their, ratio, ...(atLeast !== undefined && { holds: ratio >= atLeast }) };
}

/**
 * Largest difference of two vectors, as a share of the largest magnitude of `wanted`; NaN where an entry
 * of either is.
 */
export function differenceOf(got: Float32Array, wanted: Float32Array): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY;
  let [difference, magnitude] = [0, 0];
  for (let j = 0; j < got.length; j++) {
    const apart = Math.abs(got[j]! - wanted[j]!);
    if (Number.isNaN(apart)) return Number.NaN;
    difference = Math.max(difference, apart);
    magnitude = Math.max(magnitude, Math.abs(wanted[j]!));
  }
  return magnitude === 0 ? difference : difference / magnitude;
}

/** Whether results agree as the line demands; `undefined` where it demands nothing. */
export function agrees(
  agreement: Agreement,
  found: Pick<Ratio, 'difference' | 'aboveOptimum'>,
): boolean | undefined {
  if (agreement === 'same') return found.difference! <= AGREEMENT;
  if (agreement === 'optimum') return found.aboveOptimum!.ours <= OPTIMUM;
  return undefined;
}

/** Lines that are measured together: on the same rows, with the same threads, by the same rule. */
export function groupsOf(all: readonly Line[]): Line[][] {
  const groups = new Map<string, Line[]>();
  for (const line of all) {
    const key = [line.n, line.d, line.threads, line.rule].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return [...groups.values()];
}

/** What others say of themselves. */
export interface PeerFacts {
  readonly python: string;
  readonly numpy: string;
  readonly torch: string | null;
  readonly threads: number;
  /** What cannot be imported, and why. */
  readonly missing: readonly string[];
}

/** What was found out of others. */
export interface RivalFacts extends PeerFacts {
  readonly interpreter: string;
  readonly distances: readonly DistanceError[];
}

/** How right squared distances are where rows are all but the same, as they are under collusion. */
export interface DistanceError {
  /** A backend of ours, or an entry of theirs. */
  readonly whose: string;
  readonly ours: boolean;
  /** Largest relative error over pairs of different rows. */
  readonly worst?: number;
  readonly problem?: string;
}

/** What ours must keep to. */
export const DISTANCES_RIGHT = 1e-6;
