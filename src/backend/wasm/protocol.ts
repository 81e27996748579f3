/**
 * What the pool and its workers say to each other. Types only.
 *
 * @module
 */

import type { BackendErrorCode } from '../../core/errors.ts';
import type { Job, UnitResult } from './job.ts';

/** What the pool tells a worker. */
export type Order =
  /**
   * The first of all. The worker sets `alive[0]` when it is ready for jobs: in shared memory, since
   * the news of a worker's death overtakes its messages.
   */
  | { readonly kind: 'start'; readonly module: WebAssembly.Module; readonly alive: Int32Array }
  /** What jobs do that name it by `id`, until it is forgotten: weights may be many. */
  | { readonly kind: 'work'; readonly id: number; readonly work: Job['work'] }
  | { readonly kind: 'forget'; readonly id: number }
  /** Run units of a job as long as there are any: the next is counted up in `next[0]`, atomically. */
  | {
      readonly kind: 'job';
      readonly id: number;
      readonly job: PostedJob;
      readonly next: Int32Array;
    };

/** A job, with its work or the id of work that was sent before. */
export type PostedJob = Omit<Job, 'work'> & { readonly work: Job['work'] | number };

/** What a worker tells the pool. */
export type Report =
  /** No unit is left; these are the ones that it ran. */
  | { readonly kind: 'done'; readonly id: number; readonly results: readonly Done[] }
  /** A unit threw. The worker goes on with the next job. */
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly unit: number;
      readonly code: BackendErrorCode;
      readonly reason: string;
    };

/** A unit that was run, and what came of it. */
export type Done = readonly [unit: number, result: UnitResult | undefined];
