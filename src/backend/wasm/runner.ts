/**
 * Runs units of jobs on one thread: one instance of the kernels and its memory. What a unit needs is
 * copied in a piece at a time, small enough for the second-level cache; never the whole tile.
 *
 * @module
 */

import type { Job, UnitResult } from './job.ts';

/** One instance of the kernels. Not to be shared between threads; the module may be. */
export class Runner {
  constructor(module: WebAssembly.Module) {
    void module;
  }

  /** Does one unit: writes the job's outputs, or returns what a row operation gives. */
  run(job: Job, unit: number): UnitResult | undefined {
    throw new Error(`no kernel yet for ${job.work.op}, unit ${unit}`);
  }
}
