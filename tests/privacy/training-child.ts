/**
 * A program that trains on the ledger in the file named, and waits in its second step, after the
 * charge, to be killed.
 *
 * @module
 */

import { createBackend } from '../../src/backend/create-node.ts';
import { planSteps, privateTraining } from '../../src/privacy/dp-sgd.ts';
import { FileStorage } from '../../src/privacy/ledger/file-ledger.ts';
import { COLS, ledgerFor, STEP } from './dp-sgd-support.ts';

const storage = await FileStorage.open(process.argv[2]!);
const ledger = await ledgerFor({ storage });
setInterval(() => {}, 1000);
await privateTraining({
  plan: planSteps(STEP),
  examples: 100,
  gradientOf: async (_, parameters) => {
    if (ledger.records < 4) return parameters.fill(0);
    console.log('in its second step');
    return new Promise<never>(() => {});
  },
  parameters: new Float32Array(COLS),
  steps: 5,
  learningRate: 1,
  ledger,
  backend: await createBackend('reference'),
});
