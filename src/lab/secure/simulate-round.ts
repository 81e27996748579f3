/**
 * A round of secure aggregation in virtual time: the real client and the real server over a network that
 * a seed decides, with faults on the wire and in the parties, against sums that are known beforehand.
 *
 * The same options give the same transcript, byte by byte.
 *
 * @module
 */

import type { Random } from '../../core/random.ts';
import type { Blame } from '../../secagg/blame.ts';
import { type ClientOptions, type ClientPhase, SecureClient } from '../../secagg/client.ts';
import type { RoundConfig } from '../../secagg/config.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { type Journal, memoryJournal } from '../../secagg/journal.ts';
import { type Masks, referenceMasks } from '../../secagg/masks.ts';
import { type MessageType, openMessage } from '../../secagg/messages.ts';
import { type ClientPolicy, type Patience, patienceOf } from '../../secagg/policy.ts';
import type { Refusal } from '../../secagg/reasons.ts';
import type { ServerOptions } from '../../secagg/server/round.ts';
import type { LostCohort, SecureSum, ServerPhase, ServerState } from '../../secagg/server/state.ts';
import { SecureServer, type ServerOutput } from '../../secagg/server.ts';
import { Agenda } from './agenda.ts';
import type { SecureCohort } from './cohort.ts';
import type { Crash, Tamper } from './faults.ts';
import { exactSum, type InputSource, integerInputs } from './inputs.ts';
import { CALM_NETWORK, checkNetwork, delaysOn, type NetworkTerms } from './network.ts';
import { streamNamed, withStream } from './streams.ts';
import { type Carried, type Party, Recorder, type Transcript } from './transcript.ts';

/** What of a policy a simulation may set; the rest follows from the configuration. */
export type SimulatedPolicy = Pick<ClientPolicy, 'minSum' | 'corrupt' | 'sigma' | 'patience'>;

/** What a simulation asks of a client. */
export type ClientRole = Pick<SecureClient, 'handle' | 'tick' | 'phase' | 'refusal' | 'result'>;

/** A round to simulate. */
export interface SimulationOptions {
  readonly cohort: SecureCohort;
  readonly config: RoundConfig;
  /** Its randomness is not used: each party has a stream of the seed. */
  readonly crypto: CryptoProvider;
  /** An integer in [0, 2⁵³). */
  readonly seed: number;
  /** Floors of all clients. Default: those of the configuration. */
  readonly policy?: SimulatedPolicy;
  /** Default {@link integerInputs}. */
  readonly inputs?: InputSource;
  /** Default {@link referenceMasks} for everybody. */
  readonly masks?: (party: Party) => Masks;
  /** Default {@link CALM_NETWORK}. */
  readonly network?: Partial<NetworkTerms>;
  readonly tamper?: Tamper;
  /**
   * Makes a client, each time that one begins, from what an honest one is made of. `name` tells number
   * and life. Default {@link SecureClient}.
   */
  readonly client?: (options: ClientOptions, name: string) => ClientRole;
  readonly crashes?: readonly Crash[];
  /** When the server writes down what it knows: what it learns afterwards is lost. Default `step`. */
  readonly checkpoints?: 'step' | 'phase';
  /** By client, for rounds that follow each other. Default: empty ones. */
  readonly journals?: readonly Journal[];
  /** The value of the beacon that the configuration names, if it names one. */
  readonly beacon?: Uint8Array;
}

/** A sum that came out, beside what it must be. */
export interface CheckedSum extends SecureSum {
  /** Numbers of the clients whose inputs are in it, ascending. */
  readonly members: readonly number[];
  /** The sum of their inputs as they gave them. */
  readonly expected: Uint32Array;
  /** Whether both are the same, word by word. */
  readonly isExact: boolean;
}

