/**
 * A server that is killed: it runs private rounds on the ledger in the file named, prints each result,
 * and in the round named hangs where the receipt would be written, after the noise was drawn.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises';
import type { Charging } from '../../src/privacy/ledger/ledger.ts';
import { openServer, runRound } from './private-rounds.ts';

const hangsIn = Number(process.argv[3]);
await using server = await openServer(process.argv[2]!);
const { ledger } = server;
const hanging: Charging = {
  budget: ledger.budget,
  epsilon: () => ledger.epsilon(),
  reserve: (event) => ledger.reserve(event),
  drawSeed: (charge) => ledger.drawSeed(charge),
  commit: async () => {
    console.log('hangs');
    await setTimeout(600_000);
    throw new Error('it was not killed');
  },
};
for (let round = 0; ; round++) {
  const { value, receipt } = await runRound(round === hangsIn ? hanging : ledger, round);
  console.log(JSON.stringify({ charge: receipt.charge, value: [...value] }));
}
