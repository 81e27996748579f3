/**
 * Whether the budget was kept: the ledger is whole, its charges are what the accountant says, ε never
 * falls, and nothing was released twice under one charge, or under none.
 *
 * @module
 */

import { counted } from '../../core/counted.ts';
import { AggregationError, PrivacyError } from '../../core/errors.ts';
import { type LedgerRecord, parseRecord } from '../../privacy/ledger/records.ts';
import type { RunEvent } from '../events.ts';
import { filterOf } from '../private-rounds.ts';
import type { RunConfig } from '../run-config.ts';
import type { LoggedEvent } from '../store/chain.ts';
import { type Evidence, Mismatch, replay } from './check.ts';

type Central = Extract<RunConfig['privacy'], { readonly kind: 'central' }>;

/** Both are the same sum, on machines whose `Math.log` may differ in the last place. */
const SAME = 1e-9;

/** @throws {Mismatch} at the first event that the budget or the ledger does not bear out. */
export async function checkPrivacy(evidence: Evidence): Promise<string> {
  const { privacy } = evidence.config;
  if (privacy?.kind !== 'central') return 'no budget is kept in this run';
  const account = new Account(evidence.config, privacy);
  for await (const { logged, event, state } of replay(evidence)) {
    if (event.type === 'ledger.line') account.write(logged, event.body);
    else if (event.type === 'privacy.reserved') account.reserve(logged, event.body);
    else if (event.type === 'round.aggregated') {
      account.release(logged, { ...event.body, noise: state.round!.policy.noise });
    }
  }
  return account.summary;
}

/** The books, done again. */
class Account {
  readonly #config: RunConfig;
  readonly #privacy: Central;
  readonly #released = new Set<number>();
  readonly #ended = new Map<number, number>();
  readonly #charges = new Set<number>();
  #filter: ReturnType<typeof filterOf> | undefined;
  #last: LedgerRecord | undefined;
  #epsilon = 0;

  constructor(config: RunConfig, privacy: Central) {
    this.#config = config;
    this.#privacy = privacy;
  }

  get summary(): string {
    const charges = `${counted(this.#charges.size, 'charge')} as the accountant has them`;
    const releases = `${counted(this.#released.size, 'release')}, each under one of its own`;
    const { epsilon, delta } = this.#privacy;
    return `${charges}, ${releases}; ε ${this.#epsilon.toPrecision(4)} of ${epsilon} at δ ${delta}`;
  }

  /** A line of the ledger. */
  write(logged: LoggedEvent, { line, text }: RunEvent<'ledger.line'>['body']): void {
    const wrong = (why: string): Mismatch => new Mismatch(logged, `the ledger: ${why}`);
    if (!text.endsWith('\n')) throw wrong('the line has no end');
    const record = withReason(wrong, () => parseRecord(text.slice(0, -1), this.#last));
    if (record.record !== line) throw wrong(`this is line ${line}, and record ${record.record}`);
    this.#last = record;
    const { body } = record;
    if (body.kind === 'charge') {
      withReason(wrong, () => {
        this.#filter ??= filterOf(this.#privacy, body.event, this.#config.rounds);
        this.#filter.charge(body.event);
      });
      this.#charges.add(record.record);
    } else if (body.kind === 'commit') {
      if (!this.#charges.has(body.charge)) throw wrong(`record ${body.charge} is no charge`);
      if (this.#ended.has(body.charge)) throw wrong(`charge ${body.charge} ends twice`);
      this.#ended.set(body.charge, body.receipt.round);
    }
  }

  reserve(logged: LoggedEvent, { charge, epsilon }: RunEvent<'privacy.reserved'>['body']): void {
    if (!this.#charges.has(charge) || charge !== this.#last?.record) {
      throw new Mismatch(logged, `record ${charge} of the ledger is not the charge just made`);
    }
    if (epsilon < this.#epsilon) {
      throw new Mismatch(logged, `ε falls from ${this.#epsilon} to ${epsilon}`);
    }
    const own = this.#filter!.epsilon();
    if (Math.abs(epsilon - own) > SAME * own) {
      throw new Mismatch(logged, `ε is ${epsilon}, the accountant says ${own}`);
    }
    this.#epsilon = epsilon;
  }

  release(
    logged: LoggedEvent,
    {
      round,
      charge,
      noise,
    }: RunEvent<'round.aggregated'>['body'] & { readonly noise: 'none' | 'server' | 'clients' },
  ): void {
    if (charge === undefined) throw new Mismatch(logged, 'it was released under no charge');
    if (this.#released.has(charge)) {
      throw new Mismatch(logged, `charge ${charge} was released under before`);
    }
    this.#released.add(charge);
    // Noise of clients is not drawn here: its charge has no end in the ledger.
    if (noise !== 'server') return;
    const ended = this.#ended.get(charge);
    if (ended === round - 1) return;
    const why = ended === undefined ? 'has no receipt' : `has the receipt of round ${ended + 1}`;
    throw new Mismatch(logged, `charge ${charge} ${why}`);
  }
}

function withReason<T>(wrong: (why: string) => Mismatch, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const expected = [PrivacyError, AggregationError, TypeError, RangeError];
    if (expected.some((E) => error instanceof E)) throw wrong((error as Error).message);
    throw error;
  }
}
