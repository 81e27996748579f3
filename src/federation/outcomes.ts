/**
 * What a coordinator answers: what was asked for, or why not. A refusal is data: clients may be anything.
 *
 * @module
 */

import type { Answer } from './round-io.ts';
import type { Upload } from './store/upload.ts';

/** Why something is refused: a code of the federation's own, an HTTP status, a sentence. */
export interface Refused {
  readonly ok: false;
  readonly code: string;
  readonly status: number;
  readonly message: string;
  /** Chunks that are lacking, where that is why. */
  readonly missing?: number;
}

/** What was asked for, or why not. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refused;

/** A declared update. */
export interface DeclaredUpdate {
  readonly update: string;
  /** `undefined` once it is committed. */
  readonly upload: Upload | undefined;
  readonly chunks: number;
  /** Whether it was declared before. */
  readonly repeated: boolean;
  readonly committed: boolean;
}

/** A committed update. */
export interface CommittedUpdate {
  readonly update: string;
  /** Merkle root over its chunks: its name on disk. */
  readonly root: string;
  /** Place of its event in the log. */
  readonly event: number;
}

/** What the machine of rounds refused, as it is answered. */
export function refusedBy(answer: Extract<Answer, { readonly ok: false }>): Refused {
  const { code, status, reason } = answer;
  return { ok: false, code, status, message: reason };
}
