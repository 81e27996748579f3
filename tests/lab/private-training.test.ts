import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/backend/engine.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { createRandom } from '../../src/core/random.ts';
import { createCohort } from '../../src/lab/cohort.ts';
import { type Dataset, takeExamples } from '../../src/lab/dataset.ts';
import { drawDigits, GLYPH_SIDE } from '../../src/lab/glyphs.ts';
import { type PrivateTrainingResult, trainPrivately } from '../../src/lab/private-training.ts';
import { rehearse } from '../../src/lab/rehearsal.ts';
import { type Charging, type Ledger, openLedger } from '../../src/privacy/ledger/ledger.ts';
import { rdpFilter } from '../../src/privacy/ledger/rdp-filter.ts';
import { MemoryStorage } from '../../src/privacy/ledger/storage.ts';
import { eventOf, type PrivateRelease, planRelease } from '../../src/private-release.ts';
import { trimmedMean } from '../../src/rules/trimmed-mean.ts';

const backend = new Engine(new ReferenceKernels());
const [POPULATION, COHORT, DELTA, ORDER] = [50, 10, 1e-5, 8];
/** ε for all the rounds that a test runs, and more. */
const AMPLE = 20;

/** Digits of 8×8 pixels: of four pixels each the mean. */
function smallDigits(size: number): Dataset {
  const large = drawDigits(size, createRandom(2));
  const side = GLYPH_SIDE / 2;
  const features = side * side;
  const inputs = Float32Array.from({ length: size * features }, (_, i) => {
    const [row, column] = [Math.floor((i % features) / side), i % side];
    const first = Math.floor(i / features) * large.features + 2 * row * GLYPH_SIDE + 2 * column;
    const four = [first, first + 1, first + GLYPH_SIDE, first + GLYPH_SIDE + 1];
    return four.reduce((sum, at) => sum + large.inputs[at]! / 4, 0);
  });
  return { ...large, inputs, features };
}

const digits = smallDigits(400);
const numbers = Array.from({ length: digits.size }, (_, i) => i);
const train = takeExamples(digits, numbers.slice(0, 300));
const testSet = takeExamples(digits, numbers.slice(300));

function population() {
  const training = { hidden: 4, localSteps: 2, batchSize: 4 };
  return createCohort(train, { clients: POPULATION, seed: 4, training });
}

function planned(): Promise<PrivateRelease> {
  return planRelease({
    statistic: { kind: 'rule', rule: trimmedMean({ f: 2 }), rows: COHORT },
    relation: 'replace-one',
    clipNorm: 1,
    noiseMultiplier: 2,
    sampling: { kind: 'without-replacement', population: POPULATION, cohort: COHORT },
  });
}

/** ε of so many rounds, as the filter counts it. */
function costOf(release: PrivateRelease, rounds: number): number {
  const filter = rdpFilter({ epsilon: AMPLE, delta: DELTA, order: ORDER });
  const cols = population().initialParameters.length;
  for (let round = 0; round < rounds; round++) filter.charge(eventOf(release, cols));
  return filter.epsilon();
}

async function ledgerWith(epsilon: number): Promise<{ ledger: Ledger; storage: MemoryStorage }> {
  const filter = rdpFilter({ epsilon, delta: DELTA, order: ORDER });
  const storage = new MemoryStorage();
  const relation = 'replace-one';
  return { storage, ledger: await openLedger({ storage, filter, unit: 'client', relation }) };
}

function trained(
  release: PrivateRelease,
  ledger: Charging,
  rounds: number,
  onRound?: (round: number, accuracy: () => number) => void,
): Promise<PrivateTrainingResult> {
  return trainPrivately({
    population: population(),
    cohort: COHORT,
    attackers: 0,
    release,
    rounds,
    ledger: rehearse(ledger, new Uint8Array(32).fill(9)),
    seed: 4,
    backend,
    test: testSet,
    onRound,
  });
}

describe('a private training', () => {
  test('stops before the round that would overdraw', async () => {
    const release = await planned();
    const [three, four] = [costOf(release, 3), costOf(release, 4)];
    const budget = (three + four) / 2;
    const { ledger, storage } = await ledgerWith(budget);
    const seen: number[] = [];
    const result = await trained(release, ledger, 5, (round) => seen.push(round));

    expect(result.rounds).toBe(3);
    expect(seen).toEqual([1, 2, 3]);
    expect(result.stopped).toContain('the release costs');
    expect(result.receipt?.round).toBe(2);
    expect(result.receipt?.epsilonSoFar).toBeCloseTo(three, 12);
    expect(ledger.epsilon()).toBeLessThanOrEqual(budget);
    expect(four).toBeGreaterThan(budget);
    // The start, and a charge and a receipt of each round: nothing was charged for the fourth.
    expect((await storage.read()).trimEnd().split('\n')).toHaveLength(7);
  });

  test('that is stopped has the model of as many rounds as were released', async () => {
    const release = await planned();
    const admitted = (costOf(release, 3) + costOf(release, 4)) / 2;
    const stopped = await trained(release, (await ledgerWith(admitted)).ledger, 5);
    const short = await trained(release, (await ledgerWith(AMPLE)).ledger, 3);
    expect(short.rounds).toBe(3);
    expect(short.stopped).toBeUndefined();
    expect(stopped.parameters).toEqual(short.parameters);
    expect(stopped.parameters).not.toEqual(population().initialParameters);
  });

  test('without a budget for one round leaves the model as it was', async () => {
    const release = await planned();
    // A round costs as much as the one before.
    const [one, two] = [costOf(release, 1), costOf(release, 2)];
    const { ledger } = await ledgerWith(one - (two - one) / 2);
    const result = await trained(release, ledger, 5);
    expect(result).toMatchObject({ rounds: 0, receipt: undefined });
    expect(result.stopped).toContain('the release costs');
    expect(result.parameters).toEqual(population().initialParameters);
    expect(ledger.epsilon()).toBe(0);
  });

  test('ends in any other failure: that is no end of the budget', async () => {
    const release = await planned();
    const { ledger } = await ledgerWith(AMPLE);
    const failing: Charging = {
      budget: ledger.budget,
      epsilon: () => ledger.epsilon(),
      reserve: () => Promise.reject(new Error('the disk is full')),
      drawSeed: (charge) => ledger.drawSeed(charge),
      commit: (charge, details) => ledger.commit(charge, details),
    };
    await expect(trained(release, failing, 5)).rejects.toThrow('the disk is full');
  });
});
