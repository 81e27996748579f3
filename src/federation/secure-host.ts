/**
 * The run that rounds under masks are of, as far as they know it.
 *
 * @module
 */

import type { Identity } from '../secagg/client.ts';
import type { Codec } from '../secagg/codec.ts';
import type { Masks } from '../secagg/masks.ts';
import type { RoundInput } from './round-io.ts';
import type { RunHost } from './run-host.ts';
import type { Decided } from './run-steps.ts';

/** The run that rounds are of. */
export interface SecureHost extends RunHost {
  /** Of the server. */
  readonly identity: Identity;
  readonly masks: Masks;
  readonly codec: Codec;
  /** Entries of an update. */
  readonly dimensions: number;
  /** The client whose key that is or was, in hexadecimal digits. */
  readonly ownerOf: (identity: string) => string | undefined;
  /** Nothing but this changes the run meanwhile. */
  readonly inTurn: <T>(work: () => Promise<T> | T) => Promise<T>;
  /** What an input does, at once; only within a turn. */
  readonly decide: (input: RoundInput, at: number) => Decided;
  /** Waits for the log, and begins what follows. */
  readonly finish: (steps: readonly Decided[]) => Promise<void>;
  readonly onFailure: (what: string, cause: unknown) => void;
}

/** Who speaks: a client, by the key of its session in hexadecimal digits. */
export interface Speaker {
  readonly client: string;
  readonly identity: string;
}

/** An update that is all there. */
export interface MaskedUpdate {
  readonly round: number;
  readonly root: string;
  readonly blob: string;
}