/** Where a client ended. */
export interface ClientEnd {
  /** `down` after a crash without return. */
  readonly phase: ClientPhase | 'down';
  readonly refusal: Refusal | undefined;
  /** Why it did not enter, if it was invited and declined. */
  readonly declined: string | undefined;
  /** What failed on its own side. */
  readonly failures: readonly unknown[];
}

/** What a simulated round came to. */
export interface SimulatedRound {
  /** `down` after a crash without return. */
  readonly phase: ServerPhase | 'down';
  readonly sums: readonly CheckedSum[];
  readonly lost: readonly LostCohort[];
  readonly refusal: Refusal | undefined;
  /** Identities that the server would not invite again. */
  readonly evicted: readonly string[];
  /** Why it would not. */
  readonly blamed: readonly Blame[];
  readonly clients: readonly ClientEnd[];
  readonly transcript: Transcript;
  /** When the server was done, in milliseconds of virtual time since it began. */
  readonly tookMs: number;
}

/**
 * Simulates a round until nothing more happens: until every party is done or has given up.
 *
 * @throws whatever a party throws: parties must not.
 */
export async function simulateRound(options: SimulationOptions): Promise<SimulatedRound> {
  return new Simulation(options).run();
}

type Happening =
  | {
      readonly kind: 'arrival';
      readonly from: Party;
      readonly to: Party;
      readonly message: Uint8Array;
    }
  | { readonly kind: 'tick'; readonly party: Party }
  | { readonly kind: 'restart'; readonly party: Party };

type Arrival = Extract<Happening, { kind: 'arrival' }>;

/** More than any round needs: with so many something goes in circles. */
const MAX_HAPPENINGS = 10_000_000;

