/**
 * Training, as a client asks for it.
 *
 * @module
 */

import type { RoundTerms } from './answers.ts';
import type { Model } from './model.ts';
import type { LocalUpdate } from './update.ts';

/** What is to be trained. */
export interface TrainingTask {
  readonly round: number;
  /** The model that updates are differences to. Its arrays may be written to. */
  readonly model: Model;
  readonly terms: RoundTerms;
  /** Aborted once the round does not take the update any more. */
  readonly signal: AbortSignal;
}

/** Trains a model; `undefined` leaves the round out. */
export type Train = (
  task: TrainingTask,
) => LocalUpdate | undefined | Promise<LocalUpdate | undefined>;
