import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PldAccountant } from '../../src/privacy/accountants/pld.ts';
import { type StepOptions, stepEvent } from '../../src/privacy/dp-sgd.ts';
import { budgetTraining, type TrainingBudget } from '../../src/privacy/training-budget.ts';

const TRAINING: TrainingBudget = {
  epsilon: 3,
  delta: 1e-5,
  clipNorm: 1,
  samplingRate: 0.2,
  expectedBatch: 20,
  steps: 30,
  parameterCount: 35,
};
const OVER_BUDGET = expect.objectContaining({ name: 'PrivacyError', code: 'over-budget' });

describe('a training made for a budget', () => {
  test('is admitted whole, and hardly more, whatever it is', () => {
    const trainings = fc.record({
      epsilon: fc.double({ min: -3, max: 1.5, noNaN: true }).map((x) => 10 ** x),
      samplingRate: fc.double({ min: 1e-3, max: 1, noNaN: true }),
      steps: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(
      fc.property(trainings, (any) => {
        const { plan, filter } = budgetTraining({ ...TRAINING, ...any });
        const admits = filter();
        const event = stepEvent(plan, TRAINING.parameterCount);
        for (let step = 0; step < any.steps; step++) admits.charge(event);
        expect(admits.epsilon()).toBeLessThanOrEqual(any.epsilon);
        expect(admits.epsilon()).toBeGreaterThan(any.epsilon * 0.999);
        expect(() => admits.charge(event)).toThrow(OVER_BUDGET);
      }),
      { seed: 9, numRuns: 20 },
    );
  });

  test('keeps its budget by another accountant too, which finds it about a tenth dear', () => {
    const { plan } = budgetTraining(TRAINING);
    const accountant = new PldAccountant();
    accountant.compose(stepEvent(plan, TRAINING.parameterCount), TRAINING.steps);
    const epsilon = accountant.epsilon(TRAINING.delta);
    expect(epsilon).toBeLessThan(3);
    expect(epsilon).toBeGreaterThan(2.5);
  });

  test('admits other steps, chosen on the way, while they fit', () => {
    const { plan, filter } = budgetTraining(TRAINING);
    const admits = filter();
    for (let step = 0; step < 15; step++) admits.charge(stepEvent(plan, 35));
    const dearer: StepOptions = { ...TRAINING, noiseMultiplier: plan.noiseMultiplier / 2 };
    const event = stepEvent(dearer, 35);
    let more = 0;
    expect(() => {
      for (; ; more++) admits.charge(event);
    }).toThrow(OVER_BUDGET);
    // Half the noise costs four times as much or more: at most a quarter of the fifteen that are left.
    expect(more).toBeLessThanOrEqual(3);
    expect(admits.epsilon()).toBeLessThanOrEqual(3);
  });

  test('that cannot be, or is none, is refused', () => {
    const never = { ...TRAINING, samplingRate: 1, epsilon: 1e-14, delta: 1e-14 };
    expect(() => budgetTraining(never)).toThrow(OVER_BUDGET);
    // Noise that would be enough, but not in words of 32 bits.
    const wide = { ...TRAINING, samplingRate: 1, epsilon: 1e-4, delta: 1e-9 };
    expect(() => budgetTraining(wide)).toThrow(/room for/);
    expect(() => budgetTraining({ ...TRAINING, steps: 0 })).toThrow(/steps must be/);
    expect(() => budgetTraining({ ...TRAINING, delta: 1 })).toThrow(/delta must be/);
    expect(() => budgetTraining({ ...TRAINING, noise: 1 } as never)).toThrow(/no option "noise"/);
  });
});
