/**
 * Twenty hospitals train one model, each hiding every single one of its records: what does ε cost?
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

const [rounds, localSteps, learningRate] = [12, 2, 8];
const hospitals = dealOut(drawDigits(3000, streamOf(1, 'train')), 20, streamOf(1, 'deal'));
const test = drawDigits(500, streamOf(1, 'test'));
const model = mlp({ ...test, hidden: 16 });
const step = { clipNorm: 0.3, samplingRate: 0.5, expectedBatch: 75, delta: 1e-5 };
const size = { steps: rounds * localSteps, parameterCount: model.parameterCount };
await using backend = await createBackend('wasm');
console.log('   ε  noise  accuracy  what the first hospital claims');
for (const epsilon of [1, 8, 32]) {
  const budget = budgetTraining({ ...step, ...size, epsilon });
  const clients = await Promise.all(hospitals.map((data) => privateClient(data, budget)));
  const shared = { model, plan: budget.plan, clients, localSteps, learningRate, backend };
  let parameters = model.initialParameters(streamOf(1, 'model'));
  let text = '';
  const secretKey = crypto.getRandomValues(new Uint8Array(32));
  for (let round = 0; round < rounds; round++) {
    const done = await privateRound(parameters, { ...shared, round });
    parameters = done.parameters;
    text = signClaim(done.trainings[0]!.receipts.at(-1)!, { secretKey });
  }
  const { receipt } = verifyClaim(text, { publicKey: claimPublicKey(secretKey) });
  const accuracy = (100 * model.evaluate(parameters, test).accuracy).toFixed(1);
  const noise = budget.plan.noiseMultiplier.toFixed(2).padStart(6);
  const claim = `ε = ${receipt.epsilonSoFar.toFixed(2)} for each ${receipt.unit}`;
  console.log(`${String(epsilon).padStart(4)} ${noise} ${accuracy.padStart(7)} %  ${claim}`);
}
