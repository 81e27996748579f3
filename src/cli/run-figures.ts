/**
 * How well models of a run do, for the task that is known here.
 *
 * @module
 */

import type { RunConfig } from '../federation/run-config.ts';
import type { Store } from '../federation/store/store.ts';
import { DIGITS_MODEL, readsDigits } from '../lab/digits-task.ts';
import type { Evaluate } from '../lab/run-report/summary.ts';

/** For other tasks, nothing is known. */
export function evaluator(
  { blobs }: Pick<Store, 'blobs'>,
  { model: task }: Pick<RunConfig, 'model'>,
): Evaluate {
  return async (model) => {
    if (task !== DIGITS_MODEL) return undefined;
    await using source = await blobs.open(model);
    return await readsDigits(source);
  };
}
