/**
 * A run, told round by round: what reports, charts and time series are made of.
 *
 * @module
 */

import { compareClients, type EventBodies, type FailureCode, type TimedEvent } from './events.ts';
import { type ClientFigures, readReport } from './report-file.ts';
import type { RunConfig } from './run-config.ts';
import type { RunState } from './run-state.ts';
import type { RunReader } from './store/run-reader.ts';
import { beginning, replay } from './verify/check.ts';

/** What became of a member of a round. */
export type MemberOutcome = 'counted' | 'excluded' | 'refused' | 'missing';

/** When a round came to each of its phases, in milliseconds since 1970. */
export interface RoundTimes {
  readonly opened: number;
  readonly closed?: number;
  readonly screened?: number;
  /** Charged, or unmasked. */
  readonly charged?: number;
  readonly aggregated?: number;
  /** Published or failed. */
  readonly over?: number;
}

/** A round. */
export interface RoundHistory {
  readonly round: number;
  readonly times: RoundTimes;
  /** The model that updates are differences to. */
  readonly base: string;
  readonly model?: string;
  readonly failure?: { readonly code: FailureCode; readonly reason: string };
  readonly outcomes: ReadonlyMap<string, MemberOutcome>;
  /** Why clients were left out. */
  readonly excluded: ReadonlyMap<string, string>;
  readonly refusals: readonly Refusal[];
  /** ε of everything charged, after this round. */
  readonly epsilon?: number;
  /** Trust in clients that something is held against, as the round ended. */
  readonly trust: ReadonlyMap<string, number>;
  /** Figures of clients, where reports were kept. */
  readonly figures: ReadonlyMap<string, ClientFigures>;
  /** The score above which an update is suspected. */
  readonly threshold?: number;
}

/** Something of a client that was not taken. */
export interface Refusal {
  readonly client: string;
  readonly code: string;
  readonly reason: string;
}

/** A client of a run. */
export interface ClientHistory {
  readonly client: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly revoked: boolean;
  readonly trust: number;
  readonly quarantined: boolean;
}

