/**
 * What a team's workers are asked, and what they answer.
 *
 * @module
 */

import type { Claim, Implementation } from './provider.ts';

/** Work that a worker does whole. Secrets travel in arrays that are moved, not copied. */
export type Task =
  | {
      readonly kind: 'publicKeys';
      /** 32 bytes each. */
      readonly secrets: Uint8Array<ArrayBuffer>;
    }
  | {
      readonly kind: 'sharedSecrets';
      /** 32 bytes each, none twice. */
      readonly secrets: Uint8Array<ArrayBuffer>;
      /** Which of them goes with which public key. */
      readonly which: Uint32Array;
      /** 32 bytes each. */
      readonly publicKeys: Uint8Array;
    }
  | { readonly kind: 'verifyAll'; readonly claims: readonly Claim[] };

/** A task, and by whom it is to be done. */
export interface Order {
  readonly by: Implementation;
  readonly task: Task;
}

/** Keys or shared secrets of 32 bytes each, zeros for what is refused; or a 1 for what holds. */
export type Answer = Uint8Array<ArrayBuffer>;

/** What comes back: nothing where a task could not be done. */
export interface Report {
  readonly answer?: Answer;
}
