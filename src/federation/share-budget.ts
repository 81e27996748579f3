/**
 * The budget of rounds whose clients add the noise, in shares under their masks: each sum is charged before
 * anything that could open it is asked for.
 *
 * @module
 */

import { hashesOfTables, noncesOf } from '../privacy/lattice/transcript.ts';
import { type Charge, openLedger } from '../privacy/ledger/ledger.ts';
import type { LedgerStorage } from '../privacy/ledger/storage.ts';
import type { SecureNoise } from '../secure-noise.ts';
import { LastingLedger } from './lasting-ledger.ts';
import { type CentralPrivacy, filterOf, type Reservation } from './private-rounds.ts';

/** What a budget is opened with. */
export interface ShareBudgetOptions {
  readonly privacy: CentralPrivacy;
  /** Of every round. */
  readonly noise: SecureNoise;
  /** Rounds that are planned. */
  readonly rounds: number;
  readonly storage: LedgerStorage;
}

/** The ledger of a run with noise in shares. */
export class ShareBudget {
  readonly #noise: SecureNoise;
  readonly #ledger: LastingLedger;
  /** The last charge of this process, until its round is over. */
  #charge: Charge | undefined;

  private constructor(noise: SecureNoise, ledger: LastingLedger) {
    this.#noise = noise;
    this.#ledger = ledger;
  }

  /**
   * Opens the ledger of a run.
   *
   * @throws {PrivacyError} `over-budget` if the budget does not admit the rounds, where the accountant looks
   *   ahead; `ledger` if it is another run's.
   */
  static async open(options: ShareBudgetOptions): Promise<ShareBudget> {
    const { privacy, noise, rounds, storage } = options;
    const { relation } = privacy;
    const ledger = await LastingLedger.open(() => {
      const filter = filterOf(privacy, noise.event, rounds);
      return openLedger({ storage, filter, unit: 'client', relation });
    });
    return new ShareBudget(noise, ledger);
  }

  /** ε spent. */
  get epsilon(): number {
    return this.#ledger.epsilon;
  }

  /** Charges the sums of a round. @throws {PrivacyError} `over-budget`, and whatever else `Ledger.reserve` throws. */
  async reserve(): Promise<Reservation> {
    const { event } = this.#noise;
    this.#charge = await this.#ledger.use((ledger) => ledger.reserve(event));
    return { charge: this.#charge.record, epsilon: this.epsilon };
  }

  /**
   * The sums of a round are open: writes the receipt. A charge of a process that is dead has none, and stays
   * charged all the same.
   *
   * @param round - From 1.
   */
  async opened(round: number): Promise<void> {
    const charge = this.#charge;
    if (charge === undefined) return;
    this.#charge = undefined;
    const { shares, noise } = this.#noise;
    const { draws } = noise;
    // Each client draws under a key that serves once, from the first nonce on.
    const nonces = noncesOf({ nonce: [0, 0, 0], draws });
    const tables = hashesOfTables(draws);
    const achievedSigma = Math.sqrt(shares.honest * shares.shareVariance);
    const details = { round: round - 1, tables, nonces, achievedSigma };
    await this.#ledger.use((ledger) => ledger.commit(charge, details));
  }
}
