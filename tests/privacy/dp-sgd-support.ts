/**
 * Budgets and examples for tests of private training.
 *
 * @module
 */

import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import { type RecordLedger, type StepOptions, stepEvent } from '../../src/privacy/dp-sgd.ts';
import { type Ledger, openLedger } from '../../src/privacy/ledger/ledger.ts';
import { scheduleFilter } from '../../src/privacy/ledger/schedule-filter.ts';
import { type LedgerStorage, MemoryStorage } from '../../src/privacy/ledger/storage.ts';

/** Parameters of the models here. */
export const COLS = 6;
export const DELTA = 1e-5;

/** Every other example in a step, of about a hundred; noise as large as one gradient. */
export const STEP: StepOptions = {
  clipNorm: 1,
  noiseMultiplier: 1,
  samplingRate: 0.5,
  expectedBatch: 50,
};

/** What a ledger is opened with here. */
export interface Budgeted {
  readonly step?: StepOptions;
  /** Steps that it admits. */
  readonly steps?: number;
  readonly storage?: LedgerStorage;
  readonly delta?: number;
  readonly cols?: number;
}

/** A ledger that admits so many steps. */
export function ledgerFor({
  step = STEP,
  steps = 5,
  storage = new MemoryStorage(),
  delta = DELTA,
  cols = COLS,
}: Budgeted = {}): Promise<Ledger> {
  const filter = scheduleFilter({
    epsilon: 40,
    delta,
    schedule: [{ event: stepEvent(step, cols), count: steps }],
    accountant: () => new RdpAccountant(),
  });
  return openLedger({ storage, filter, unit: 'record', relation: 'add-remove' });
}

/** The ledger, with seeds that are known: made of a number, and one more from charge to charge. */
export function withSeeds(ledger: RecordLedger, first = 1): RecordLedger {
  let next = first;
  const nextSeed = (seed: Uint8Array): Uint8Array => {
    new DataView(seed.fill(0).buffer).setUint32(0, next++);
    return seed;
  };
  return {
    unit: ledger.unit,
    budget: ledger.budget,
    reserve: (event) => ledger.reserve(event),
    commit: (charge, details) => ledger.commit(charge, details),
    drawSeed: (charge) => nextSeed(ledger.drawSeed(charge)),
  };
}
