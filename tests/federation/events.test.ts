import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/core/errors.ts';
import {
  EVENT_TYPES,
  MAX_REASON,
  parseEvent,
  type RunEvent,
  shortReason,
} from '../../src/federation/events.ts';
import { emptyRun, fold, foldAll } from '../../src/federation/run-state.ts';
import { beginning, clientNames, comparable, hashOf, policyOf } from '../support/federation.ts';

const OPENED = {
  round: 1,
  model: hashOf('model 0'),
  selected: ['c-1', 'c-2'],
  excluded: [],
  deadline: 100,
  policy: policyOf(2),
};

function refusal(type: string, body: unknown): string {
  try {
    parseEvent(type, body);
  } catch (cause) {
    expect(cause).toBeInstanceOf(FormatError);
    return `${(cause as FormatError).code}: ${(cause as FormatError).message}`;
  }
  return 'no refusal';
}

describe('an event', () => {
  test('is read as it was written', () => {
    const body: unknown = JSON.parse(JSON.stringify(OPENED));
    expect(parseEvent('round.opened', body)).toEqual({ type: 'round.opened', body: OPENED });
  });

  test('of an unknown type is refused, one out of the prototype too', () => {
    expect(refusal('round.paused', {})).toBe('unsupported: no event is of type "round.paused"');
    expect(refusal('toString', {})).toMatch(/^unsupported/);
  });

  test.each([
    ['an unknown field', { ...OPENED, colour: 'red' }, /round\.opened: Unrecognized key: "colour"/],
    [
      'an unknown field below',
      { ...OPENED, policy: { ...OPENED.policy, x: 1 } },
      /opened\.policy:/,
    ],
    ['a missing field', { ...OPENED, deadline: undefined }, /round\.opened\.deadline:/],
    ['another kind', { ...OPENED, round: '1' }, /round\.opened\.round:/],
    [
      'clients out of order',
      { ...OPENED, selected: ['c-2', 'c-1'] },
      /selected: must be ascending/,
    ],
    ['a client twice', { ...OPENED, selected: ['c-1', 'c-1'] }, /selected: must be ascending/],
    ['a path for a hash', { ...OPENED, model: '../../etc/passwd' }, /model: must be 64/],
    ['nothing', null, /round\.opened:/],
  ])('with %s is refused, and the message says where', (_, body, message) => {
    expect(refusal('round.opened', body)).toMatch(message);
    expect(refusal('round.opened', body)).toMatch(/^malformed/);
  });

  test('holds a long reason cut to what it may be', () => {
    const reason = shortReason('x'.repeat(2 * MAX_REASON));
    expect(reason).toHaveLength(MAX_REASON);
    const body = { client: 'c-1', reason };
    expect(parseEvent('client.revoked', body)).toEqual({ type: 'client.revoked', body });
  });

  test('does not reach the prototype through attributes', () => {
    const body: unknown = JSON.parse(
      `{"client":"c-1","key":"${hashOf(1)}","enrolment":"open","attributes":{"__proto__":"x","site":"b"}}`,
    );
    const { attributes } = (parseEvent('client.registered', body) as RunEvent<'client.registered'>)
      .body;
    expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype);
    expect(attributes?.site).toBe('b');
  });

  test('of any type refuses a field too many', () => {
    for (const type of EVENT_TYPES) expect(refusal(type, { zzz: 1 })).toMatch(/^malformed/);
  });
});

describe('fold', () => {
  const start = () => foldAll(emptyRun(), beginning(clientNames(2)));

  test.each([
    [
      'a second beginning',
      { type: 'run.created', body: { version: 1, run: 'r', config: hashOf(1) } },
    ],
    ['a second first model', { type: 'run.opened', body: { model: hashOf(2) } }],
    ['a second first model', { type: 'run.opened', body: { model: hashOf(2) } }],
    ['a stranger', { type: 'client.revoked', body: { client: 'c-9', reason: '' } }],
    ['a round that is not the next', { type: 'round.opened', body: { ...OPENED, round: 2 } }],
    ['another model', { type: 'round.opened', body: { ...OPENED, model: hashOf('old') } }],
    ['an end without a round', { type: 'round.published', body: { round: 1, model: hashOf(1) } }],
    [
      'a rotation from a key that it is not',
      {
        type: 'client.key-rotated',
        body: { client: 'c-1', previous: hashOf('other'), key: hashOf('new') },
      },
    ],
  ] as const)('refuses %s, and changes nothing', (_, event) => {
    const state = start();
    const before = JSON.stringify(comparable(state));
    expect(() => fold(state, { time: 5, event })).toThrow(/cannot follow/);
    expect(JSON.stringify(comparable(state))).toBe(before);
  });

  test('refuses an update after the closing, and a round that is published twice', () => {
    const state = start();
    const add = (type: string, body: unknown) =>
      fold(state, { time: 1, event: parseEvent(type, body) });
    add('round.opened', OPENED);
    const declared = { bytes: 1, chunkBytes: 1, dtype: 'F32', samples: 1, root: hashOf('r') };
    add('update.declared', { round: 1, client: 'c-1', ...declared });
    const update = { blob: hashOf('b'), root: hashOf('r'), samples: 1 };
    add('update.committed', { round: 1, client: 'c-1', ...update });
    const closed = { round: 1, reason: 'deadline', committed: ['c-1'], missing: ['c-2'] };
    expect(() =>
      add('round.closed', { ...closed, committed: [], missing: ['c-1', 'c-2'] }),
    ).toThrow('others have committed');
    add('round.closed', closed);
    expect(() => add('update.declared', { round: 1, client: 'c-2', ...declared })).toThrow(
      'event update.declared of round 1 cannot follow: round 1 is in phase screen',
    );
    add('round.screened', { round: 1, kept: ['c-1'], excluded: [] });
    add('round.aggregated', { round: 1, blob: hashOf('sum') });
    add('round.published', { round: 1, model: hashOf('model 1') });
    expect(() => add('round.published', { round: 1, model: hashOf('model 1') })).toThrow(
      'phase done',
    );
  });

  test('refuses an output under another charge than its own, and a charge that is not above all before', () => {
    const state = start();
    const add = (type: string, body: unknown) =>
      fold(state, { time: 1, event: parseEvent(type, body) });
    const round = (number: number, model: string) => {
      const policy = policyOf(0, { noise: 'server', quorum: 0 });
      add('round.opened', { ...OPENED, round: number, model, selected: [], policy });
      add('round.closed', { round: number, reason: 'complete', committed: [], missing: [] });
      add('round.screened', { round: number, kept: [], excluded: [] });
    };
    round(1, hashOf('model 0'));
    add('privacy.reserved', { round: 1, charge: 7, epsilon: 1 });
    expect(() => add('round.aggregated', { round: 1, blob: hashOf(1) })).toThrow('under charge 7');
    expect(() => add('round.aggregated', { round: 1, blob: hashOf(1), charge: 6 })).toThrow(
      'charge 7',
    );
    add('round.aggregated', { round: 1, blob: hashOf(1), charge: 7 });
    add('round.published', { round: 1, model: hashOf('model 1') });
    round(2, hashOf('model 1'));
    expect(() => add('privacy.reserved', { round: 2, charge: 7, epsilon: 2 })).toThrow('above all');
  });
});
