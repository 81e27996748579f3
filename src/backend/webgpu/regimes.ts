/**
 * How an order statistic is computed on a GPU: the choice among the regimes of kernels.ts, and where
 * their limits lie. Why they lie there: docs/decisions/0005-regimes.md.
 *
 * @module
 */

import type { Regime, Work } from '../kernels.ts';
import type { SplitSizes } from '../network.ts';

/** All of them, in the order in which they are preferred. */
export const REGIMES: readonly Regime[] = ['network', 'stream', 'split', 'search'];

/** Rows that one invocation sorts in its registers, when the choice is ours. */
const NETWORK_ROWS = 64;
/** Rows that one invocation can sort in its registers at all: creating larger networks takes many seconds. */
const MAX_NETWORK_ROWS = 128;
/** Keys that are held at either end of a stream. */
const MAX_STREAM_END = 32;
/** Rows that the invocations of one workgroup sort together. */
const MAX_SPLIT_ROWS = 1024;

/** What else the choice depends on. */
export interface Circumstances {
  /** Whether the device is emulated on the CPU. */
  readonly software: boolean;
  /** What the caller forces, wherever it can do the work. */
  readonly forced?: Regime | undefined;
}

/** Whether a regime can do the work at all. */
function serves(regime: Regime, work: Work): boolean {
  switch (regime) {
    case 'network':
      return work.rows <= MAX_NETWORK_ROWS;
    case 'stream':
      return work.op === 'rankMean' && Math.max(work.from, work.rows - work.to) <= MAX_STREAM_END;
    case 'split':
      return work.op === 'rankMean' && work.rows <= MAX_SPLIT_ROWS;
    case 'search':
      return true;
    default:
      return regime satisfies never;
  }
}

/** The regime in which the work is done. */
export function regimeFor(work: Work, { software, forced }: Circumstances): Regime {
  if (forced !== undefined && serves(forced, work)) return forced;
  if (work.rows <= NETWORK_ROWS) return 'network';
  // The only other way to the nearest values is the search, which reads a column 66 times.
  if (work.op === 'nearestMean' && !software && serves('network', work)) return 'network';
  if (serves('stream', work)) return 'stream';
  // An emulated GPU compiles a split for seconds.
  if (!software && serves('split', work)) return 'split';
  return 'search';
}

/** Rows that a stream takes at once: as many as it holds at an end, 8 to hide the way to memory. */
function chunkTarget(low: number, high: number): number {
  return Math.max(8, 2 ** Math.ceil(Math.log2(Math.max(low, high, 1))));
}

/**
 * Rows that a stream takes at once, so that few are left for the end: all chunks are of one length,
 * and fewer rows are left than there are chunks.
 */
export function streamChunk(rows: number, from: number, to: number): number {
  const kept = to - from;
  return Math.floor(kept / Math.ceil(kept / chunkTarget(from, rows - to)));
}

/** Keys that one invocation of a split sorts. */
const MAX_RUN = 64;
/** Invocations that a workgroup may have by default limits. */
const MAX_INVOCATIONS = 256;

/** How the rows of a split are dealt to invocations, and columns and memory to a workgroup. */
export interface SplitShape extends SplitSizes {
  readonly columns: number;
  /** Words of workgroup memory. */
  readonly words: number;
}

/**
 * As few runs as will do, 32 columns, a whole line of memory, where the limits let so many in, and the
 * 16 KiB of default limits. An emulated GPU has less of both: its compiler takes seconds for so large
 * an array. Nothing of it shows in the result.
 */
export function splitShape(rows: number, software: boolean): SplitShape {
  const runs = Math.max(2, 2 ** Math.ceil(Math.log2(rows / MAX_RUN)));
  const length = 8 * Math.ceil(rows / runs / 8);
  if (software) return { runs, length, columns: 4, words: 256 };
  return { runs, length, columns: Math.min(32, MAX_INVOCATIONS / runs), words: 4096 };
}
