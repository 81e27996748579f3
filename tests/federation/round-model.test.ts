/** Rounds under every interleaving: joins, commits, duplicates, refusals, deadlines and crashes. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RoundPolicy, RunEvent } from '../../src/federation/events.ts';
import { isOver } from '../../src/federation/run-state.ts';
import {
  beginning,
  clientNames,
  comparable,
  hashOf,
  policyOf,
  TestCoordinator,
} from '../support/federation.ts';

const CLIENTS = clientNames(8);
/** Whoever comes late stands before, between and after the others. */
const SELECTED = ['c-2', 'c-3', 'c-4', 'c-6', 'c-7'];
/** One of them may be late. */
const CAPACITY = SELECTED.length + 1;
const COLLECT_MS = 300;
const PROCESSING_MS = 1000;

type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'join' | 'leave' | 'revoke' | 'refuse'; readonly client: string }
  | { readonly kind: 'declare' | 'commit'; readonly client: string; readonly version: number }
  /** A result that somebody got before, in this process or another. */
  | { readonly kind: 'stale work'; readonly at: number }
  | { readonly kind: 'work' | 'work twice' | 'crash' | 'tick' };

/** A step, and how many of its events are lost by a crash while they are written. */
interface Torn {
  readonly step: Step;
  readonly torn: number;
}

const client = fc.constantFrom(...CLIENTS);
const version = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('declare' as const), client, version }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('commit' as const), client, version }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 300 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'join' as const,
        'leave' as const,
        'revoke' as const,
        'refuse' as const,
      ),
      client,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'work' as const,
        'work twice' as const,
        'crash' as const,
        'tick' as const,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('stale work' as const), at: fc.nat({ max: 5 }) }),
  },
);
const steps = fc.array(
  fc.record({ step, torn: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat({ max: 2 })) }),
  { maxLength: 50, size: 'max' },
);
const policy: fc.Arbitrary<RoundPolicy> = fc
  .record({
    closing: fc.constantFrom('all' as const, 'wanted' as const),
    lateJoin: fc.boolean(),
    secure: fc.boolean(),
    noise: fc.constantFrom('none' as const, 'none' as const, 'server' as const, 'clients' as const),
    wanted: fc.integer({ min: 2, max: SELECTED.length }),
    quorum: fc.integer({ min: 0, max: 2 }),
  })
  .map((changes) =>
    policyOf(SELECTED.length, {
      ...changes,
      secure: changes.secure || changes.noise === 'clients',
      capacity: CAPACITY,
      processingMs: PROCESSING_MS,
    }),
  );

function content(name: string, number: number): { root: string; blob: string } {
  return { root: hashOf([name, number, 'root']), blob: hashOf([name, number]) };
}

/** What clients were told of their updates, and what must hold of it ever after. */
class Model {
  readonly coordinator = new TestCoordinator(beginning(CLIENTS));
  /** Updates that were accepted: client → blob. */
  readonly accepted = new Map<string, string>();
  /** Clients that were revoked while the round collected. */
  readonly revoked = new Set<string>();
  readonly results: ReturnType<TestCoordinator['result']>[] = [];

  constructor(policy: RoundPolicy) {
    const plan = { selected: SELECTED, policy, collectMs: COLLECT_MS };
    this.coordinator.take(this.coordinator.machine.open(plan, 0));
  }

  apply({ step, torn }: Torn): void {
    const { coordinator } = this;
    switch (step.kind) {
      case 'wait':
        coordinator.now += step.ms;
        break;
      case 'tick':
        coordinator.take(coordinator.machine.tick(coordinator.now), 0);
        break;
      case 'crash':
        coordinator.crash();
        break;
      case 'revoke':
        this.#revoke(step.client);
        break;
      case 'join':
        this.#handle({ kind: 'join', client: step.client }, torn);
        break;
      case 'leave':
        this.#handle({ kind: 'leave', client: step.client, reason: 'low battery' }, torn);
        break;
      case 'refuse': {
        const why = { code: 'bad-signature', status: 401, reason: 'the signature is wrong' };
        this.#handle({ kind: 'refuse', round: 1, client: step.client, ...why }, torn);
        break;
      }
      case 'declare': {
        const { root } = content(step.client, step.version);
        const shape = { bytes: 10, chunkBytes: 10, dtype: 'F32', samples: 1 };
        this.#handle({ kind: 'declare', round: 1, client: step.client, root, ...shape }, torn);
        break;
      }
      case 'commit': {
        const { root, blob } = content(step.client, step.version);
        const input = { kind: 'commit', round: 1, client: step.client, root, blob } as const;
        if (this.#handle(input, torn)) this.accepted.set(step.client, blob);
        break;
      }
      case 'stale work': {
        const stale = this.results.at(-1 - step.at);
        if (stale !== undefined) this.#handle(stale, 0);
        break;
      }
      default:
        this.#work(step.kind === 'work twice' ? 2 : 1, torn);
    }
  }

  #handle(input: Parameters<TestCoordinator['handle']>[0], torn: number): boolean {
    const answer = this.coordinator.handle(input, torn);
    return answer?.ok === true;
  }

