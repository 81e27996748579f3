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
  /** The server's control variate, by tensor, where the round asks for its change. May be written to. */
  readonly control?: ReadonlyMap<string, Float32Array>;
  /** The last round in which an update of this client was taken; 0 if none was since it connected. */
  readonly committed: number;
  /** Aborted once the round does not take the update any more. */
  readonly signal: AbortSignal;
}

/** Trains a model; `undefined` leaves the round out. */
export type Train = (
  task: TrainingTask,
) => LocalUpdate | undefined | Promise<LocalUpdate | undefined>;