class Simulation {
  readonly #options: SimulationOptions;
  readonly #agenda = new Agenda<Happening>();
  readonly #recorder: Recorder;
  readonly #delays: () => number[];
  readonly #crashes: PendingCrashes;
  readonly #clients: SimulatedClient[];
  readonly #server: SimulatedServer;
  #now = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { cohort, crypto, seed, crashes = [] } = options;
    this.#recorder = new Recorder(crypto);
    this.#crashes = new PendingCrashes(crashes);
    const terms = checkNetwork({ ...CALM_NETWORK, ...options.network });
    const random = streamNamed({ seed, crypto }, 'network');
    this.#delays = () => delaysOn(terms, random);
    this.#clients = cohort.clients.map((_, number) => new SimulatedClient(options, number));
    this.#server = new SimulatedServer(options);
  }

  async run(): Promise<SimulatedRound> {
    await this.#fromServer(await this.#server.invite());
    for (let happened = 0; ; happened++) {
      const due = this.#agenda.next();
      if (due === undefined) return this.#result();
      if (happened >= MAX_HAPPENINGS) throw new Error('the simulated round does not end');
      this.#now = due.at;
      await this.#happen(due.what);
    }
  }

  async #happen(what: Happening): Promise<void> {
    if (what.kind === 'arrival') {
      await (what.to === 'server' ? this.#atServer(what) : this.#atClient(what, what.to));
    } else if (what.party === 'server') {
      if (what.kind === 'restart') await this.#restartServer();
      else await this.#tickServer();
    } else {
      const client = this.#clients[what.party]!;
      if (what.kind === 'restart') await this.#restartClient(client);
      else await this.#fromClient(client, await client.tick(this.#now));
    }
  }

  // The server

  async #atServer(arrival: Arrival): Promise<void> {
    const { from, message } = arrival;
    const server = this.#server;
    if (server.returnsAt !== undefined) {
      // Whoever cannot reach it tries again.
      if (server.returnsAt < Infinity) this.#agenda.enter(server.returnsAt, arrival);
      return;
    }
    const crash = this.#crashes.due('server', message);
    if (crash !== undefined) {
      const { restartAfterMs = Infinity } = crash;
      server.crash(this.#now + restartAfterMs);
      if (restartAfterMs < Infinity) {
        this.#agenda.enter(server.returnsAt!, { kind: 'restart', party: 'server' });
        this.#agenda.enter(server.returnsAt!, arrival);
      }
      return;
    }
    const { reply, ...output } = await server.handle(message, this.#now);
    if (reply !== undefined) await this.#send('server', from, reply);
    await this.#fromServer(output);
  }

  async #tickServer(): Promise<void> {
    if (this.#server.returnsAt === undefined) {
      await this.#fromServer(await this.#server.tick(this.#now));
    }
  }

  async #restartServer(): Promise<void> {
    await this.#fromServer(await this.#server.restart());
  }

  async #fromServer({ send }: ServerOutput): Promise<void> {
    for (const { to, message } of send) {
      const number = this.#options.cohort.numberOf.get(to);
      if (number !== undefined) await this.#send('server', number, message);
    }
    this.#watchServer();
  }

  /** Wakes the server when its phase is over. */
  #watchServer(): void {
    const until = this.#server.nextTick();
    if (until === undefined) return;
    this.#agenda.enter(Math.max(this.#now, until), { kind: 'tick', party: 'server' });
  }

  // Clients

  async #atClient({ message }: Arrival, number: number): Promise<void> {
    const client = this.#clients[number]!;
    if (client.isDown) return;
    const crash = this.#crashes.due(number, message);
    if (crash !== undefined) return this.#crashClient(client, crash);
    await this.#fromClient(client, await client.handle(message, this.#now));
  }

  #crashClient(client: SimulatedClient, { restartAfterMs }: Crash): void {
    client.crash();
    if (restartAfterMs === undefined) return;
    const party = client.number;
    this.#agenda.enter(this.#now + restartAfterMs, { kind: 'restart', party });
  }

  /** It comes back and asks what there is to do: it is invited again. */
  async #restartClient(client: SimulatedClient): Promise<void> {
    client.restart();
    await this.#send('server', client.number, await this.#server.role.invitation());
  }

  async #fromClient(client: SimulatedClient, reply: Uint8Array | undefined): Promise<void> {
    const crash = reply && this.#crashes.due(client.number, reply);
    if (crash !== undefined) return this.#crashClient(client, crash);
    if (reply !== undefined) await this.#send(client.number, 'server', reply);
    const until = client.nextTick(this.#now);
    if (until !== undefined) this.#agenda.enter(until, { kind: 'tick', party: client.number });
  }

  // The wire

  async #send(from: Party, to: Party, bytes: Uint8Array): Promise<void> {
    // Whoever sends may overwrite what was sent; a socket has taken it by then.
    const message = bytes.slice();
    const type = openMessage(message)?.type;
    const sentAt = this.#now;
    const deliveries = (await this.#options.tamper?.({ from, to, type, message, sentAt })) ?? [
      { message },
    ];
    if (deliveries.length === 0)
      this.#carry({ from, to, type, message, sentAt, comesAt: undefined });
    for (const { message: other, delayMs = 0 } of deliveries) {
      const carried = {
        from,
        to,
        type: other === message ? type : openMessage(other)?.type,
        message: other,
        sentAt,
      };
      const delays = this.#delays();
      if (delays.length === 0) this.#carry({ ...carried, comesAt: undefined });
      for (const delay of delays) this.#carry({ ...carried, comesAt: sentAt + delayMs + delay });
    }
  }

  #carry(carried: Carried): void {
    const { from, to, message, comesAt } = carried;
    this.#recorder.record(carried);
    if (comesAt !== undefined) this.#agenda.enter(comesAt, { kind: 'arrival', from, to, message });
  }

  #result(): SimulatedRound {
    const { role, endedAt } = this.#server;
    const { sums = [], lost = [] } = role.outcome ?? {};
    return {
      phase: this.#server.returnsAt === undefined ? role.phase : 'down',
      sums: sums.map((sum) => this.#checked(sum)),
      lost,
      refusal: role.refusal,
      evicted: role.evicted,
      blamed: role.blamed,
      clients: this.#clients.map((client) => client.end()),
      transcript: this.#recorder,
      tookMs: endedAt ?? this.#now,
    };
  }

  #checked(sum: SecureSum): CheckedSum {
    const { cohort, config } = this.#options;
    const members = sum.inputs
      .map((identity) => cohort.numberOf.get(identity)!)
      .sort((a, b) => a - b);
    const inputs = members.map((number) => this.#clients[number]!.given!);
    const expected = exactSum(inputs, config.ringBits);
    const isExact =
      expected.length === sum.words.length && expected.every((word, j) => word === sum.words[j]);
    return { ...sum, members, expected, isExact };
  }
}

