/**
 * Rehearsed releases: noise from a seed, so that a run can be repeated to the bit. Whoever knows the
 * seed knows the noise, so that nothing of a rehearsal is private.
 *
 * @module
 */

import { subkey } from '../privacy/lattice/noise-stream.ts';
import type { Charge, Charging } from '../privacy/ledger/ledger.ts';

/**
 * The ledger with the seeds of a rehearsal: one for each charge, from 32 bytes that are no secret.
 * Everything else is as with the ledger itself.
 */
export function rehearse(ledger: Charging, seed: Uint8Array): Charging {
  return {
    get budget() {
      return ledger.budget;
    },
    epsilon: () => ledger.epsilon(),
    reserve: (event) => ledger.reserve(event),
    drawSeed: (charge: Charge) => {
      // So that a charge has one seed here, too.
      ledger.drawSeed(charge).fill(0);
      return subkey(seed, charge.record);
    },
    commit: (charge, details) => ledger.commit(charge, details),
  };
}
