/**
 * A private training under attack whose model has the same bits on every backend, in Node and in a
 * browser: a fifth of the clients attack, the rule is NNM + trimmed mean, noise is of a seed.
 *
 * @module
 */

import { Engine } from '../../src/backend/engine.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { createCohort } from '../../src/lab/cohort.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { namedAttack } from '../../src/lab/named.ts';
import { fingerprintOf, halvedImages } from '../../src/lab/private-study.ts';
import { trainPrivately } from '../../src/lab/private-training.ts';
import { rehearse } from '../../src/lab/rehearsal.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import { openLedger } from '../../src/privacy/ledger/ledger.ts';
import { scheduleFilter } from '../../src/privacy/ledger/schedule-filter.ts';
import { MemoryStorage } from '../../src/privacy/ledger/storage.ts';
import { eventOf, planRelease } from '../../src/private-release.ts';
import { pipeline } from '../../src/rules/pipeline.ts';
import { nnm } from '../../src/rules/pre/nnm.ts';
import { trimmedMean } from '../../src/rules/trimmed-mean.ts';

/** SHA-256 of the model after three rounds: found on the reference, and expected everywhere. */
export const ONE_MODEL = 'e0c8311a13b8a69428c434a3108b0a2ee4521bc188c015bbfb8092b94bdfa76f';

const [CLIENTS, COHORT, ATTACKERS, ROUNDS] = [60, 30, 12, 3];

/** The SHA-256 that a backend comes to. */
export async function modelOn(backend: Backend): Promise<string> {
  const random = streamOf(7, 'data');
  const train = halvedImages(drawDigits(10 * CLIENTS, random));
  const test = halvedImages(drawDigits(10, random));
  const training = { hidden: 16, localSteps: 8, batchSize: 8 };
  const population = createCohort(train, { clients: CLIENTS, seed: 7, training });
  const rule = pipeline(nnm({ f: 8 }), trimmedMean({ f: 8 }));
  const relation = 'replace-one';
  const release = await planRelease({
    statistic: { kind: 'rule', rule, rows: COHORT },
    relation,
    clipNorm: 1,
    noiseMultiplier: 1,
    sampling: { kind: 'without-replacement', population: CLIENTS, cohort: COHORT },
  });
  const event = eventOf(release, population.initialParameters.length);
  const filter = scheduleFilter({
    epsilon: 30,
    delta: 1e-5,
    schedule: [{ event, count: ROUNDS }],
    accountant: () => new RdpAccountant(),
  });
  const storage = new MemoryStorage();
  const ledger = await openLedger({ storage, filter, unit: 'client', relation });
  // What attackers send is computed in floats, whose last bits differ between backends.
  const attackOn = new Engine(new ReferenceKernels());
  const { parameters, rounds } = await trainPrivately({
    population,
    cohort: COHORT,
    attackers: ATTACKERS,
    attack: namedAttack('sign-flip:scale=4').against(rule, attackOn),
    attackOn,
    release,
    rounds: ROUNDS,
    ledger: rehearse(ledger, new Uint8Array(32).fill(7)),
    seed: 7,
    backend,
    test,
  });
  if (rounds !== ROUNDS) throw new Error(`the budget must last ${ROUNDS} rounds, got ${rounds}`);
  return fingerprintOf(parameters);
}
