/**
 * The privacy ledger: nothing private is released that was not charged before.
 *
 * A round is three steps. `reserve` charges its event, on storage, or refuses. Then, once, the seed of
 * its noise may be drawn. `commit` ends the round and gives its receipt. A program that dies in between
 * has spent the charge: its round starts anew with another, so no two results ever share one.
 *
 * A seed exists in memory alone: it comes from the platform's CSPRNG when it is asked for and is never
 * written, so that it can be neither stolen from the ledger nor used again.
 *
 * @module
 */

import { assertOneOf, show } from '../../core/assert.ts';
import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { PrivacyError } from '../../core/errors.ts';
import { checkEvent, type PrivacyEvent, type PrivacyUnit, type Relation } from '../event.ts';
import type { Budget, BudgetFilter } from './filter.ts';
import { checkDetails, type Receipt, type ReleaseDetails } from './receipt.ts';
import { type LedgerRecord, nextRecord, parseRecords, type RecordBody } from './records.ts';
import type { LedgerStorage } from './storage.ts';

/** Options of {@link openLedger}. */
export interface LedgerOptions {
  readonly storage: LedgerStorage;
  /** New, with nothing charged: what the storage holds is charged to it. */
  readonly filter: BudgetFilter;
  /** Whose presence is hidden. */
  readonly unit: PrivacyUnit;
  /** Between which inputs; that of every event. */
  readonly relation: Relation;
}

/** A charge that was made, for one release. Only the ledger that gave it knows it. */
export interface Charge {
  /** Place of its record in the ledger. */
  readonly record: number;
  readonly event: PrivacyEvent;
}

/** What charges releases, and gives each the seed of its noise: see {@link Ledger}. */
export type Charging = Pick<Ledger, 'budget' | 'epsilon' | 'reserve' | 'drawSeed' | 'commit'>;

/** How far the round of a charge is. */
type Stage = 'reserved' | 'drawn' | 'committed';

const SEED_BYTES = 32;
const UNITS = ['client', 'record'] as const satisfies readonly PrivacyUnit[];

/**
 * The ledger in `storage`, or a new one where that is empty. All charges there count, those without an
 * end too.
 *
 * @throws {PrivacyError} `ledger-torn` or `ledger` if the storage holds no whole ledger, or one with
 *   another budget, unit or relation.
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { storage, filter, unit, relation } = options;
  const purpose = {
    unit: assertOneOf('unit', unit, UNITS),
    relation: assertOneOf('relation', relation, ['add-remove', 'replace-one', 'zero-out']),
    budget: filter.settings,
  };
  const records = parseRecords(await storage.read());
  const first = records[0];
  if (first?.body.kind === 'open') requireSame(first.body.purpose, purpose);
  const open = replay(records, options);
  const ledger = new Ledger(options, { last: records.at(-1), abandoned: open });
  if (first === undefined) await ledger.begin(purpose);
  return ledger;
}

function requireSame(found: Json, purpose: Json): void {
  if (canonicalJson(found) !== canonicalJson(purpose)) {
    throw new PrivacyError(
      'ledger',
      `the ledger is for ${canonicalJson(found)}, not for ${canonicalJson(purpose)}`,
    );
  }
}

/** Charges everything to the filter; the charges without an end. */
function replay(
  records: readonly LedgerRecord[],
  { filter, relation }: LedgerOptions,
): readonly number[] {
  const open = new Set<number>();
  for (const { record, body } of records) {
    if (body.kind === 'charge') {
      try {
        requireRelation(body.event, relation);
        filter.charge(body.event);
      } catch (cause) {
        throw new PrivacyError('ledger', `record ${record} was not admitted by this budget`, {
          cause,
        });
      }
      open.add(record);
    } else if (body.kind === 'commit' && !open.delete(body.charge)) {
      throw new PrivacyError(
        'ledger',
        `record ${record} ends record ${body.charge}, which is not open`,
      );
    }
  }
  return [...open];
}

/**
 * The ledger's own copy, which nobody can change. Beside words of this library it holds numbers alone:
 * what is written down for good has no room for anything else.
 */
function ownEvent(event: PrivacyEvent): PrivacyEvent {
  const { mechanism, sampling, relation } = checkEvent(event);
  for (const part of [mechanism, sampling]) {
    for (const [field, value] of Object.entries(part)) {
      if (field === 'kind' || Number.isFinite(value)) continue;
      throw new TypeError(`${field} must be a finite number, got ${show(value)}`);
    }
  }
  return Object.freeze({
    mechanism: Object.freeze({ ...mechanism }),
    sampling: Object.freeze({ ...sampling }),
    relation,
  });
}

function requireRelation(event: PrivacyEvent, relation: Relation): void {
  if (event.relation !== relation) {
    throw new RangeError(`relation must be the ledger's, ${relation}, got ${show(event.relation)}`);
  }
}

