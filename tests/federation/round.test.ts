import { describe, expect, test } from 'vitest';
import type { RoundPolicy } from '../../src/federation/events.ts';
import type { Answer } from '../../src/federation/round-io.ts';
import {
  beginning,
  clientNames,
  hashOf,
  policyOf,
  TestCoordinator,
} from '../support/federation.ts';

const TEN = clientNames(10);
const NAMES = [...TEN].sort();

function opened(
  policy: Partial<RoundPolicy> = {},
  selected: readonly string[] = TEN,
): TestCoordinator {
  const coordinator = new TestCoordinator(beginning(TEN));
  const plan = { selected, policy: policyOf(selected.length, policy), collectMs: 60_000 };
  coordinator.take(coordinator.machine.open(plan, 0));
  return coordinator;
}

/** An update whose blob does not begin with 0 or 1, so that the tests' screen lets it pass. */
function updateOf(client: string): { root: string; blob: string } {
  return { root: hashOf(`root ${client}`), blob: `f${hashOf(client).slice(1)}` };
}

function declare(coordinator: TestCoordinator, client: string, root = updateOf(client).root) {
  const shape = { bytes: 100, chunkBytes: 50, dtype: 'F16', samples: 3 };
  return coordinator.handle({ kind: 'declare', round: 1, client, root, ...shape });
}

function send(coordinator: TestCoordinator, client: string): Answer | undefined {
  declare(coordinator, client);
  return coordinator.handle({ kind: 'commit', round: 1, client, ...updateOf(client) });
}

function typesOf({ log }: TestCoordinator): string[] {
  return log.map(({ event }) => event.type).filter((type) => /^(round|privacy)/.test(type));
}

