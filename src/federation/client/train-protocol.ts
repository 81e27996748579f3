/**
 * What is said between a client and the worker that trains for it.
 *
 * @module
 */

import type { TrainingTask } from './train.ts';
import type { LocalUpdate } from './update.ts';

/** What is to be done. */
export interface TrainOrder {
  /** URL of the module whose `train` is called. */
  readonly module: string;
  readonly task: Omit<TrainingTask, 'signal'>;
}

/** What came of it. */
export type TrainAnswer =
  | { readonly update: LocalUpdate | undefined }
  | { readonly failure: string };