/** Crashes that have not happened yet. */
class PendingCrashes {
  readonly #pending: { readonly crash: Crash; left: number }[];

  constructor(crashes: readonly Crash[]) {
    this.#pending = crashes.map((crash) => ({ crash, left: crash.nth ?? 1 }));
  }

  /** The crash of this party that this message sets off. */
  due(party: Party, message: Uint8Array): Crash | undefined {
    if (this.#pending.length === 0) return undefined;
    const type: MessageType | undefined = openMessage(message)?.type;
    const place = this.#pending.findIndex(
      (one) => one.crash.party === party && one.crash.at === type && --one.left === 0,
    );
    return place < 0 ? undefined : this.#pending.splice(place, 1)[0]!.crash;
  }
}

/** A client, its journal, and what it was given to put in. */
class SimulatedClient {
  readonly number: number;
  readonly #options: SimulationOptions;
  readonly #journal: Journal;
  readonly #patience: Patience;
  #role: ClientRole | undefined;
  #lives = 0;
  #watched: ClientPhase | undefined;
  #declined: string | undefined;
  readonly #failures: unknown[] = [];
  /** A copy of the words that it put in. */
  given: Uint32Array | undefined;

  constructor(options: SimulationOptions, number: number) {
    this.#options = options;
    this.number = number;
    this.#journal = options.journals?.[number] ?? memoryJournal();
    this.#patience = patienceOf(this.#policy());
    this.restart();
  }

  get isDown(): boolean {
    return this.#role === undefined;
  }

  crash(): void {
    this.#role = undefined;
  }

  /** Begins from nothing but identity and journal, with randomness of its own. */
  restart(): void {
    const { cohort, config, crypto, seed, masks, beacon, client: make = honest } = this.#options;
    const { number } = this;
    const life = this.#lives++;
    const stream = (): Random =>
      streamNamed({ seed, crypto }, 'client', config.round, number, life);
    this.#watched = undefined;
    const role: ClientOptions = {
      identity: cohort.clients[number]!,
      policy: this.#policy(),
      crypto: withStream(crypto, stream),
      masks: masks?.(number) ?? referenceMasks(),
      journal: this.#journal,
      input: (terms) => this.#input(terms),
      onFailure: (error) => this.#failures.push(error),
      ...(beacon === undefined ? {} : { beacon: () => beacon }),
    };
    this.#role = make(role, `${number} ${life}`);
  }

