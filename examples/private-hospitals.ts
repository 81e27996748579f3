/**
 * Ten hospitals train one model, each hiding every single one of its records: what does ε cost?
 *
 *     npx tsx examples/private-hospitals.ts
 *
 * @module
 */

import { createBackend } from '../src/index.ts';
import { drawDigits } from '../src/lab/glyphs.ts';
import { mlp } from '../src/lab/model.ts';
import { dealOut, privateClient, privateRound } from '../src/lab/private-clients.ts';
import { streamOf } from '../src/lab/sampling.ts';
import { claimPublicKey, signClaim, verifyClaim } from '../src/privacy/ledger/claim.ts';
import { budgetTraining } from '../src/privacy/training-budget.ts';

const hospitals = dealOut(drawDigits(3000, streamOf(1, 'train')), 10, streamOf(1, 'deal'));
const test = drawDigits(500, streamOf(1, 'test'));
const model = mlp({ ...test, hidden: 16 });
const step = { clipNorm: 0.3, samplingRate: 0.3, expectedBatch: 90, delta: 1e-5 };
const training = { ...step, steps: 24, parameterCount: model.parameterCount };
const secretKey = crypto.getRandomValues(new Uint8Array(32));
await using backend = await createBackend('wasm');
console.log('noise  accuracy  what the first hospital claims, without proof');
for (const epsilon of [1, 8, 32]) {
  const budget = budgetTraining({ ...training, epsilon });
  const clients = await Promise.all(hospitals.map((data) => privateClient(data, budget)));
  const all = { model, plan: budget.plan, clients, localSteps: 2, learningRate: 16, backend };
  let [parameters, text] = [model.initialParameters(streamOf(1, 'model')), ''];
  for (let round = 0; round < 12; round++) {
    const made = await privateRound(parameters, { ...all, round });
    parameters = made.parameters;
    text = signClaim(made.trainings[0]!.receipts.at(-1)!, { secretKey });
  }
  const { receipt } = verifyClaim(text, { publicKey: claimPublicKey(secretKey) });
  const accuracy = `${(100 * model.evaluate(parameters, test).accuracy).toFixed(1)} %`.padStart(8);
  const claim = `ε = ${receipt.epsilonSoFar.toFixed(2)} for each ${receipt.unit}`;
  console.log(`${budget.plan.noiseMultiplier.toFixed(2).padStart(5)}  ${accuracy}  ${claim}`);
}
