/**
 * A server of private rounds with a ledger in a file, for tests that end it in the middle.
 *
 * @module
 */

import { Engine } from '../../src/backend/engine.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import { FileStorage } from '../../src/privacy/ledger/file-ledger.ts';
import { type Charging, type Ledger, openLedger } from '../../src/privacy/ledger/ledger.ts';
import { scheduleFilter } from '../../src/privacy/ledger/schedule-filter.ts';
import {
  eventOf,
  type PrivateRelease,
  type PrivateResult,
  planRelease,
  releasePrivately,
} from '../../src/private-release.ts';
import { trimmedMean } from '../../src/rules/trimmed-mean.ts';

/** Rounds that the budget admits. */
export const ADMITTED = 4;
const COLS = 8;
const CLIENTS = 5;

function planned(): Promise<PrivateRelease> {
  return planRelease({
    statistic: { kind: 'rule', rule: trimmedMean({ f: 1 }), rows: CLIENTS },
    relation: 'replace-one',
    clipNorm: 1,
    noiseMultiplier: 4,
  });
}

/** The ledger in this file, new or as it was left. */
export async function openServer(
  path: string,
): Promise<AsyncDisposable & { readonly ledger: Ledger }> {
  const storage = await FileStorage.open(path);
  const schedule = [{ event: eventOf(await planned(), COLS), count: ADMITTED }];
  const accountant = () => new RdpAccountant();
  const filter = scheduleFilter({ epsilon: 3, delta: 1e-5, schedule, accountant });
  const relation = 'replace-one';
  const ledger = await openLedger({ storage, filter, unit: 'client', relation });
  return { ledger, [Symbol.asyncDispose]: () => storage.close() };
}

/** One round of clients whose updates are always the same. */
export async function runRound(ledger: Charging, round: number): Promise<PrivateResult> {
  await using backend = new Engine(new ReferenceKernels());
  const cohort = Array.from({ length: CLIENTS }, (_, i) => `client-${i}`);
  const updates = new Map(
    cohort.map((client, i) => [client, { row: new Float32Array(COLS).fill(i / 20) }]),
  );
  const options = { round, rounds: ADMITTED, cohort, cols: COLS, ledger, backend };
  return await releasePrivately(updates, await planned(), options);
}
