/**
 * Secure aggregation (SAGG1): the server learns the mean of those who stayed, and no update of anybody.
 *
 *     npx tsx examples/secure-aggregation.ts
 *
 * @module
 */

import { cohortOf } from '../src/lab/secure/cohort.ts';
import { dropouts } from '../src/lab/secure/faults.ts';
import { simulateRound } from '../src/lab/secure/simulate-round.ts';
import { createCrypto, encodeUpdate, encodingOf, meansOf, planRound } from '../src/secure-node.ts';

const crypto = await createCrypto();
const [federation, model] = [new Uint8Array(16), crypto.sha256(new Uint8Array(4000))];
const plan = { federation, round: 1, model, dimensions: 1000, clients: 20, clip: 1, dropout: 0.2 };
const config = planRound({ ...plan, minSum: 10, maxSamples: 500 }, crypto);
const cohort = await cohortOf(20, { seed: 1, crypto });
const update = (i: number) => Float32Array.from({ length: 1000 }, (_, j) => Math.sin(i + j));

// Four clients vanish once their neighbours hold shares of their secrets: before they send an input.
const round = await simulateRound({
  ...{ cohort, config, crypto, seed: 1, tamper: dropouts({ masked: [0, 5, 6, 11] }) },
  inputs: (i, { canary: ctxConstants }) => {
    const key = crypto.randomBytes(32);
    const what = { update: update(i), samples: 100 + i, key, ctxConstants };
    return encodeUpdate(encodingOf(config), what).words;
  },
});
const [sum, [mean]] = [round.sums[0]!, meansOf({ ...round }, { config, crypto })];
console.log(`${sum.members.length} of 20 inputs, and the sum of integers is exact: ${sum.isExact}`);

const total = sum.members.reduce((weight, i) => weight + 100 + i, 0);
const plain = sum.members.reduce((x, i) => x + ((100 + i) * update(i)[7]!) / total, 0);
console.log(`mean of entry 7: ${mean!.row[7]} securely, ${plain} in the clear`);
if (!sum.isExact || Math.abs(mean!.row[7]! - plain) > 1e-6) throw new Error('masks did not cancel');
