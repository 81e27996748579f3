/**
 * Nothing is released that was not charged, whatever is asked of a ledger in whatever order, and
 * whenever its storage fails.
 *
 * @module
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PrivacyError } from '../../../src/core/errors.ts';
import type { Charge, Ledger } from '../../../src/privacy/ledger/ledger.ts';
import { openLedger } from '../../../src/privacy/ledger/ledger.ts';
import { MemoryStorage } from '../../../src/privacy/ledger/storage.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { DETAILS, gaussian } from './support.ts';

const BUDGET = { epsilon: 2, delta: 1e-5 };

/** What somebody does: `which` is a charge out of those that were given. */
type Act =
  | { readonly kind: 'reserve'; readonly noise: number }
  | { readonly kind: 'draw' | 'commit'; readonly which: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'reopen' };

const acts: fc.Arbitrary<Act[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('reserve' as const),
        noise: fc.double({ min: 2, max: 40, noNaN: true }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom('draw' as const, 'commit' as const),
        which: fc.nat(20),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Act>({ kind: 'fail' }, { kind: 'reopen' }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);

/** Storage that fails once, before or after it has written. */
class FailingStorage extends MemoryStorage {
  fails: 'before' | 'after' | undefined;

  override async append(line: string): Promise<void> {
    const fails = this.fails;
    this.fails = undefined;
    if (fails === 'before') throw new Error('disk full');
    await super.append(line);
    if (fails === 'after') throw new Error('power lost');
  }
}

function openOn(storage: MemoryStorage): Promise<Ledger> {
  const filter = zcdpFilter(BUDGET);
  return openLedger({ storage, filter, unit: 'client', relation: 'replace-one' });
}

function chargesOn({ text }: MemoryStorage): number {
  return text.split('\n').filter((line) => line.includes('"kind":"charge"')).length;
}

/** What the trials came by: a trial that meets no refusal shows nothing. */
const met = { drawn: 0, refused: 0, failed: 0 };

/** A ledger that is used at random, and what must hold after each act. */
class Trial {
  readonly #storage = new FailingStorage();
  readonly #failure: 'before' | 'after';
  #ledger: Ledger | undefined;
  #charges: Charge[] = [];
  readonly #drawn = new Set<number>();
  readonly #released = new Set<number>();

  constructor(failure: 'before' | 'after') {
    this.#failure = failure;
  }

  async run(list: readonly Act[]): Promise<void> {
    await this.#reopen();
    for (const act of list) {
      await this.#act(act);
      expect(this.#drawn.size).toBeLessThanOrEqual(chargesOn(this.#storage));
    }
    await this.#reopen();
    expect(this.#ledger!.epsilon()).toBeLessThanOrEqual(BUDGET.epsilon);
  }

  async #act(act: Act): Promise<void> {
    if (act.kind === 'fail') this.#storage.fails = this.#failure;
    else if (act.kind === 'reopen') await this.#reopen();
    else if (act.kind === 'reserve') await this.#reserve(act.noise);
    else {
      const charge = this.#charges[act.which % Math.max(1, this.#charges.length)];
      if (charge === undefined) return;
      const step = act.kind === 'draw' ? this.#draw(charge) : this.#commit(charge);
      // Refused in words of its own, or done; an expectation that fails is neither.
      await step.catch((error: unknown) => expect(error).toMatchObject({ name: 'PrivacyError' }));
    }
  }

  async #reopen(): Promise<void> {
    this.#storage.fails = undefined;
    const ledger = await openOn(this.#storage);
    for (const old of this.#charges) {
      expect(() => ledger.drawSeed(old)).toThrow(/not of this ledger/);
    }
    this.#charges = [];
    this.#ledger = ledger;
  }

  async #reserve(noise: number): Promise<void> {
    const [before, count] = [this.#storage.text, chargesOn(this.#storage)];
    try {
      const charge = await this.#ledger!.reserve(gaussian(noise));
      this.#charges.push(charge);
    } catch (error) {
      expect(error).toMatchObject({ name: 'PrivacyError' });
      const isRefusal = (error as PrivacyError).code === 'over-budget';
      if (isRefusal) expect(this.#storage.text).toBe(before);
      met[isRefusal ? 'refused' : 'failed']++;
      return;
    }
    // It is on storage before anybody holds it.
    expect(chargesOn(this.#storage)).toBe(count + 1);
  }

  async #draw(charge: Charge): Promise<void> {
    expect(this.#ledger!.drawSeed(charge)).toHaveLength(32);
    expect([this.#drawn.has(charge.record), this.#released.has(charge.record)]).toEqual([
      false,
      false,
    ]);
    this.#drawn.add(charge.record);
    met.drawn++;
  }

  async #commit(charge: Charge): Promise<void> {
    const receipt = await this.#ledger!.commit(charge, DETAILS);
    expect(receipt.charge.record).toBe(charge.record);
    expect(this.#released.has(charge.record)).toBe(false);
    this.#released.add(charge.record);
  }
}

test('each seed has a charge of its own on storage, and all charges keep the budget', async () => {
  const failures = fc.constantFrom('before' as const, 'after' as const);
  await fc.assert(
    fc.asyncProperty(acts, failures, (list, failure) => new Trial(failure).run(list)),
    { seed: 17, numRuns: 150 },
  );
  expect(Math.min(met.drawn, met.refused, met.failed)).toBeGreaterThan(20);
});
