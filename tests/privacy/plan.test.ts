import { expect, test } from 'vitest';
import { PldAccountant } from '../../src/privacy/accountants/pld.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import { epsilonOverSteps, spreadSteps } from '../../src/privacy/plan.ts';
import { poissonGaussian } from './accountants/support.ts';

test('ε over rounds is that of each number of rounds by itself', () => {
  const event = poissonGaussian(1, 0.02);
  for (const make of [() => new RdpAccountant(), () => new PldAccountant()]) {
    const curve = epsilonOverSteps(event, {
      steps: [1, 10, 40],
      delta: 1e-5,
      accountant: make(),
    });
    const alone = [1, 10, 40].map((steps) => {
      const accountant = make();
      accountant.compose(event, steps);
      return { steps, epsilon: accountant.epsilon(1e-5) };
    });
    expect(curve).toEqual(alone);
  }
});

test('Numbers of rounds are spread from 1 to the last, once each', () => {
  expect(spreadSteps(100, 6)).toEqual([1, 4, 16, 36, 64, 100]);
  expect(spreadSteps(3, 25)).toEqual([1, 2, 3]);
  expect(spreadSteps(1, 25)).toEqual([1]);
  expect(() => spreadSteps(0, 25)).toThrow('last must be at least 1');
  const question = { steps: [2, 2], delta: 1e-5, accountant: new RdpAccountant() };
  expect(() => epsilonOverSteps(poissonGaussian(1, 0.1), question)).toThrow(RangeError);
});
