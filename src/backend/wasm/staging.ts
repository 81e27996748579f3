/**
 * Staging: workers see shared memory and files only. Of a job whose rows or outputs lie elsewhere, one unit at
 * a time is copied into a slot of shared memory and done there, so that the copy of the next unit
 * goes on beside the work on this one and the rows are never in memory twice.
 *
 * @module
 */

import type { Density } from '../kernels.ts';
import { isInFile, type Job, type JobRow, rangeOf, type UnitResult, wordsOf } from './job.ts';

/** Whether every thread sees it. */
export function isShared(row: JobRow): boolean {
  return isInFile(row) || row.buffer instanceof SharedArrayBuffer;
}

/** Bytes of a slot for any unit of the job; 0 if all of it lies in shared memory. */
export function slotBytes({ rows, out, unitCols, cols }: Job): number {
  const copied = [...rows, ...out].filter((values) => !isShared(values)).length;
  return 4 * copied * Math.min(unitCols, cols);
}

/** One unit as a job of its own: rows that are not shared are copied into `slot`. */
export function stagedUnit(job: Job, unit: number, slot: SharedArrayBuffer): Job {
  const range = rangeOf(job, unit);
  const { from, to } = range;
  let used = 0;
  const part = (side: keyof Density, values: Float32Array): Float32Array => {
    const words = wordsOf(side, range, job);
    return values.subarray(words.from, words.to);
  };
  const place = (there: Float32Array): Float32Array => {
    if (isShared(there)) return there;
    used += there.byteLength;
    return new Float32Array(slot, used - there.byteLength, there.length);
  };
  const rows = job.rows.map((row) => {
    if (isInFile(row)) return { ...row, first: row.first + from };
    const there = part('rows', row);
    const own = place(there);
    if (!isShared(row)) own.set(there);
    return own;
  });
  const { work, unitCols, firstCol = 0, screens } = job;
  return {
    work,
    ...(screens !== undefined && { screens }),
    firstCol: firstCol + from,
    rows,
    out: job.out.map((row) => place(part('out', row))),
    cols: to - from,
    unitCols,
    units: 1,
  };
}

/** Copies the outputs of a unit that was staged to where the job wants them. */
export function bringHome(job: Job, unit: number, staged: Job): void {
  for (const [k, row] of job.out.entries()) {
    if (!isShared(row)) row.set(staged.out[k]!, wordsOf('out', rangeOf(job, unit), job).from);
  }
}

/** Does one unit at a time. */
export type Hand = (unit: number) => Promise<UnitResult | undefined>;

/**
 * Every unit, each by the hand that is free first. When it ends, well or not, no hand is at work any
 * more; after a failure no further unit is begun.
 */
export async function divide(
  units: number,
  hands: readonly Hand[],
): Promise<(UnitResult | undefined)[]> {
  const results = Array<UnitResult | undefined>(units).fill(undefined);
  let next = 0;
  const work = async (hand: Hand): Promise<void> => {
    try {
      while (next < units) {
        const unit = next++;
        results[unit] = await hand(unit);
      }
    } catch (error) {
      next = units;
      throw error;
    }
  };
  const outcomes = await Promise.allSettled(hands.map(work));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}
