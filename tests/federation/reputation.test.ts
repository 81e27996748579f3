import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Reputation,
  type ReputationOptions,
  shareOfGroup,
} from '../../src/federation/reputation.ts';

function evidence(client: string, weight = 1) {
  return { client, kind: 'far-from-neighbours', weight, reason: 'farther than 9 of 10 others' };
}

describe('reputation', () => {
  test('is 1 for whoever nothing is held against, e^−w after evidence of weight w', () => {
    const ledger = new Reputation();
    expect(ledger.trust('c-1')).toBe(1);
    ledger.hold(evidence('c-1', 0.25));
    expect(ledger.trust('c-1')).toBe(Math.exp(-0.25));
    expect(ledger.trust('c-2')).toBe(1);
  });

  test('fades by half over its half-life, and by a share more in rounds without evidence', () => {
    const ledger = new Reputation({ halfLife: 4, recovery: 0.5 });
    ledger.hold(evidence('idle', 1));
    ledger.hold(evidence('active', 1));
    ledger.advance(4);
    expect(-Math.log(ledger.trust('idle'))).toBeCloseTo(0.5, 12);
    ledger.tookPart('active');
    expect(-Math.log(ledger.trust('active'))).toBeCloseTo(0.25, 12);
    // Whoever has something held against it in a round does not recover by taking part in it.
    ledger.hold(evidence('active', 0.1));
    ledger.tookPart('active');
    expect(-Math.log(ledger.trust('active'))).toBeCloseTo(0.35, 12);
  });

  test('counts an item and a round up to their caps', () => {
    const ledger = new Reputation({ itemCap: 1, roundCap: 1.5 });
    expect(ledger.hold(evidence('c-1', 1000))).toBe(1);
    expect(ledger.hold(evidence('c-1', 1000))).toBe(0.5);
    expect(ledger.hold(evidence('c-1', 1000))).toBe(0);
    ledger.advance(1);
    expect(ledger.hold(evidence('c-1', 1000))).toBe(1);
  });

  test('puts into quarantine below its threshold, and releases after time and recovery', () => {
    const ledger = new Reputation({
      halfLife: 2,
      quarantineBelow: 0.3,
      releaseAt: 0.45,
      quarantineRounds: 3,
    });
    ledger.hold(evidence('c-1'));
    expect(ledger.isQuarantined('c-1')).toBe(false); // e^−1 = 0.37
    ledger.hold(evidence('c-1'));
    expect(ledger.isQuarantined('c-1')).toBe(true); // e^−2 = 0.14
    // h = 2·2^(−r/2): trust 0.24, 0.37, 0.49, 0.61 after 1, 2, 3, 4 rounds; it was last below 0.3 in 1.
    const states = [1, 2, 3, 4].map((round) => {
      ledger.advance(round);
      return ledger.isQuarantined('c-1');
    });
    expect(states).toEqual([true, true, true, false]);
  });

  test('never rises by more evidence, nor ends a quarantine sooner', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('round' as const) }),
      fc.record({ kind: fc.constant('took part' as const) }),
      fc.record({
        kind: fc.constant('evidence' as const),
        weight: fc.double({ min: 0.01, max: 3, noNaN: true }),
        extra: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const options = { halfLife: 3, quarantineRounds: 4, recovery: 0.3 };
        const [less, more] = [new Reputation(options), new Reputation(options)];
        for (const [i, one] of steps.entries()) {
          for (const ledger of [less, more]) {
            if (one.kind === 'round') ledger.advance(ledger.round + 1);
            if (one.kind === 'took part') ledger.tookPart('c');
            if (one.kind !== 'evidence' || (one.extra && ledger === less)) continue;
            ledger.hold(evidence('c', one.weight));
          }
          // The same sums in another order: equal up to rounding.
          expect(more.trust('c'), `step ${i}`).toBeLessThanOrEqual(less.trust('c') + 1e-12);
          if (less.isQuarantined('c')) expect(more.isQuarantined('c'), `step ${i}`).toBe(true);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  test('keeps a bounded number of items, and forgets clients whose harm has faded', () => {
    const ledger = new Reputation({ halfLife: 1 });
    for (let i = 0; i < 100; i++)
      ledger.hold({ ...evidence('c-1', 0.1), reason: 'x'.repeat(10_000) });
    const { items, recent } = ledger.standing('c-1');
    expect(items).toBe(100);
    expect(recent).toHaveLength(8);
    expect(recent[0]!.reason.length).toBeLessThanOrEqual(200);
    ledger.advance(100);
    expect(ledger.clients).toEqual([]);
  });

  test('explains itself', () => {
    const ledger = new Reputation();
    expect(ledger.explain('c-1')).toBe('c-1: trust 1, nothing is held against it');
    ledger.advance(3);
    ledger.hold(evidence('c-1', 0.5));
    ledger.advance(4);
    ledger.hold({ client: 'c-1', kind: 'late', weight: 0.1, reason: 'came after the deadline' });
    expect(ledger.explain('c-1')).toBe(
      'c-1: trust 0.57; 2 items, of which round 3 far-from-neighbours: farther than 9 of 10 others; ' +
        'round 4 late: came after the deadline',
    );
  });

  test('gives selections a weight that shuts nobody out', () => {
    const ledger = new Reputation({ roundCap: 50, itemCap: 50, leastWeight: 0.2 });
    ledger.hold(evidence('c-1', 50));
    expect(ledger.weight('c-1')).toBe(0.2);
    expect(ledger.weight('c-2')).toBe(1);
  });

  test('shares what is held against a group', () => {
    const group = { kind: 'far-group', weight: 1, reason: 'its mean is far' };
    expect(shareOfGroup(['a', 'b'], group)).toEqual([
      { client: 'a', kind: 'far-group', weight: 0.5, reason: 'its group of 2: its mean is far' },
      { client: 'b', kind: 'far-group', weight: 0.5, reason: 'its group of 2: its mean is far' },
    ]);
  });

  test.each([
    [{ halfLife: 0 }, 'halfLife must be above 0, got 0'],
    [{ recovery: 1 }, 'recovery must be at least 0 and below 1, got 1'],
    [{ releaseAt: 0.1 }, 'releaseAt must be above 0.3 and at most 1, got 0.1'],
    [{ roundCap: 0.5 }, 'roundCap must be at least 1, got 0.5'],
    [{ leastWeight: Number.NaN }, 'leastWeight must be a finite number, got NaN'],
    [{ halfLive: 3 }, 'there is no option "halfLive"'],
  ])('refuses %j', (options, message) => {
    expect(() => new Reputation(options as ReputationOptions)).toThrow(message);
    expect(() => new Reputation().hold(evidence('c', Number.NaN))).toThrow(
      'weight must be above 0',
    );
  });
});
