/**
 * What a check of a run is: it reads, says what it has seen, and stops at the first thing that is not as
 * it should be, naming the event.
 *
 * @module
 */

import { FormatError } from '../../core/errors.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { parseEvent, type RunEvent } from '../events.ts';
import { reputationOptions } from '../reputation.ts';
import type { RunConfig } from '../run-config.ts';
import { emptyRun, fold, type RunState } from '../run-state.ts';
import type { LoggedEvent } from '../store/chain.ts';
import type { RunReader } from '../store/run-reader.ts';

/** What checks look at. */
export interface Evidence {
  readonly run: RunReader;
  readonly config: RunConfig;
  readonly crypto: CryptoProvider;
}

/** An event that is not what it should be; thrown by checks. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
  /** Place of the event. */
  readonly event: number;

  constructor({ seq, type }: Pick<LoggedEvent, 'seq' | 'type'>, what: string) {
    super(`event ${seq} (${type}): ${what}`);
    this.event = seq;
  }
}

/** An event, and the run as it was before it. */
export interface Step {
  readonly logged: LoggedEvent;
  readonly event: RunEvent;
  /** Changes with the next step. */
  readonly state: RunState;
}

/** The run, event by event. @throws {Mismatch} at an event that is none, or cannot follow. */
export async function* replay({
  run,
  config,
}: Pick<Evidence, 'run' | 'config'>): AsyncGenerator<Step> {
  const state = beginning(config);
  for await (const logged of run.events()) {
    const { time } = logged;
    const event = checked(logged, () => parseEvent(logged.type, logged.body));
    yield { logged, event, state };
    checked(logged, () => fold(state, { time, event }));
  }
}

/** A run of this configuration before anything has happened. */
export function beginning({ reputation }: Pick<RunConfig, 'reputation'>): RunState {
  if (reputation === undefined) return emptyRun();
  const { evidence: _, ...options } = reputation;
  return emptyRun(reputationOptions(options));
}

function checked<T>(logged: LoggedEvent, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FormatError) throw new Mismatch(logged, error.message);
    throw error;
  }
}