describe('a round', () => {
  test('goes its way once all have sent', () => {
    const coordinator = opened();
    for (const client of TEN)
      expect(send(coordinator, client)).toEqual({ ok: true, repeated: false });
    expect(coordinator.work).toMatchObject({ kind: 'screen', round: 1 });
    coordinator.finish();
    expect(typesOf(coordinator)).toEqual([
      'round.opened',
      'round.closed',
      'round.screened',
      'round.aggregated',
      'round.published',
    ]);
    expect(coordinator.machine.status(0).text).toBe('round 1: published, of 10 updates');
    const rows = NAMES.map((client) => ({
      clients: [client],
      blob: updateOf(client).blob,
      samples: 3,
    }));
    const model = hashOf([hashOf('model 0'), hashOf(rows)]);
    expect(coordinator.state).toMatchObject({ model, published: 1 });
  });

  test('says what it waits for', () => {
    const coordinator = opened({ quorum: 8 });
    for (const client of TEN.filter((name) => !['c-4', 'c-9', 'c-10'].includes(name))) {
      send(coordinator, client);
    }
    expect(coordinator.machine.status(19_001)).toEqual({
      round: 1,
      phase: 'collect',
      updates: 7,
      wanted: 10,
      quorum: 8,
      members: 10,
      missing: ['c-10', 'c-4', 'c-9'],
      msLeft: 40_999,
      text: 'round 1: 7 of 10 updates, need 8, 41 s left, missing: c-10 c-4 c-9',
    });
  });

  test('closes with as many as it wants, and refuses the next one with a reason', () => {
    const coordinator = opened({ wanted: 8, closing: 'wanted' });
    for (const client of TEN.slice(0, 7)) send(coordinator, client);
    expect(coordinator.state.round?.phase).toBe('collect');
    send(coordinator, 'c-8');
    expect(coordinator.state.round?.closed).toEqual({
      reason: 'wanted',
      committed: NAMES.filter((name) => name !== 'c-9' && name !== 'c-10'),
      missing: ['c-10', 'c-9'],
    });
    expect(send(coordinator, 'c-9')).toEqual({
      ok: false,
      code: 'round-over',
      status: 409,
      reason: 'round 1 takes no more updates',
    });
    // Whoever lost the answer to an update that was accepted still gets it.
    expect(send(coordinator, 'c-8')).toEqual({ ok: true, repeated: true });
  });

  test('fails at its deadline below its quorum, and the next one begins with the same model', () => {
    const coordinator = opened({ quorum: 3 });
    send(coordinator, 'c-1');
    send(coordinator, 'c-2');
    expect(coordinator.machine.due).toBe(60_000);
    coordinator.now = 59_999;
    coordinator.take(coordinator.machine.tick(59_999));
    expect(coordinator.state.round?.phase).toBe('collect');
    coordinator.take(coordinator.machine.tick(60_000));
    expect(coordinator.machine.status(60_000).text).toBe(
      'round 1: failed, too-few: 2 updates, where 3 are the fewest',
    );
    coordinator.take(
      coordinator.machine.open({ selected: TEN, policy: policyOf(10), collectMs: 5 }, 60_001),
    );
    expect(coordinator.state).toMatchObject({ model: hashOf('model 0'), failuresInARow: 1 });
    expect(coordinator.state.round).toMatchObject({ round: 2, deadline: 60_006 });
    expect(declare(coordinator, 'c-1')).toMatchObject({ ok: false, code: 'wrong-round' });
  });

  test('fails all the same if the process died between its closing and what follows from it', () => {
    const short = opened({ quorum: 3 });
    send(short, 'c-1');
    short.now = 60_000;
    short.take(short.machine.tick(60_000), 1);
    expect(typesOf(short)).toEqual(['round.opened', 'round.closed', 'round.failed']);
    expect(short.state.round?.failure?.code).toBe('too-few');
    const screened = opened({ quorum: 10 });
    for (const client of TEN) send(screened, client);
    const excluded = [{ client: 'c-3', reason: 'its norm is 10⁹' }];
    screened.handle({ kind: 'screened', round: 1, excluded }, 1);
    expect(screened.state.round?.failure?.code).toBe('screened-out');
    expect(typesOf(screened).slice(2)).toEqual(['round.screened', 'round.failed']);
  });

  test('does not wait for whoever leaves, is revoked, or is refused too often', () => {
    const coordinator = opened({}, ['c-1', 'c-2', 'c-3', 'c-4']);
    send(coordinator, 'c-1');
    coordinator.handle({ kind: 'leave', client: 'c-2', reason: 'low battery' });
    const revoked = { type: 'client.revoked', body: { client: 'c-3', reason: 'stolen' } } as const;
    coordinator.take(coordinator.machine.record(revoked, 0));
    const why = { code: 'bad-root', status: 422, reason: 'the chunks have another root' };
    for (let i = 0; i < 9; i++) {
      const answer = coordinator.handle({ kind: 'refuse', round: 1, client: 'c-4', ...why });
      expect(answer).toEqual({ ok: false, ...why });
    }
    expect(coordinator.log.filter(({ event }) => event.type === 'update.refused')).toHaveLength(4);
    expect(coordinator.state.round?.closed).toMatchObject({
      reason: 'complete',
      committed: ['c-1'],
      missing: ['c-2', 'c-3', 'c-4'],
    });
  });

  test('takes another update than the one that was declared first, but not than the accepted one', () => {
    const coordinator = opened();
    declare(coordinator, 'c-1', hashOf('before the crash'));
    const early = coordinator.handle({
      kind: 'commit',
      round: 1,
      client: 'c-1',
      ...updateOf('c-1'),
    });
    expect(early).toMatchObject({ ok: false, code: 'not-declared', status: 409 });
    expect(send(coordinator, 'c-1')).toEqual({ ok: true, repeated: false });
    expect(declare(coordinator, 'c-1', hashOf('another'))).toMatchObject({
      ok: false,
      code: 'already-committed',
    });
    for (let i = 0; i < 4; i++) declare(coordinator, 'c-2', hashOf(i));
    expect(declare(coordinator, 'c-2', hashOf(4))).toMatchObject({
      ok: false,
      code: 'too-many-attempts',
      status: 429,
    });
  });

  test('tells strangers, the revoked, the expired and the unselected apart', () => {
    const selected = TEN.slice(0, 3);
    const coordinator = opened({}, selected);
    const record = (event: Parameters<typeof coordinator.machine.record>[0]) =>
      coordinator.take(coordinator.machine.record(event, 0));
    const key = hashOf('late');
    record({
      type: 'client.registered',
      body: { client: 'c-late', key, enrolment: 'open', expires: 100 },
    });
    record({ type: 'client.revoked', body: { client: 'c-2', reason: 'stolen' } });
    const code = (client: string): string | undefined => {
      const answer = declare(coordinator, client);
      return answer?.ok === false ? answer.code : undefined;
    };
    expect(code('c-0')).toBe('unknown-client');
    expect(code('c-2')).toBe('revoked');
    expect(code('c-9')).toBe('not-selected');
    coordinator.now = 100;
    expect(code('c-late')).toBe('expired');
  });

  test('lets late ones in while there is room, if its policy says so, and waits for them', () => {
    const coordinator = opened({ lateJoin: true, capacity: 4, wanted: 3 }, ['c-1', 'c-2', 'c-3']);
    for (const client of ['c-1', 'c-2', 'c-3']) send(coordinator, client);
    expect(coordinator.machine.status(0).text).toBe(
      'round 1: 3 of 3 updates, need 1, 60 s left, waiting for others to join',
    );
    expect(coordinator.handle({ kind: 'join', client: 'c-8' })).toMatchObject({ ok: true });
    expect(coordinator.handle({ kind: 'join', client: 'c-9' })).toMatchObject({ code: 'full' });
    send(coordinator, 'c-8');
    expect(coordinator.state.round?.closed?.committed).toEqual(['c-1', 'c-2', 'c-3', 'c-8']);
  });

  test('does not let in late who is in quarantine', () => {
    const coordinator = opened({ lateJoin: true, capacity: 4, wanted: 3 }, ['c-1', 'c-2', 'c-3']);
    for (const kind of ['far-from-neighbours', 'bad-signature']) {
      const body = { client: 'c-8', round: 1, kind, weight: 1, reason: 'as an example' };
      coordinator.take(coordinator.machine.record({ type: 'client.penalised', body }, 0));
    }
    expect(coordinator.handle({ kind: 'join', client: 'c-8' })).toMatchObject({
      ok: false,
      code: 'quarantined',
      reason: expect.stringContaining('far-from-neighbours'),
    });
  });

  test('is not undone by a clock that was put back', () => {
    const coordinator = opened();
    send(coordinator, 'c-1');
    coordinator.take(coordinator.machine.tick(60_000));
    coordinator.now = 5;
    expect(send(coordinator, 'c-2')).toMatchObject({ ok: false, code: 'round-over' });
    expect(coordinator.log.at(-1)?.time).toBe(60_000);
  });

  test('gives work that takes too long up, but not for the time that no process was there', () => {
    const coordinator = opened({ processingMs: 1000 });
    for (const client of TEN) send(coordinator, client);
    coordinator.now = 3_600_000;
    coordinator.crash();
    expect(coordinator.work).toMatchObject({ kind: 'screen' });
    expect(coordinator.machine.due).toBe(3_601_000);
    coordinator.take(coordinator.machine.tick(3_601_000));
    expect(coordinator.machine.status(0).text).toBe(
      'round 1: failed, stalled: screening them took longer than 1000 ms',
    );
  });
});

