/**
 * Events and details for tests of the ledger.
 *
 * @module
 */

import { NO_SAMPLING, type PrivacyEvent } from '../../../src/privacy/event.ts';
import type { ReleaseDetails } from '../../../src/privacy/ledger/receipt.ts';

/** Gaussian noise without sampling: ρ = 1/(2z²). */
export function gaussian(noiseMultiplier: number): PrivacyEvent {
  return {
    mechanism: { kind: 'gaussian', noiseMultiplier },
    sampling: NO_SAMPLING,
    relation: 'replace-one',
  };
}

/** Details of round 3, with a table. */
export const DETAILS: ReleaseDetails = {
  round: 3,
  tables: ['ab'.repeat(32)],
  nonces: { first: '000000030000000000000000', last: '0000000300000000000000ff' },
  achievedSigma: 1_048_577.25,
};
