/**
 * What comes of a client's part in a round.
 *
 * @module
 */

import type { Receipt } from './upload.ts';

/** What came of a round that the client was asked to take part in. */
export interface Participation {
  readonly round: number;
  /**
   * `committed`: the update counts. `late`: the round closed before. `declined`: training left it out.
   * `refused`: the server did not take it.
   */
  readonly outcome: 'committed' | 'late' | 'declined' | 'refused';
  readonly receipt?: Receipt;
  /** Why not, for people. */
  readonly reason?: string;
  /** The server's code, where it refused. */
  readonly refusal?: string;
}