  #work(times: number, torn: number): void {
    const result = this.coordinator.result();
    if (result === undefined) return;
    this.results.push(result);
    this.coordinator.work = undefined;
    this.#handle(result, torn);
    if (times === 2 && torn === 0) this.#handle(result, 0);
  }

  #revoke(name: string): void {
    const { coordinator } = this;
    if (coordinator.state.clients.get(name)?.revoked) return;
    const open = coordinator.state.round?.phase === 'collect';
    const event = { type: 'client.revoked', body: { client: name, reason: 'stolen' } } as const;
    coordinator.take(coordinator.machine.record(event, coordinator.now));
    if (open) this.revoked.add(name);
  }

  /** What must hold at any time. */
  check(): void {
    const { coordinator } = this;
    const { round } = coordinator.state;
    for (const [name, blob] of this.accepted) {
      if (this.revoked.has(name)) continue;
      expect(round?.members.get(name), `the update of ${name}`).toMatchObject({ update: { blob } });
      if (round?.closed !== undefined) expect(round.closed.committed).toContain(name);
    }
    const events = coordinator.log.map(({ event }) => event);
    const ended = events.filter(
      ({ type }) => type === 'round.published' || type === 'round.failed',
    );
    expect(ended.length).toBeLessThanOrEqual(1);
    this.#checkCharges(events);
  }

  /** Each output has a charge of its own, made before it; noise of a process that died is not used. */
  #checkCharges(events: readonly RunEvent[]): void {
    const { noise } = this.coordinator.state.round!.policy;
    let charge: number | undefined;
    let outputs = 0;
    for (const event of events) {
      if (event.type === 'run.resumed' && noise === 'server') charge = undefined;
      if (event.type === 'privacy.reserved') charge = event.body.charge;
      if (event.type !== 'round.aggregated') continue;
      outputs++;
      expect(event.body.charge).toBe(charge);
      expect(event.body.charge === undefined).toBe(noise === 'none');
    }
    expect(outputs).toBeLessThanOrEqual(1);
  }

  /** The log alone tells the state. */
  checkLog(): void {
    const { coordinator } = this;
    expect(comparable(coordinator.refolded())).toEqual(comparable(coordinator.state));
  }

  /** Nobody does anything more: the round must end by itself, at its deadline and its limit. */
  runOut(): void {
    const { coordinator } = this;
    coordinator.now = Math.max(coordinator.now, COLLECT_MS);
    coordinator.take(coordinator.machine.tick(coordinator.now));
    expect(coordinator.state.round?.phase).not.toBe('collect');
    if (coordinator.work === undefined && !isOver(coordinator.state.round!)) coordinator.crash();
    coordinator.finish();
    expect(isOver(coordinator.state.round!)).toBe(true);
  }
}

/** A round in which the same updates arrive, one after another, and nothing happens to it. */
function undisturbed(
  policy: RoundPolicy,
  committed: readonly string[],
  model: Model,
): TestCoordinator {
  const coordinator = new TestCoordinator(beginning(CLIENTS));
  const plan = { selected: SELECTED, policy, collectMs: COLLECT_MS };
  coordinator.take(coordinator.machine.open(plan, 0));
  for (const name of committed) {
    if (!plan.selected.includes(name)) coordinator.handle({ kind: 'join', client: name });
    const { root, blob } = model.coordinator.state.round!.members.get(name)!.update!;
    const shape = { bytes: 10, chunkBytes: 10, dtype: 'F32', samples: 1 };
    coordinator.handle({ kind: 'declare', round: 1, client: name, root, ...shape });
    coordinator.handle({ kind: 'commit', round: 1, client: name, root, blob });
  }
  coordinator.finish();
  coordinator.now = COLLECT_MS;
  coordinator.take(coordinator.machine.tick(COLLECT_MS));
  coordinator.finish();
  return coordinator;
}

describe('a round under any interleaving', () => {
  test('loses no accepted update, ends, and gives what the undisturbed round gives', () => {
    const seen = { published: 0, failed: 0 };
    fc.assert(
      fc.property(policy, steps, (policy, steps) => {
        const model = new Model(policy);
        for (const step of steps) {
          model.apply(step);
          model.check();
        }
        model.checkLog();
        model.runOut();
        model.check();
        model.checkLog();
        const { closed, published, failure } = model.coordinator.state.round!;
        seen[published === undefined ? 'failed' : 'published']++;
        // Work that took too long is a disturbance of its own: there is no model to compare.
        if (failure?.code === 'stalled') return;
        const calm = undisturbed(policy, closed!.committed, model).state.round!;
        expect(calm.closed!.committed).toEqual(closed!.committed);
        expect(calm.published).toBe(published);
        expect(calm.failure).toEqual(failure);
      }),
      { seed: 20261123, numRuns: 500 },
    );
    // The steps are such that both ends occur: a test of rounds that all fail would test nothing.
    expect(seen.published).toBeGreaterThan(100);
    expect(seen.failed).toBeGreaterThan(30);
  });

  test('ends by its limit when work never comes back', () => {
    fc.assert(
      fc.property(policy, steps, (policy, steps) => {
        const model = new Model(policy);
        for (const step of steps) model.apply(step);
        const { coordinator } = model;
        coordinator.work = undefined;
        coordinator.now = Math.max(coordinator.now, COLLECT_MS);
        coordinator.take(coordinator.machine.tick(coordinator.now));
        coordinator.now += PROCESSING_MS;
        coordinator.take(coordinator.machine.tick(coordinator.now));
        expect(isOver(coordinator.state.round!)).toBe(true);
        expect(coordinator.machine.due).toBeUndefined();
      }),
      { seed: 20261124, numRuns: 100 },
    );
  });
});