  #policy(): ClientPolicy {
    const { cohort, config, policy } = this.#options;
    return {
      serverKey: cohort.server.publicKey,
      federation: config.federation,
      model: config.model,
      dimensions: config.dimensions,
      enrolment: cohort.enrolment,
      minSum: config.minSum,
      thinRings: !config.arcSafe,
      beacons: () => true,
      corrupt: config.corrupt / 1e6,
      sigma: config.sigma,
      ...policy,
    };
  }

  async #input(terms: Parameters<InputSource>[1]): Promise<Uint32Array> {
    const { crypto, seed, inputs = integerInputs({ seed, crypto }) } = this.#options;
    const words = await inputs(this.number, terms);
    this.given = words.slice();
    return words;
  }

  async handle(message: Uint8Array, now: number): Promise<Uint8Array | undefined> {
    // Each message comes in bytes of its own, as from a socket.
    const { reply, declined } = (await this.#role?.handle(message.slice(), now)) ?? {};
    this.#declined ??= declined;
    return reply;
  }

  async tick(now: number): Promise<Uint8Array | undefined> {
    return (await this.#role?.tick(now))?.reply;
  }

  /** When to look at the clock, once for each phase. */
  nextTick(now: number): number | undefined {
    const phase = this.#role?.phase;
    if (phase === undefined || phase === this.#watched || !(phase in this.#patience)) {
      return undefined;
    }
    this.#watched = phase;
    return now + this.#patience[phase as keyof Patience];
  }

  end(): ClientEnd {
    return {
      phase: this.#role?.phase ?? 'down',
      refusal: this.#role?.refusal,
      declined: this.#declined,
      failures: this.#failures,
    };
  }
}

function honest(options: ClientOptions): ClientRole {
  return new SecureClient(options);
}

class SimulatedServer {
  readonly #options: ServerOptions;
  readonly #identities: readonly string[];
  /** `never` where it does not crash. */
  readonly #checkpoints: 'step' | 'phase' | 'never';
  /** What is left of the server when it crashes. */
  #checkpoint: ServerState | undefined;
  #watched: number | undefined;
  role: SecureServer;
  /** While it is down: when it comes back. */
  returnsAt: number | undefined;
  endedAt: number | undefined;

  constructor(options: SimulationOptions) {
    const { cohort, config, crypto, seed, masks, beacon, crashes = [] } = options;
    const crashesOnce = crashes.some(({ party }) => party === 'server');
    this.#checkpoints = crashesOnce ? (options.checkpoints ?? 'step') : 'never';
    this.#identities = [...cohort.numberOf.keys()];
    this.#options = {
      config,
      identity: cohort.server,
      crypto: withStream(crypto, () => streamNamed({ seed, crypto }, 'server', config.round)),
      masks: masks?.('server') ?? referenceMasks(),
      enrolment: cohort.enrolment,
      ...(beacon === undefined ? {} : { beacon: () => beacon }),
    };
    this.role = SecureServer.start(this.#options, 0);
  }

  async invite(): Promise<ServerOutput> {
    return this.#stepped(await this.#invitations(), 0);
  }

  async #invitations(): Promise<ServerOutput> {
    const message = await this.role.invitation();
    return { send: this.#identities.map((to) => ({ to, message })) };
  }

  async handle(message: Uint8Array, now: number): Promise<ServerOutput> {
    return this.#stepped(await this.role.handle(message.slice(), now), now);
  }

  async tick(now: number): Promise<ServerOutput> {
    return this.#stepped(await this.role.tick(now), now);
  }

  async #stepped(output: ServerOutput, now: number): Promise<ServerOutput> {
    if (this.#isOver()) this.endedAt ??= now;
    const isDue =
      this.#checkpoints === 'step' ||
      (this.#checkpoints === 'phase' && this.role.phase !== this.#checkpoint?.phase);
    if (isDue) this.#checkpoint = await this.role.snapshot();
    return output;
  }

  crash(returnsAt: number): void {
    this.returnsAt = returnsAt;
  }

  /** Goes on from the last checkpoint, and sends again what clients may not have got. */
  async restart(): Promise<ServerOutput> {
    this.role = SecureServer.resume(this.#options, this.#checkpoint!);
    this.returnsAt = undefined;
    this.#watched = undefined;
    if (this.role.phase === 'keys') return this.#invitations();
    return { send: await this.role.due() };
  }

  /** When the phase ends, once for each time. */
  nextTick(): number | undefined {
    const { until } = this.role;
    if (this.#isOver() || until === this.#watched) return undefined;
    this.#watched = until;
    return until;
  }

  #isOver(): boolean {
    return this.role.phase === 'done' || this.role.phase === 'aborted';
  }
}
