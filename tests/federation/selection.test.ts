import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { emptyRun, fold, foldAll } from '../../src/federation/run-state.ts';
import {
  type Candidate,
  candidatesOf,
  type SelectionScheme,
  select,
} from '../../src/federation/selection.ts';
import type { Secrecy } from '../../src/privacy/sampling.ts';
import { beginning, clientNames, hashOf } from '../support/federation.ts';

const SECRET: Secrecy = {
  selection: 'uniform',
  closing: 'all',
  participation: 'hidden',
  adversary: 'outsider',
  reason: 'nobody but the server sees who is asked',
};

function candidates(weights: readonly number[]): Candidate[] {
  return weights.map((weight, i) => ({ client: `c-${i}`, weight }));
}

const TEN = candidates(Array.from({ length: 10 }, () => 1));

function draw(scheme: SelectionScheme, seed: number, all: readonly Candidate[] = TEN) {
  return select(all, { scheme, random: createRandom(seed), secrecy: SECRET });
}

/** How often each candidate is in, over draws from one stream. */
function counts(all: readonly Candidate[], scheme: SelectionScheme, draws: number): number[] {
  const random = createRandom(20261123);
  const index = new Map(all.map(({ client }, i) => [client, i]));
  const found = all.map(() => 0);
  for (let i = 0; i < draws; i++) {
    for (const client of select(all, { scheme, random, secrecy: SECRET }).selected) {
      found[index.get(client)!]!++;
    }
  }
  return found;
}

/**
 * So many standard deviations that a binomial count leaves them with chance 10⁻⁷ at most. Each test looks
 * at 10 counts at most: its level is 10⁻⁶.
 */
const DEVIATIONS = 5.4;

function expectCounts(found: readonly number[], chances: readonly number[], draws: number): void {
  for (const [i, chance] of chances.entries()) {
    const deviation = Math.sqrt(draws * chance * (1 - chance));
    expect(Math.abs(found[i]! - draws * chance)).toBeLessThan(DEVIATIONS * deviation);
  }
}

/** Chances to be among k that are drawn one after another, in proportion to the weights left. */
function chancesOf(weights: readonly number[], k: number): number[] {
  const chances = weights.map(() => 0);
  const visit = (left: ReadonlySet<number>, chance: number, draws: number): void => {
    if (draws === 0) return;
    const total = [...left].reduce((sum, i) => sum + weights[i]!, 0);
    for (const i of left) {
      const next = (chance * weights[i]!) / total;
      chances[i]! += next;
      visit(new Set([...left].filter((j) => j !== i)), next, draws - 1);
    }
  };
  visit(new Set(weights.keys()), 1, k);
  return chances;
}

