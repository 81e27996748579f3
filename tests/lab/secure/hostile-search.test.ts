/**
 * A hostile server that tries strategies at random: it finds every fault that is planted, and nothing in
 * the protocol as it is. A longer search: `npx tsx scripts/hostile-search.ts --strategies 100000`.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import { FIELDS, recordFields, THIN_RING } from '../../../src/lab/secure/hostile-fields.ts';
import { unmaskedSum } from '../../../src/lab/secure/hostile-proof.ts';
import { type FoundLeak, searchLeaks } from '../../../src/lab/secure/hostile-search.ts';
import type { CryptoProvider } from '../../../src/secagg/crypto/provider.ts';
import { FAULTS, type FaultName, mutant } from '../../support/secagg-mutants.ts';
import { cryptoForStudy, realProtocol } from '../../support/study.ts';

/** The fields that show a fault soonest: those whose clients are few. */
const SMALL = FIELDS.filter(({ clients }) => clients <= 16);
const SEED = 1;

let crypto: CryptoProvider;
beforeAll(async () => {
  crypto = await cryptoForStudy();
});

/** What a leak is worth: the sum that it exposes, from nothing but what the server was told. */
async function expectProven({ world, played }: FoundLeak): Promise<void> {
  const { leak } = played;
  const clients = leak?.kind === 'small-sum' ? leak.clients : [leak!.client];
  const sum = new Uint32Array(world.inputs.get(clients[0]!)!.length);
  for (const client of clients) {
    for (const [j, word] of world.inputs.get(client)!.entries()) sum[j]! += word;
  }
  expect(await unmaskedSum(world, played, clients)).toEqual(sum);
}

describe('a hostile server that tries strategies at random', () => {
  test.each(Object.keys(FAULTS) as FaultName[])('finds the fault: %s', async (fault) => {
    const { protocol, remove } = await mutant(fault);
    try {
      const fields = await recordFields(SMALL, { crypto, protocol });
      const { found } = await searchLeaks(fields, { strategies: 1000, seed: SEED });
      expect(found).toBeDefined();
      await expectProven(found!);
    } finally {
      remove();
    }
  });

  test('finds nothing in 1000 strategies', async () => {
    const fields = await recordFields(FIELDS, { crypto, protocol: realProtocol });
    const { tried, found, signed, revealed, families } = await searchLeaks(fields, {
      strategies: 1000,
      seed: SEED,
    });
    expect(found).toBeUndefined();
    expect(tried).toBe(1000);
    // Silence counts for little where clients refuse at once.
    expect(signed).toBeGreaterThan(500);
    expect(revealed).toBeGreaterThan(100);
    expect(families.size).toBe(8);
  });

  test('cuts an arc off a ring whose threshold is the least with 2t > k + c', async () => {
    const fields = await recordFields([THIN_RING], { crypto, protocol: realProtocol });
    const { found } = await searchLeaks(fields, { strategies: 200, seed: SEED });
    expect(found?.strategy.name).toBe('an arc cut off');
    await expectProven(found!);
  });
});