/** An open ledger; made by {@link openLedger}. Its methods may be called at the same time. */
export class Ledger {
  /** Charges found at opening whose rounds never ended: spent, and nothing can be released on them. */
  readonly abandoned: readonly number[];
  readonly #options: LedgerOptions;
  readonly #stages = new WeakMap<Charge, { stage: Stage; readonly hash: string }>();
  #last: LedgerRecord | undefined;
  #failure: unknown;
  /** Writes one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(
    options: LedgerOptions,
    { last, abandoned }: { last: LedgerRecord | undefined; abandoned: readonly number[] },
  ) {
    this.#options = options;
    this.#last = last;
    this.abandoned = abandoned;
  }

  /** Whose presence it accounts for. */
  get unit(): PrivacyUnit {
    return this.#options.unit;
  }

  get budget(): Budget {
    return this.#options.filter.budget;
  }

  /** Records so far, the first included. */
  get records(): number {
    return (this.#last?.record ?? -1) + 1;
  }

  /** Hash of the last record: who keeps it can tell whether an older ledger was put back. */
  get head(): string {
    return this.#last?.hash ?? '';
  }

  /** ε, at the budget's δ, of everything charged. */
  epsilon(): number {
    return this.#options.filter.epsilon();
  }

  /** Writes the first record. @internal */
  async begin(purpose: Json): Promise<void> {
    await this.#inTurn(() => {
      if (this.#last !== undefined) throw new PrivacyError('ledger', 'the ledger has begun');
      return this.#append({ kind: 'open', version: 1, purpose });
    });
  }

  /**
   * Charges an event. When the promise is kept, the charge is on storage.
   *
   * @throws {PrivacyError} `over-budget` or `unsupported` if the filter refuses: nothing is charged then.
   *   `ledger` if the storage failed: then the ledger must be opened anew, and may hold the charge.
   * @throws {TypeError | RangeError} if the event is none, or of another relation.
   */
  async reserve(event: PrivacyEvent): Promise<Charge> {
    const own = ownEvent(event);
    requireRelation(own, this.#options.relation);
    return this.#inTurn(async () => {
      this.#options.filter.charge(own);
      const { record, hash } = await this.#append({ kind: 'charge', event: own });
      const charge = Object.freeze({ record, event: own });
      this.#stages.set(charge, { stage: 'reserved', hash });
      return charge;
    });
  }

  /**
   * 32 bytes for the noise of this charge, from the platform's CSPRNG; once. Whoever gets them clears
   * them after use.
   *
   * @throws {PrivacyError} `spent` if they were drawn before, the round is over, or the charge is not of
   *   this ledger.
   */
  drawSeed(charge: Charge): Uint8Array {
    const state = this.#stages.get(charge);
    if (this.#failure !== undefined || state?.stage !== 'reserved') {
      throw new PrivacyError(
        'spent',
        `record ${charge.record} gives no seed: ${whyNot(state?.stage)}`,
      );
    }
    state.stage = 'drawn';
    return crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  }

  /**
   * Ends the round of a charge: its receipt, once that is on storage. Release the result after it.
   *
   * @throws {PrivacyError} `spent` if it is over, or not of this ledger; `ledger` if the storage failed.
   * @throws {TypeError | RangeError} that names a detail out of its range.
   */
  async commit(charge: Charge, details: ReleaseDetails): Promise<Receipt> {
    const checked = checkDetails(details);
    return this.#inTurn(async () => {
      const state = this.#stages.get(charge);
      if (state === undefined || state.stage === 'committed') {
        throw new PrivacyError('spent', `record ${charge.record} has no end to come`);
      }
      state.stage = 'committed';
      const receipt: Receipt = {
        version: 1,
        ...checked,
        unit: this.#options.unit,
        event: charge.event,
        epsilonSoFar: this.epsilon(),
        budget: this.budget,
        charge: { record: charge.record, hash: state.hash },
      };
      await this.#append({ kind: 'commit', charge: charge.record, receipt });
      return receipt;
    });
  }

  async #append(body: RecordBody): Promise<LedgerRecord> {
    const { record, line } = nextRecord(this.#last, body);
    try {
      await this.#options.storage.append(line);
    } catch (cause) {
      this.#failure = cause;
      throw storageFailure(cause);
    }
    this.#last = record;
    return record;
  }

  /** After what was asked before, and not at all once the storage has failed. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      if (this.#failure !== undefined) throw storageFailure(this.#failure);
      return work();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

function whyNot(stage: Stage | undefined): string {
  if (stage === undefined) return 'it is not of this ledger';
  if (stage === 'reserved') return 'the storage has failed';
  return stage === 'drawn' ? 'it was drawn before' : 'its round is over';
}

function storageFailure(cause: unknown): PrivacyError {
  return new PrivacyError('ledger', 'the storage failed: open the ledger anew', { cause });
}
