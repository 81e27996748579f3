/**
 * The run that parts of a coordinator work for, as far as all of them know it.
 *
 * @module
 */

import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import type { RunConfig } from './run-config.ts';
import type { RunState } from './run-state.ts';
import type { Store } from './store/store.ts';

/** A run, for its parts. */
export interface RunHost {
  readonly store: Store;
  readonly config: RunConfig;
  readonly crypto: CryptoProvider;
  readonly state: () => RunState;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Waits until all that was decided is in the log. */
  readonly synced: () => Promise<unknown>;
  /** Does what nobody waits for: its failure is told, and stops nothing. */
  readonly quietly: (work: () => Promise<unknown>) => Promise<void>;
}