/** A run so far. */
export interface RunHistory {
  readonly run: string;
  readonly config: RunConfig;
  /** Of the first and of the latest event. */
  readonly begun: number;
  readonly latest: number;
  readonly events: number;
  readonly finished?: string;
  readonly rounds: readonly RoundHistory[];
  /** By their ids. */
  readonly clients: readonly ClientHistory[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface OwnRound extends Mutable<Omit<RoundHistory, 'times' | 'refusals'>> {
  times: Mutable<RoundTimes>;
  refusals: Refusal[];
  readonly members: Set<string>;
  readonly committed: Set<string>;
  /** Blobs. */
  reports: string[];
}

/**
 * The history of a run.
 *
 * @param options.figures - Whether figures of single clients are read from the reports of rounds.
 * @throws {StoreError} `damaged`; {@link Mismatch} at an event that cannot be.
 */
export async function historyOf(
  run: RunReader,
  config: RunConfig,
  { figures }: { readonly figures: boolean },
): Promise<RunHistory> {
  const rounds: OwnRound[] = [];
  let begun = 0;
  let events = 0;
  let state = beginning(config);
  for await (const step of replay({ run, config })) {
    const { logged, event } = step;
    // The same object each time: after the last step, it is the run as it is now.
    state = step.state;
    events = logged.seq;
    if (events === 1) begun = logged.time;
    if (event.type === 'round.opened') settle(rounds.at(-1), state);
    note(rounds, { time: logged.time, event });
  }
  settle(rounds.at(-1), state);
  for (const round of figures ? rounds : []) await readFigures(run, round);
  const { finished, time: latest } = state;
  return {
    run: run.run,
    config,
    begun,
    latest,
    events,
    ...(finished !== undefined && { finished }),
    rounds,
    clients: clientsOf(state),
  };
}

function clientsOf({ clients, reputation }: RunState): ClientHistory[] {
  return [...clients]
    .sort(([a], [b]) => compareClients(a, b))
    .map(([client, { attributes, revoked }]) => ({
      client,
      attributes,
      revoked,
      trust: reputation.trust(client),
      quarantined: reputation.isQuarantined(client),
    }));
}

/** What became of its members, as far as its events tell. */
function outcomesOf(own: OwnRound): Map<string, MemberOutcome> {
  const refused = new Set(own.refusals.map(({ client }) => client));
  const outcome = (client: string): MemberOutcome => {
    if (!own.committed.has(client)) return refused.has(client) ? 'refused' : 'missing';
    return own.excluded.has(client) ? 'excluded' : 'counted';
  };
  return new Map([...own.members].map((client) => [client, outcome(client)]));
}

/** What stands when a round is over, or as far as it is. */
function settle(own: OwnRound | undefined, { reputation }: RunState): void {
  if (own === undefined) return;
  own.outcomes = outcomesOf(own);
  own.trust = new Map(reputation.clients.map((client) => [client, reputation.trust(client)]));
}

/** The round that goes on, told as its events come: for those who do not wait for the end. */
export class RoundRecorder {
  readonly #rounds: OwnRound[] = [];

  /** Takes the next event. */
  take(event: TimedEvent): void {
    note(this.#rounds, event);
    // What is over has been told.
    if (this.#rounds.length > 1) this.#rounds.shift();
  }

  /** The latest round, with the figures of its reports; nobody's trust. */
  async told(run: Pick<RunReader, 'blobs'>): Promise<RoundHistory | undefined> {
    const [own] = this.#rounds;
    if (own === undefined) return undefined;
    // More may come of it meanwhile.
    const copy = { ...own, outcomes: outcomesOf(own) };
    await readFigures(run, copy);
    return copy;
  }
}

/** Figures of later reports stand for those of earlier ones. */
async function readFigures(run: Pick<RunReader, 'blobs'>, round: OwnRound): Promise<void> {
  const all = new Map<string, ClientFigures>();
  for (const name of round.reports) {
    const report = await readReport(run.blobs, name);
    if (report?.threshold !== undefined) round.threshold = report.threshold;
    for (const one of report?.clients ?? []) {
      all.set(one.client, { ...one, ...withoutEmpty(all.get(one.client)) });
    }
  }
  round.figures = all;
}

/** Detectors know more than the rule that comes after them. */
function withoutEmpty(before: ClientFigures | undefined): Partial<ClientFigures> {
  if (before === undefined) return {};
  const { deviations, reasons, ...rest } = before;
  return {
    ...rest,
    ...(Object.keys(deviations).length > 0 && { deviations }),
    ...(reasons.length > 0 && { reasons }),
  };
}

function begunBy({ round, model, selected }: EventBodies['round.opened'], time: number): OwnRound {
  return {
    round,
    times: { opened: time },
    base: model,
    members: new Set(selected),
    committed: new Set(),
    outcomes: new Map(),
    excluded: new Map(),
    refusals: [],
    trust: new Map(),
    figures: new Map(),
    reports: [],
  };
}

/** What an event tells of the round that goes on. */
function note(rounds: OwnRound[], { time, event }: TimedEvent): void {
  if (event.type === 'round.opened') {
    rounds.push(begunBy(event.body, time));
    return;
  }
  const round = rounds.at(-1);
  if (round === undefined || !('round' in event.body) || event.body.round !== round.round) return;
  switch (event.type) {
    case 'client.joined':
      round.members.add(event.body.client);
      break;
    case 'update.committed':
      round.committed.add(event.body.client);
      break;
    case 'update.refused':
      round.refusals.push(event.body);
      break;
    case 'round.closed':
      round.times.closed = time;
      break;
    case 'round.screened':
      round.times.screened = time;
      round.excluded = new Map(event.body.excluded.map(({ client, reason }) => [client, reason]));
      if (event.body.report !== undefined) round.reports.push(event.body.report);
      break;
    case 'privacy.reserved':
      round.times.charged = time;
      round.epsilon = event.body.epsilon;
      break;
    case 'round.unmasked':
      round.times.charged = time;
      round.excluded = new Map([
        ...round.excluded,
        ...event.body.lost.map((client) => [client, 'in no sum'] as const),
      ]);
      break;
    case 'round.aggregated':
      round.times.aggregated = time;
      if (event.body.report !== undefined) round.reports.push(event.body.report);
      break;
    case 'round.published':
      round.times.over = time;
      round.model = event.body.model;
      break;
    case 'round.failed':
      round.times.over = time;
      round.failure = { code: event.body.code, reason: event.body.reason };
      break;
    default:
  }
}