describe('a private round', () => {
  const CHARGED = ['round.screened', 'privacy.reserved', 'round.aggregated', 'round.published'];

  test('is charged before noise is drawn, and counts those without an update', () => {
    const coordinator = opened({ noise: 'server', quorum: 0 });
    send(coordinator, 'c-1');
    coordinator.now = 60_000;
    coordinator.take(coordinator.machine.tick(60_000));
    coordinator.handle(coordinator.result()!);
    expect(coordinator.work).toEqual({ kind: 'account', round: 1 });
    coordinator.handle(coordinator.result()!);
    expect(coordinator.work).toMatchObject({ kind: 'aggregate', cohort: NAMES, charge: 0 });
    coordinator.finish();
    expect(typesOf(coordinator).slice(2)).toEqual(CHARGED);
  });

  test('goes on with nobody at all, since who takes part is not to be seen', () => {
    const coordinator = opened({ noise: 'server', quorum: 0, wanted: 0, capacity: 0 }, []);
    coordinator.finish();
    expect(coordinator.state.round?.phase).toBe('done');
  });

  test('never releases noise of a process that died, and is charged anew', () => {
    const coordinator = opened({ noise: 'server' });
    for (const client of TEN) send(coordinator, client);
    coordinator.handle(coordinator.result()!);
    coordinator.handle(coordinator.result()!);
    const old = coordinator.result()!;
    coordinator.crash();
    expect(coordinator.work).toEqual({ kind: 'account', round: 1 });
    coordinator.handle(coordinator.result()!);
    expect(coordinator.work).toMatchObject({ kind: 'aggregate', charge: 1 });
    coordinator.handle(old);
    expect(coordinator.state.round).toMatchObject({ phase: 'aggregate', charge: 1 });
  });

  test('publishes after a crash what was stored, under the charge that it has', () => {
    const coordinator = opened({ noise: 'server' });
    for (const client of TEN) send(coordinator, client);
    for (let i = 0; i < 3; i++) coordinator.handle(coordinator.result()!);
    const aggregate = coordinator.state.round!.aggregate!;
    coordinator.crash();
    expect(coordinator.work).toEqual({
      kind: 'publish',
      round: 1,
      model: hashOf('model 0'),
      aggregate,
    });
    coordinator.finish();
    expect(typesOf(coordinator).slice(2)).toEqual(CHARGED);
  });

  test('with noise of clients is charged before a sum is unmasked, and keeps its charge', () => {
    const coordinator = opened({ noise: 'clients', secure: true });
    for (const client of TEN) send(coordinator, client);
    coordinator.handle(coordinator.result()!);
    expect(coordinator.work).toEqual({ kind: 'account', round: 1 });
    coordinator.handle(coordinator.result()!);
    expect(coordinator.work).toMatchObject({ kind: 'unmask', clients: NAMES });
    coordinator.crash();
    coordinator.finish();
    expect(typesOf(coordinator).slice(3)).toEqual([
      'privacy.reserved',
      'round.unmasked',
      'round.aggregated',
      'round.published',
    ]);
  });

  test('ends with a reason if the budget is used up', () => {
    const coordinator = opened({ noise: 'server' });
    for (const client of TEN) send(coordinator, client);
    coordinator.handle(coordinator.result()!);
    const reason = 'ε would be 8.2, and 8 is the budget';
    coordinator.handle({ kind: 'broke', round: 1, phase: 'account', code: 'over-budget', reason });
    expect(coordinator.state.round?.failure).toEqual({ code: 'over-budget', reason });
  });
});

describe('a plan', () => {
  const open =
    (policy: Partial<RoundPolicy>, selected: readonly string[] = TEN) =>
    () =>
      opened(policy, selected);

  test.each([
    ['a quorum above what is wanted', { quorum: 11 }, /quorum must be in \[0, 10\], got 11/],
    ['more wanted than members', { wanted: 11 }, /wanted must be in \[0, 10\], got 11/],
    ['noise of clients without masks', { noise: 'clients' }, /noise in shares .* masked updates/],
  ] as const)('is refused for %s', (_, policy, message) => {
    expect(open(policy)).toThrow(message);
  });

  test('is refused for a stranger, and while a round goes on', () => {
    expect(open({}, ['c-1', 'c-77'])).toThrow('c-77 is not registered');
    const plan = { selected: TEN, policy: policyOf(10), collectMs: 1 };
    expect(() => opened().machine.open(plan, 0)).toThrow('round 1 goes on');
  });
});
