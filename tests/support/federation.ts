/**
 * A coordinator for tests: a log in memory, work that is done by hashing, crashes at will.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import {
  parseEvent,
  type RoundPolicy,
  type RunEvent,
  type TimedEvent,
} from '../../src/federation/events.ts';
import { RoundMachine } from '../../src/federation/round.ts';
import type {
  Answer,
  Effects,
  RoundInput,
  RoundRow,
  RoundWork,
} from '../../src/federation/round-io.ts';
import { emptyRun, foldAll, type RunState } from '../../src/federation/run-state.ts';

/** SHA-256 in hexadecimal digits. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Clients `c-1` … `c-n`. */
export function clientNames(n: number): string[] {
  return Array.from({ length: n }, (_, i) => `c-${i + 1}`);
}

/** A policy for so many members, everything else plain. */
export function policyOf(members: number, changes: Partial<RoundPolicy> = {}): RoundPolicy {
  return {
    wanted: members,
    quorum: 1,
    capacity: members,
    closing: 'all',
    lateJoin: false,
    noise: 'none',
    secure: false,
    processingMs: 10_000,
    ...changes,
  };
}

/** The beginning of a run with these clients. */
export function beginning(clients: readonly string[]): TimedEvent[] {
  const created: RunEvent = {
    type: 'run.created',
    body: { version: 1, run: 'run-1', config: hashOf('config') },
  };
  const opened: RunEvent = { type: 'run.opened', body: { model: hashOf('model 0') } };
  const registered = clients.map(
    (client): RunEvent => ({
      type: 'client.registered',
      body: { client, key: hashOf(client), enrolment: 'allow-list' },
    }),
  );
  return [created, opened, ...registered].map((event) => ({ time: 0, event }));
}

/** State that can be compared: maps as arrays. */
export function comparable(state: RunState): unknown {
  const { reputation, clients, round, ...rest } = state;
  return {
    ...rest,
    clients: [...clients],
    round: round && { ...round, members: [...round.members] },
    standing: reputation.clients.map((client) => reputation.standing(client)),
  };
}

/** Runs a machine: writes its log, does its work when told to, dies and comes back. */
export class TestCoordinator {
  /** What is on disk. */
  readonly log: TimedEvent[];
  machine: RoundMachine;
  /** Work that is being done. */
  work: RoundWork | undefined;
  now = 0;
  #charges = 0;

  constructor(log: readonly TimedEvent[]) {
    this.log = [...log];
    this.machine = new RoundMachine(foldAll(emptyRun(), this.log));
  }

  get state(): RunState {
    return this.machine.state;
  }

  /** Writes the log; `torn` events at its end do not get there, and the process dies. */
  take(effects: Effects, torn = 0): Answer | undefined {
    const written = effects.log.slice(0, effects.log.length - torn);
    this.log.push(...written.map((event) => ({ time: effects.time, event })));
    if (torn > 0) {
      this.crash();
      return undefined;
    }
    if (effects.work !== undefined) this.work = effects.work;
    return effects.answer;
  }

  handle(input: RoundInput, torn = 0): Answer | undefined {
    return this.take(this.machine.handle(input, this.now), torn);
  }

  /** The state that the log tells, read as from disk. */
  refolded(): RunState {
    const read = this.log.map(({ time, event }) => ({
      time,
      event: parseEvent(event.type, JSON.parse(JSON.stringify(event.body))),
    }));
    return foldAll(emptyRun(), read);
  }

  /** The process dies, with what it knew and was doing; another one takes the run up. */
  crash(): void {
    this.work = undefined;
    this.machine = new RoundMachine(this.refolded());
    this.take(this.machine.resume(this.now));
  }

  /** The result of the work that is being done. */
  result(): RoundInput | undefined {
    const { work } = this;
    if (work === undefined) return undefined;
    switch (work.kind) {
      case 'screen':
        return { kind: 'screened', round: work.round, excluded: unfit(work.rows) };
      case 'unmask':
        return { kind: 'unmasked', round: work.round, sums: pairsOf(work.clients) };
      case 'account':
        return { kind: 'reserved', round: work.round, charge: this.#charges++, epsilon: 1 };
      case 'aggregate':
        return {
          kind: 'aggregated',
          round: work.round,
          blob: hashOf(work.rows),
          ...(work.charge !== undefined && { charge: work.charge }),
        };
      case 'publish':
        return { kind: 'stepped', round: work.round, model: hashOf([work.model, work.aggregate]) };
      default:
        return work satisfies never;
    }
  }

  /** Does all work until none is left. */
  finish(): void {
    for (let result = this.result(); result !== undefined; result = this.result()) {
      this.work = undefined;
      this.handle(result);
    }
  }
}

/** A screen by content: one update in eight is unfit. */
function unfit(rows: readonly RoundRow[]): { client: string; reason: string }[] {
  return rows
    .filter(({ blob }) => Number.parseInt(blob[0]!, 16) < 2)
    .map(({ clients }) => ({ client: clients[0]!, reason: 'unfit' }));
}

/** Sums over two clients each; the odd one out is lost. */
function pairsOf(clients: readonly string[]): { clients: string[]; blob: string }[] {
  return Array.from({ length: Math.floor(clients.length / 2) }, (_, i) => {
    const pair = clients.slice(2 * i, 2 * i + 2);
    return { clients: pair, blob: hashOf(pair) };
  });
}
