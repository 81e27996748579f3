import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PrivacyEvent } from '../../../src/privacy/event.ts';
import { type Ledger, openLedger } from '../../../src/privacy/ledger/ledger.ts';
import { type ReleaseDetails, receiptText } from '../../../src/privacy/ledger/receipt.ts';
import { type LedgerStorage, MemoryStorage } from '../../../src/privacy/ledger/storage.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { DETAILS, gaussian } from './support.ts';

const BUDGET = { epsilon: 2, delta: 1e-5 };
const withCode = (code: string): object => expect.objectContaining({ code });

function openOn(storage: LedgerStorage, budget = BUDGET): Promise<Ledger> {
  const filter = zcdpFilter(budget);
  return openLedger({ storage, filter, unit: 'client', relation: 'replace-one' });
}

/** A ledger's text with an opening, a charge, its end, and a charge without one. */
async function sample(): Promise<string> {
  const storage = new MemoryStorage();
  const ledger = await openOn(storage);
  await ledger.commit(await ledger.reserve(gaussian(10)), DETAILS);
  await ledger.reserve(gaussian(20));
  return storage.text;
}

describe('a round', () => {
  test('charges before it gives a seed, gives one seed, and ends in a receipt', async () => {
    const storage = new MemoryStorage();
    const ledger = await openOn(storage);
    expect(ledger.epsilon()).toBe(0);
    const charge = await ledger.reserve(gaussian(10));
    expect(storage.text.split('\n')).toHaveLength(3);
    const spent = ledger.epsilon();
    expect(spent).toBeGreaterThan(0);

    const seed = ledger.drawSeed(charge);
    expect(seed).toHaveLength(32);
    expect(() => ledger.drawSeed(charge)).toThrow(withCode('spent'));

    const receipt = await ledger.commit(charge, DETAILS);
    expect(receipt).toEqual({
      version: 1,
      ...DETAILS,
      unit: 'client',
      event: gaussian(10),
      epsilonSoFar: spent,
      budget: BUDGET,
      charge: { record: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    await expect(ledger.commit(charge, DETAILS)).rejects.toThrow(withCode('spent'));
    expect(ledger.records).toBe(3);
  });

  test('gives no seed once it is over, nor for a charge of another ledger or a copy', async () => {
    const ledger = await openOn(new MemoryStorage());
    const other = await openOn(new MemoryStorage());
    const charge = await ledger.reserve(gaussian(10));
    expect(() => other.drawSeed(charge)).toThrow(/not of this ledger/);
    expect(() => ledger.drawSeed({ ...charge })).toThrow(withCode('spent'));
    await expect(other.commit(charge, DETAILS)).rejects.toThrow(withCode('spent'));
    await ledger.commit(charge, DETAILS);
    expect(() => ledger.drawSeed(charge)).toThrow(/its round is over/);
  });

  test('is refused before it would pass the budget, and leaves no trace then', async () => {
    const storage = new MemoryStorage();
    const ledger = await openOn(storage);
    let rounds = 0;
    for (;;) {
      const before = storage.text;
      const refusal = await ledger.reserve(gaussian(10)).catch((error: unknown) => error);
      if (refusal instanceof Error) {
        expect(refusal).toEqual(withCode('over-budget'));
        expect(storage.text).toBe(before);
        break;
      }
      rounds++;
    }
    expect(rounds).toBeGreaterThan(5);
    expect(ledger.epsilon()).toBeLessThanOrEqual(2);
  });

  test('is charged once for each of many that ask at the same time', async () => {
    const storage = new MemoryStorage();
    const ledger = await openOn(storage);
    const asked = await Promise.allSettled(
      Array.from({ length: 100 }, () => ledger.reserve(gaussian(10))),
    );
    const granted = asked.filter(({ status }) => status === 'fulfilled').length;
    expect(granted).toBeLessThan(100);
    expect(ledger.records).toBe(granted + 1);
    expect((await openOn(storage)).epsilon()).toBe(ledger.epsilon());
  });

  test('refuses bad events and details, and what could carry a key', async () => {
    const storage = new MemoryStorage();
    const ledger = await openOn(storage);
    const before = storage.text;
    await expect(ledger.reserve(gaussian(0))).rejects.toThrow(RangeError);
    await expect(ledger.reserve({ ...gaussian(1), relation: 'add-remove' })).rejects.toThrow(
      /relation must be the ledger's, replace-one/,
    );
    const event = gaussian(10);
    const smuggled = { ...event, mechanism: { ...event.mechanism, seed: 'ff'.repeat(32) } };
    await expect(ledger.reserve(smuggled as PrivacyEvent)).rejects.toThrow(/seed must be a finite/);
    expect(storage.text).toBe(before);

    const charge = await ledger.reserve(event);
    const bad: [object, string][] = [
      [{ seed: 'ff'.repeat(32) }, 'got seed too'],
      [{ round: -1 }, 'round'],
      [{ tables: ['ab'] }, 'tables[0]'],
      [{ nonces: { first: DETAILS.nonces.last, last: DETAILS.nonces.first } }, 'nonces.last'],
      [{ nonces: { ...DETAILS.nonces, key: '00' } }, 'got key too'],
      [{ achievedSigma: Number.NaN }, 'achievedSigma'],
    ];
    for (const [change, word] of bad) {
      const details = { ...DETAILS, ...change } as ReleaseDetails;
      await expect(ledger.commit(charge, details)).rejects.toThrow(word);
    }
    await ledger.commit(charge, DETAILS);
  });
});

describe('the records', () => {
  test('hold no seed, in no spelling', async () => {
    const storage = new MemoryStorage();
    const ledger = await openOn(storage);
    const seeds: Uint8Array[] = [];
    let receipts = '';
    for (let round = 0; round < 5; round++) {
      const charge = await ledger.reserve(gaussian(20));
      seeds.push(ledger.drawSeed(charge));
      receipts += JSON.stringify(charge);
      receipts += receiptText(await ledger.commit(charge, { ...DETAILS, round }));
    }
    const text = (storage.text + receipts + JSON.stringify(ledger)).toLowerCase();
    expect(new Set(seeds.map(String)).size).toBe(5);
    for (const seed of seeds) {
      // Six bytes on end, as hex, base64, decimals, or their SHA-256: by chance in 10⁻¹⁰ of runs.
      for (let i = 0; i + 6 <= seed.length; i++) {
        const part = Buffer.from(seed.subarray(i, i + 6));
        expect(text).not.toContain(part.toString('hex'));
        expect(text).not.toContain(part.toString('base64').toLowerCase());
        expect(text).not.toContain([...part].join(','));
      }
      expect(text).not.toContain(createHash('sha256').update(seed).digest('hex'));
    }
    expect(text).not.toMatch(/"(seed|key|secret)"/);
  });

  test('have each the SHA-256 of the one before, as anybody can check', async () => {
    const lines = (await sample()).trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    let previous = '0'.repeat(64);
    for (const [place, line] of lines.entries()) {
      const { hash, ...fields } = JSON.parse(line) as Record<string, unknown>;
      expect(fields.previous).toBe(previous);
      expect(fields.record).toBe(place);
      // All keys are in order already, and `hash` stands between `body` and `previous`.
      expect(hash).toBe(createHash('sha256').update(JSON.stringify(fields)).digest('hex'));
      previous = hash as string;
    }
  });

  test('count when the ledger is opened again, those without an end too', async () => {
    const storage = new MemoryStorage(await sample());
    const ledger = await openOn(storage);
    const fresh = await openOn(new MemoryStorage());
    await fresh.reserve(gaussian(10));
    await fresh.reserve(gaussian(20));
    expect(ledger.epsilon()).toBe(fresh.epsilon());
    expect(ledger.abandoned).toEqual([3]);
    expect(ledger.records).toBe(4);
    expect((await ledger.reserve(gaussian(10))).record).toBe(4);
  });

  test('break the chain if a byte anywhere is another', async () => {
    const text = await sample();
    for (let i = 0; i < text.length; i += 7) {
      const other = text[i] === '1' ? '2' : '1';
      const changed = text.slice(0, i) + other + text.slice(i + 1);
      await expect(openOn(new MemoryStorage(changed)), `byte ${i}`).rejects.toThrow(
        expect.objectContaining({ name: 'PrivacyError' }),
      );
    }
  });

  test('break the chain if one is left out, doubled or moved', async () => {
    const [open, charge, end, last] = (await sample()).trimEnd().split('\n');
    for (const lines of [
      [charge, end],
      [open, end, last],
      [open, charge, charge],
      [open, last],
    ]) {
      const storage = new MemoryStorage(`${lines.join('\n')}\n`);
      await expect(openOn(storage)).rejects.toThrow(withCode('ledger'));
    }
    await expect(openOn(new MemoryStorage('\n'))).rejects.toThrow(withCode('ledger'));
  });

  test('are torn if the last has no end', async () => {
    const text = await sample();
    const start = text.lastIndexOf('\n', text.length - 2) + 1;
    for (const length of [start + 1, start + 40, text.length - 1]) {
      const storage = new MemoryStorage(text.slice(0, length));
      await expect(openOn(storage)).rejects.toThrow(withCode('ledger-torn'));
    }
    // Taken away, the rest is a ledger.
    expect((await openOn(new MemoryStorage(text.slice(0, start)))).records).toBe(3);
  });

  test('are for one budget, unit and relation', async () => {
    const text = await sample();
    const other = openOn(new MemoryStorage(text), { ...BUDGET, epsilon: 3 });
    await expect(other).rejects.toThrow(/the ledger is for .*"epsilon":2/);
    const filter = zcdpFilter(BUDGET);
    const storage = new MemoryStorage(text);
    await expect(
      openLedger({ storage, filter, unit: 'record', relation: 'replace-one' }),
    ).rejects.toThrow(withCode('ledger'));
  });
});

test('after a storage that failed nothing is charged, drawn or ended', async () => {
  const storage = new MemoryStorage();
  const ledger = await openOn(storage);
  const charge = await ledger.reserve(gaussian(10));
  storage.append = () => Promise.reject(new Error('disk full'));
  await expect(ledger.reserve(gaussian(10))).rejects.toThrow(withCode('ledger'));
  storage.append = MemoryStorage.prototype.append;
  await expect(ledger.reserve(gaussian(10))).rejects.toThrow(/open the ledger anew/);
  await expect(ledger.commit(charge, DETAILS)).rejects.toThrow(withCode('ledger'));
  expect(() => ledger.drawSeed(charge)).toThrow(/the storage has failed/);
});
