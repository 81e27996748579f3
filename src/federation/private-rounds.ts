/**
 * Rounds with noise at the server: charged before it is drawn, released once.
 *
 * Each release is accounted for as if everybody took part: what a secret draw would save is not claimed.
 *
 * @module
 */

import type { Backend } from '../backend/kernels.ts';
import { FormatError, PrivacyError } from '../core/errors.ts';
import { ACCOUNTANTS } from '../privacy/accountants/all.ts';
import type { PrivacyEvent } from '../privacy/event.ts';
import type { BudgetFilter } from '../privacy/ledger/filter.ts';
import { type Charge, type Charging, type Ledger, openLedger } from '../privacy/ledger/ledger.ts';
import { rdpFilter } from '../privacy/ledger/rdp-filter.ts';
import { scheduleFilter } from '../privacy/ledger/schedule-filter.ts';
import type { LedgerStorage } from '../privacy/ledger/storage.ts';
import { zcdpFilter } from '../privacy/ledger/zcdp-filter.ts';
import {
  eventOf,
  type PrivateClient,
  type PrivateRelease,
  type PrivateStatistic,
  type PrivateUpdate,
  planRelease,
  releasePrivately,
} from '../private-release.ts';
import type { Releasable, Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';
import { LastingLedger } from './lasting-ledger.ts';
import type { PrivacyConfig, RunConfig } from './run-config.ts';

/** Noise at the server, as configured. */
export type CentralPrivacy = Extract<PrivacyConfig, { readonly kind: 'central' }>;

/** What private rounds need. */
export interface PrivateRoundsOptions {
  readonly config: RunConfig;
  readonly privacy: CentralPrivacy;
  readonly storage: LedgerStorage;
  readonly backend: Backend;
  /** Entries of an update. */
  readonly cols: number;
}

/** A release that is to be made. */
export interface ReleaseRequest {
  /** From 1. */
  readonly round: number;
  readonly cohort: readonly string[];
  readonly updates: ReadonlyMap<string, PrivateUpdate>;
  /** What {@link PrivateRounds.reserve} gave. */
  readonly charge: number;
}

/** What was charged. */
export interface Reservation {
  readonly charge: number;
  /** ε of everything charged. */
  readonly epsilon: number;
}

/** The members of every round, where their number is fixed. */
export function fixedMembers({ selection }: Pick<RunConfig, 'selection'>): number | undefined {
  return 'count' in selection ? Math.ceil(selection.count * selection.overSelection) : undefined;
}

/** The ledger of a run, and its releases. */
export class PrivateRounds {
  readonly #options: PrivateRoundsOptions;
  readonly #release: PrivateRelease;
  readonly #ledger: LastingLedger;
  /** Charges of this process that nothing was released on. */
  readonly #charges = new Map<number, Charge>();

  private constructor(
    options: PrivateRoundsOptions,
    release: PrivateRelease,
    ledger: LastingLedger,
  ) {
    this.#options = options;
    this.#release = release;
    this.#ledger = ledger;
  }

  /**
   * Plans the releases of a run, and opens its ledger.
   *
   * @throws {PrivacyError} `over-budget` if the budget does not admit the rounds, where the accountant
   *   looks ahead; `unsupported` for a statistic without a bound; `ledger` if it is another run's.
   * @throws {FormatError} `malformed` if the configuration fixes no denominator.
   */
  static async open(options: PrivateRoundsOptions): Promise<PrivateRounds> {
    const { config, privacy, storage, cols } = options;
    const { relation, clipNorm, noiseMultiplier } = privacy;
    const statistic = statisticOf(config);
    const release = await planRelease({ statistic, relation, clipNorm, noiseMultiplier });
    const ledger = await LastingLedger.open(() => {
      const filter = filterOf(privacy, eventOf(release, cols), config.rounds);
      return openLedger({ storage, filter, unit: 'client', relation });
    });
    return new PrivateRounds(options, release, ledger);
  }

  /** ε spent. */
  get epsilon(): number {
    return this.#ledger.epsilon;
  }

  /** Charges a release. @throws {PrivacyError} `over-budget`, and whatever else `Ledger.reserve` throws. */
  async reserve(): Promise<Reservation> {
    const event = eventOf(this.#release, this.#options.cols);
    const charge = await this.#ledger.use((ledger) => ledger.reserve(event));
    this.#charges.clear();
    this.#charges.set(charge.record, charge);
    return { charge: charge.record, epsilon: this.epsilon };
  }

  /** Releases a round under its charge. @throws as `releasePrivately`. */
  async release({ round, cohort, updates, charge }: ReleaseRequest): Promise<{
    readonly value: Float32Array;
    readonly clients: readonly PrivateClient[];
  }> {
    const { config, backend, cols } = this.#options;
    // Between two that are published, fewer than so many fail, or the run ends.
    const rounds = config.rounds * config.round.maxFailures;
    return this.#ledger.use((ledger) =>
      releasePrivately(updates, this.#release, {
        round: round - 1,
        rounds,
        cohort,
        cols,
        ledger: this.#under(ledger, charge),
        backend,
      }),
    );
  }

  /** The ledger with a charge that was made before. */
  #under(ledger: Ledger, record: number): Charging {
    const charge = this.#charges.get(record);
    this.#charges.delete(record);
    return {
      budget: ledger.budget,
      epsilon: () => ledger.epsilon(),
      reserve: async () => {
        if (charge !== undefined) return charge;
        throw new PrivacyError('spent', `charge ${record} is of another process, or spent`);
      },
      drawSeed: (own) => ledger.drawSeed(own),
      commit: (own, details) => ledger.commit(own, details),
    };
  }
}

function statisticOf(config: RunConfig): PrivateStatistic {
  const rows = fixedMembers(config);
  if (config.rule.trim() === 'mean') {
    const denominator = config.round.wanted ?? rows;
    if (denominator !== undefined) return { kind: 'sum', denominator };
    const why = 'is missing: a private mean is a sum over a number that is fixed beforehand';
    throw new FormatError('malformed', `the configuration cannot be run:\n  round.wanted: ${why}`);
  }
  if (rows === undefined) {
    const why = 'is missing: a private rule is of a fixed number of rows';
    throw new FormatError(
      'malformed',
      `the configuration cannot be run:\n  selection.count: ${why}`,
    );
  }
  // Planning finds out whether a bound is known.
  return { kind: 'rule', rule: parseRule(config.rule) as Releasable<Rule>, rows };
}

/** What holds charges against the budget. @param event - Of each release. */
export function filterOf(
  { epsilon, delta, accountant }: CentralPrivacy,
  event: PrivacyEvent,
  rounds: number,
): BudgetFilter {
  const budget = { epsilon, delta };
  if (accountant === 'zcdp') return zcdpFilter(budget);
  // The order that uses a budget well.
  if (accountant === 'rdp') {
    return rdpFilter({ ...budget, order: 1 + (2 * Math.log(1 / delta)) / epsilon });
  }
  const schedule = [{ event, count: rounds }];
  return scheduleFilter({ ...budget, schedule, accountant: ACCOUNTANTS[accountant] });
}