describe('a selection', () => {
  const schemes: SelectionScheme[] = [
    { kind: 'everybody' },
    { kind: 'uniform', count: 4 },
    { kind: 'poisson', rate: 0.4 },
    { kind: 'reputation', count: 4 },
  ];

  test.each(schemes)(
    'by $kind depends on the stream alone, not on the order of candidates',
    (scheme) => {
      expect(draw(scheme, 7)).toEqual(draw(scheme, 7, TEN.toReversed()));
      const { selected } = draw(scheme, 7);
      expect(selected).toEqual([...selected].sort());
    },
  );

  test('of everybody asks everybody', () => {
    expect(draw({ kind: 'everybody' }, 1).selected).toHaveLength(10);
  });

  test('asks more than it needs where some will drop out, and never more than there are', () => {
    const options = { random: createRandom(1), secrecy: SECRET };
    const scheme = { kind: 'uniform', count: 4 } as const;
    const asked = (overSelection: number) => select(TEN, { ...options, scheme, overSelection });
    expect(asked(1).selected).toHaveLength(4);
    expect(asked(1.3).selected).toHaveLength(6);
    expect(asked(10).selected).toHaveLength(10);
    expect(() => asked(0.5)).toThrow('overSelection must be in [1, 10], got 0.5');
  });

  test('is uniform: 20,000 draws of 3 of 10, at level 10⁻⁶', () => {
    const found = counts(TEN, { kind: 'uniform', count: 3 }, 20_000);
    expectCounts(
      found,
      TEN.map(() => 0.3),
      20_000,
    );
  });

  test('by coins has the rate for each: 20,000 draws, at level 10⁻⁶', () => {
    const found = counts(TEN, { kind: 'poisson', rate: 0.15 }, 20_000);
    expectCounts(
      found,
      TEN.map(() => 0.15),
      20_000,
    );
  });

  test('by reputation is that of successive draws: 40,000 draws of 2 of 5, at level 10⁻⁶', () => {
    const weights = [1, 1, 0.5, 0.2, 0.1];
    const chances = chancesOf(weights, 2);
    const found = counts(candidates(weights), { kind: 'reputation', count: 2 }, 40_000);
    expectCounts(found, chances, 40_000);
    // By hand: 1/2.8 at first, then 1/1.8, 1/2.3, 1/2.6 or 1/2.7 after each of the others.
    const second = 1 / 2.8 / 1.8 + 0.5 / 2.8 / 2.3 + 0.2 / 2.8 / 2.6 + 0.1 / 2.8 / 2.7;
    expect(chances[0]).toBeCloseTo(1 / 2.8 + second, 12);
    // Not in proportion to weight: ten times the weight is less than ten times the chance.
    expect(chances[0]! / chances[4]!).toBeLessThan(8);
  });

  test('counts for accounting only where nothing but chance decides and nobody sees it', () => {
    expect(draw({ kind: 'uniform', count: 4 }, 1).sampling).toEqual({
      kind: 'without-replacement',
      population: 10,
      cohort: 4,
    });
    expect(draw({ kind: 'poisson', rate: 0.5 }, 1).sampling).toEqual({
      kind: 'poisson',
      rate: 0.5,
    });
    const weighted = draw({ kind: 'reputation', count: 4 }, 1);
    expect(weighted.sampling).toEqual({ kind: 'none' });
    expect(weighted.because).toMatch(/no gain by sampling, as selection is weighted/);
    const options = { scheme: { kind: 'uniform', count: 4 }, random: createRandom(1) } as const;
    const quorum = select(TEN, { ...options, secrecy: { ...SECRET, closing: 'quorum' } });
    expect(quorum.sampling).toEqual({ kind: 'none' });
  });

  test('refuses a candidate twice, and a weight that is none', () => {
    const scheme = { kind: 'reputation', count: 1 } as const;
    expect(() => draw(scheme, 1, [TEN[0]!, TEN[0]!])).toThrow('c-0 is there twice');
    for (const weight of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => draw(scheme, 1, [{ client: 'c', weight }])).toThrow(/weight of c must be in/);
    }
  });
});

describe('candidates', () => {
  const state = foldAll(emptyRun(), beginning(clientNames(4)));
  const penalty = { round: 0, weight: 1, reason: 'an example' };
  for (const kind of ['a', 'b']) {
    const body = { client: 'c-2', kind, ...penalty };
    fold(state, { time: 0, event: { type: 'client.penalised', body } });
  }
  fold(state, {
    time: 0,
    event: { type: 'client.penalised', body: { client: 'c-3', kind: 'a', ...penalty } },
  });
  fold(state, {
    time: 0,
    event: { type: 'client.revoked', body: { client: 'c-4', reason: 'stolen' } },
  });
  const late = {
    client: 'c-5',
    key: hashOf(5),
    enrolment: 'open',
    expires: 10,
    attributes: { site: 'b' },
  } as const;
  fold(state, { time: 0, event: { type: 'client.registered', body: late } });

  test('are the enrolled, without whom too much is held against', () => {
    const { candidates, excluded } = candidatesOf(state, { now: 9, reputation: true });
    expect(candidates).toEqual([
      { client: 'c-1', weight: 1 },
      { client: 'c-3', weight: Math.exp(-1) },
      { client: 'c-5', weight: 1 },
    ]);
    expect(excluded.map(({ client }) => client)).toEqual(['c-2']);
    expect(excluded[0]?.reason).toMatch(/^c-2: trust 0\.14, in quarantine/);
  });

  test('do not depend on reputation where it may not count', () => {
    const { candidates, excluded } = candidatesOf(state, { now: 10, reputation: false });
    expect(candidates.map(({ client }) => client)).toEqual(['c-1', 'c-2', 'c-3']);
    expect(new Set(candidates.map(({ weight }) => weight))).toEqual(new Set([1]));
    expect(excluded).toEqual([]);
  });

  test('are those that a condition admits, of those that are there', () => {
    const where = (_: string, { attributes }: { attributes: Readonly<Record<string, string>> }) =>
      attributes.site === 'b';
    const found = candidatesOf(state, {
      now: 0,
      reputation: true,
      where,
      among: ['c-5', 'c-1', 'x'],
    });
    expect(found.candidates).toEqual([{ client: 'c-5', weight: 1 }]);
  });
});
