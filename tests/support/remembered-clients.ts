/**
 * Clients that are played from memory: what a client does depends on its options, its stream and the
 * messages that come, one after the other. Whoever gets the same messages as in an earlier round of the
 * scene answers as it did then; at the first that differs the real client catches up and goes on.
 *
 * Hundreds of rounds that differ for a few clients take the time of a few.
 *
 * @module
 */

import type { ClientRole } from '../../src/lab/secure/simulate-round.ts';
import {
  type ClientOptions,
  type ClientOutput,
  type InputTerms,
  SecureClient,
} from '../../src/secagg/client.ts';
import { encodeJournal, type JournalEntry, memoryJournal } from '../../src/secagg/journal.ts';
import { type Patience, patienceOf } from '../../src/secagg/policy.ts';
import { sameBytes } from '../../src/secagg/suite.ts';

/** A message, or the end of waiting for one. */
type Event = Uint8Array | 'timeout';

/** What a client did, and what it does next by what happens. */
interface Memory extends Pick<ClientRole, 'phase' | 'refusal' | 'result'> {
  readonly output: ClientOutput;
  /** If it asked for its input. */
  readonly asked: InputTerms | undefined;
  readonly journal: JournalEntry | undefined;
  readonly failures: readonly unknown[];
  readonly next: Map<string, Memory>;
}

/** Later than anything that a client waits for. */
const NEVER = 2 ** 50;

/**
 * Clients of one scene, which must all have the same options but for who they are, and begin with empty
 * journals.
 */
export function rememberedClients(): (options: ClientOptions, name: string) => ClientRole {
  const begins = new Map<string, Memory>();
  return (options, name) => {
    // Whoever comes back has a journal of its own to go by.
    if (!name.endsWith(' 0')) return new SecureClient(options);
    const first = begins.get(name) ?? begin();
    begins.set(name, first);
    return new RememberedClient(options, first);
  };
}

function begin(): Memory {
  return {
    phase: 'idle',
    refusal: undefined,
    result: undefined,
    output: {},
    asked: undefined,
    journal: undefined,
    failures: [],
    next: new Map(),
  };
}

class RememberedClient implements ClientRole {
  readonly #options: ClientOptions;
  readonly #patience: Patience;
  readonly #happened: Event[] = [];
  #now: Memory;
  #until = Infinity;
  #real: RealClient | undefined;

  constructor(options: ClientOptions, first: Memory) {
    this.#options = options;
    this.#patience = patienceOf(options.policy);
    this.#now = first;
  }

  get phase(): Memory['phase'] {
    return this.#now.phase;
  }

  get refusal(): Memory['refusal'] {
    return this.#now.refusal;
  }

  get result(): Memory['result'] {
    return this.#now.result;
  }

  async handle(message: Uint8Array, now: number): Promise<ClientOutput> {
    return now < this.#until ? this.#on(message, now) : this.#on('timeout', now);
  }

  async tick(now: number): Promise<ClientOutput> {
    return now < this.#until ? {} : this.#on('timeout', now);
  }

  async #on(event: Event, now: number): Promise<ClientOutput> {
    const { crypto, input, journal, onFailure } = this.#options;
    const before = this.#now;
    const name = event === 'timeout' ? event : Buffer.from(crypto.sha256(event)).toString('latin1');
    const known = before.next.get(name);
    const after = known ?? (await this.#played(event));
    before.next.set(name, after);
    this.#happened.push(event);
    this.#now = after;
    // What others see of it, however it came about.
    if (after.asked !== undefined) await input(after.asked);
    if (after.journal !== undefined && !isSame(after.journal, before.journal)) {
      await journal.write(after.journal);
    }
    for (const failure of after.failures) onFailure?.(failure);
    if (after.phase !== before.phase) {
      this.#until = now + (this.#patience[after.phase as keyof Patience] ?? Infinity);
    }
    return after.output;
  }

  async #played(event: Event): Promise<Memory> {
    if (this.#real === undefined || this.#real.heard < this.#happened.length) {
      this.#real ??= new RealClient(this.#options);
      for (const earlier of this.#happened.slice(this.#real.heard)) await this.#real.on(earlier);
    }
    return this.#real.on(event);
  }
}

/** A client that tells nobody but this file what it does. */
class RealClient {
  readonly #client: SecureClient;
  readonly #journal = memoryJournal();
  readonly #failures: unknown[] = [];
  #asked: InputTerms | undefined;
  /** How many events. */
  heard = 0;

  constructor(options: ClientOptions) {
    this.#client = new SecureClient({
      ...options,
      journal: this.#journal,
      onFailure: (error) => this.#failures.push(error),
      input: (terms) => {
        this.#asked = terms;
        return options.input(terms);
      },
    });
  }

  async on(event: Event): Promise<Memory> {
    this.heard++;
    this.#asked = undefined;
    const output = await (event === 'timeout'
      ? this.#client.tick(NEVER)
      : this.#client.handle(event, 0));
    const { phase, refusal, result } = this.#client;
    return {
      phase,
      refusal,
      result,
      // The client overwrites what it revealed.
      output: output.reply === undefined ? output : { ...output, reply: output.reply.slice() },
      asked: this.#asked,
      journal: await this.#journal.read(),
      failures: this.#failures.splice(0),
      next: new Map(),
    };
  }
}

function isSame(entry: JournalEntry, other: JournalEntry | undefined): boolean {
  return other !== undefined && sameBytes(encodeJournal(entry), encodeJournal(other));
}
