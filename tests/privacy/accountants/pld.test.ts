import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { composeLosses } from '../../../src/privacy/accountants/compose-losses.ts';
import { discretize, FINE_RESOLUTION } from '../../../src/privacy/accountants/discrete-loss.ts';
import { gaussianDelta, gaussianEpsilon } from '../../../src/privacy/accountants/gaussian.ts';
import { gaussianLoss } from '../../../src/privacy/accountants/gaussian-loss.ts';
import { PldAccountant, type PldOptions } from '../../../src/privacy/accountants/pld.ts';
import { RdpAccountant } from '../../../src/privacy/accountants/rdp.ts';
import { tiltFor } from '../../../src/privacy/accountants/tilted-sum.ts';
import type { Mechanism, PrivacyEvent } from '../../../src/privacy/event.ts';
import { eventOf, poissonGaussian } from './support.ts';

type Repeated = readonly [PrivacyEvent, number];

function pldOf(events: readonly Repeated[], options: PldOptions = {}): PldAccountant {
  const accountant = new PldAccountant(options);
  for (const [event, count] of events) accountant.compose(event, count);
  return accountant;
}

function gaussian(noiseMultiplier: number): PrivacyEvent {
  return eventOf({ kind: 'gaussian', noiseMultiplier });
}

describe('without sampling, PLD is the closed form of the Gaussian', () => {
  // T rounds of z = √T are one of z = 1; what the grid adds is its share of the variance, and small.
  test.each([
    [1, 1e-8],
    [100, 2e-5],
    [10_000, 2e-3],
  ])('over %i rounds, to %d of δ from ½ down to 10⁻²⁷', (rounds, tolerance) => {
    const accountant = pldOf([[gaussian(Math.sqrt(rounds)), rounds]]);
    for (const epsilon of [0, 0.5, 2, 5, 8, 11]) {
      const excess = accountant.delta(epsilon) / gaussianDelta(1, epsilon) - 1;
      // What is exact is known to 10⁻¹³·(1 + ε²).
      expect(excess).toBeGreaterThan(-2e-11);
      expect(excess).toBeLessThan(tolerance);
    }
  });

  test('and never below it, at any noise, number of rounds and δ', () => {
    const noise = fc.double({ min: 0.2, max: 50, noNaN: true });
    const delta = fc.double({ min: 2, max: 20, noNaN: true }).map((x) => 10 ** -x);
    fc.assert(
      fc.property(noise, fc.integer({ min: 1, max: 200 }), delta, (z, rounds, target) => {
        const exact = gaussianEpsilon(z / Math.sqrt(rounds), target);
        const epsilon = pldOf([[gaussian(z), rounds]]).epsilon(target);
        expect(epsilon).toBeGreaterThanOrEqual(exact - 1e-9);
        expect(epsilon).toBeLessThan(exact * 1.001 + 1e-6);
      }),
      { seed: 2, numRuns: 5 },
    );
  });
});

describe('the tilt before the transform', () => {
  const loss = discretize(gaussianLoss(10), { interval: 1e-4, resolution: FINE_RESOLUTION });
  const losses = [{ loss, count: 100 }];
  const exact = gaussianDelta(1, 8);

  test('makes δ near 10⁻¹⁴ right', () => {
    // δ(8) = 3.65·10⁻¹⁵.
    const delta = composeLosses(losses, tiltFor(losses, { epsilon: 8 })).delta(8);
    expect(delta / exact - 1).toBeGreaterThan(0);
    expect(delta / exact - 1).toBeLessThan(1e-5);
  });

  test('which without it is lost in round-off, as the bound on that says', () => {
    const straight = { ...tiltFor(losses, { epsilon: 8 }), theta: 0, bottom: -12, top: 13 };
    const delta = composeLosses(losses, straight).delta(8);
    // An upper bound all the same, but one of round-off: above the transform's 2⁻⁵³, 10⁴ times δ.
    expect(delta).toBeGreaterThan(1e3 * exact);
    expect(delta).toBeLessThan(1e-8);
  });

  test('changes nothing where δ is large', () => {
    const straight = { ...tiltFor(losses, { epsilon: 1 }), theta: 0, bottom: -12, top: 13 };
    const delta = composeLosses(losses, straight).delta(1);
    const tilted = composeLosses(losses, tiltFor(losses, { epsilon: 1 })).delta(1);
    expect(Math.abs(delta / tilted - 1)).toBeLessThan(1e-7);
  });
});

/** Events of every kind under add-remove. */
const EVENTS: readonly (readonly [string, PrivacyEvent])[] = [
  ['a Gaussian', gaussian(3)],
  ['a sampled Gaussian', poissonGaussian(0.8, 0.02)],
  ['Laplace noise', eventOf({ kind: 'laplace', scale: 4 })],
  ['sampled Laplace noise', eventOf({ kind: 'laplace', scale: 1 }, { kind: 'poisson', rate: 0.1 })],
  ['discrete Laplace noise', eventOf({ kind: 'discrete-laplace', rate: 0.1, sensitivity: 3 })],
  [
    'sampled discrete Laplace noise',
    eventOf(
      { kind: 'discrete-laplace', rate: 0.3, sensitivity: 3 },
      { kind: 'poisson', rate: 0.1 },
    ),
  ],
  [
    'a discrete Gaussian',
    eventOf({ kind: 'discrete-gaussian', sigma: 5, sensitivity: 2, dimensions: 1 }),
  ],
  [
    'a sampled discrete Gaussian',
    eventOf(
      { kind: 'discrete-gaussian', sigma: 2, sensitivity: 2, dimensions: 1 },
      { kind: 'poisson', rate: 0.05 },
    ),
  ],
  [
    'a discrete Gaussian vector',
    eventOf({ kind: 'discrete-gaussian', sigma: 4096, sensitivity: 2048, dimensions: 1000 }),
  ],
  ['a tree', eventOf({ kind: 'tree', noiseMultiplier: 4, steps: 100 })],
  [
    'a cohort that is cut off',
    eventOf(
      { kind: 'gaussian', noiseMultiplier: 1 },
      { kind: 'truncated-poisson', rate: 0.01, population: 1000, cohort: 15 },
    ),
  ],
];

describe.each(EVENTS)('of %s', (_name, event) => {
  test('n at once are n, one by one', () => {
    const one = new PldAccountant();
    for (let i = 0; i < 7; i++) one.compose(event);
    expect(one.epsilon(1e-6)).toBe(pldOf([[event, 7]]).epsilon(1e-6));
  });

  test('n as events that are not recognised as the same are n, but for round-off', () => {
    // 10⁻⁹ more noise: another event to the accountant, a loss that differs by as little.
    const { mechanism } = event;
    const nudged = {
      ...event,
      mechanism: Object.fromEntries(
        Object.entries(mechanism).map(([key, value]) => [
          key,
          ['noiseMultiplier', 'scale', 'sigma'].includes(key)
            ? (value as number) * (1 + 1e-9)
            : value,
        ]),
      ) as unknown as Mechanism,
    };
    const other = mechanism.kind === 'discrete-laplace' ? event : nudged;
    const mixed = pldOf([
      [event, 3],
      [other, 4],
    ]).epsilon(1e-6);
    const same = pldOf([[event, 7]]).epsilon(1e-6);
    expect(Math.abs(mixed / same - 1)).toBeLessThan(1e-6);
  });

  test('ε and δ are each other’s inverse, and fall with each other', () => {
    const accountant = pldOf([[event, 5]]);
    const bounded = event.mechanism.kind.endsWith('laplace');
    let last = Number.POSITIVE_INFINITY;
    for (const delta of bounded ? [1e-4, 0.01] : [1e-10, 1e-5, 0.01]) {
      const epsilon = accountant.epsilon(delta);
      expect(epsilon).toBeLessThanOrEqual(last);
      // At 0, and at the end of a bounded loss, δ may be less than what was asked for.
      const back = accountant.delta(epsilon);
      expect(back).toBeLessThan(delta * (1 + 1e-4));
      if (epsilon > 0 && !bounded) expect(back).toBeGreaterThan(delta * (1 - 1e-2));
      last = epsilon;
    }
  });

  test('more take more, and ε is no more than by Rényi divergence', () => {
    let last = 0;
    // The distance of a vector is paid e^ε times: it is for few rounds.
    const most = event.mechanism.kind === 'discrete-gaussian' ? 10 : 100;
    for (const count of [1, 2, most]) {
      const epsilon = pldOf([[event, count]]).epsilon(1e-5);
      expect(epsilon).toBeGreaterThanOrEqual(last);
      last = epsilon;
      if (event.sampling.kind === 'truncated-poisson') continue;
      const rdp = new RdpAccountant();
      rdp.compose(event, count);
      expect(epsilon).toBeLessThan(rdp.epsilon(1e-5) * (1 + 1e-6));
    }
  });
});

describe('ε of a sampled Gaussian', () => {
  const epsilonOf = (z: number, q: number, rounds: number, delta: number): number =>
    pldOf([[poissonGaussian(z, q), rounds]]).epsilon(delta);

  test('rises with rate and rounds, and falls with noise and δ', () => {
    const cases = fc.record({
      z: fc.double({ min: 0.5, max: 5, noNaN: true }),
      q: fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      rounds: fc.integer({ min: 1, max: 300 }),
    });
    // A grid adds up to 10⁻³ of ε, and differs between settings that are near.
    const slack = 1e-3;
    fc.assert(
      fc.property(cases, ({ z, q, rounds }) => {
        const epsilon = epsilonOf(z, q, rounds, 1e-6) * (1 - slack) - 1e-9;
        expect(epsilonOf(z, q * 1.5, rounds, 1e-6)).toBeGreaterThanOrEqual(epsilon);
        expect(epsilonOf(z, q, rounds + 1, 1e-6)).toBeGreaterThanOrEqual(epsilon);
        expect(epsilonOf(z / 1.1, q, rounds, 1e-6)).toBeGreaterThanOrEqual(epsilon);
        expect(epsilonOf(z, q, rounds, 5e-7)).toBeGreaterThanOrEqual(epsilon);
      }),
      { seed: 3, numRuns: 3 },
    );
  });

  test('goes to that without sampling as the rate goes to 1, and to 0 with it', () => {
    const whole = epsilonOf(2, 1, 10, 1e-5);
    expect(Math.abs(epsilonOf(2, 1 - 1e-9, 10, 1e-5) / whole - 1)).toBeLessThan(1e-6);
    expect(epsilonOf(2, 0, 10, 1e-5)).toBe(0);
    expect(epsilonOf(2, 1e-9, 10, 1e-5)).toBe(0);
  });

  test('is small where the rate is, however far a loss can reach', () => {
    // T·q·δ-free: all of the mechanism's total variation is 10·10⁻⁶·0.68 = 6.8·10⁻⁶ at most.
    expect(epsilonOf(0.5, 1e-6, 10, 1e-5)).toBe(0);
    expect(epsilonOf(0.5, 1e-6, 10, 1e-6)).toBeLessThan(10);
  });

  test('is Infinity below what cut tails allow, and never less than what it was', () => {
    const accountant = pldOf([[poissonGaussian(1, 0.01), 1000]]);
    expect(accountant.epsilon(1e-36)).toBeGreaterThan(accountant.epsilon(1e-30));
    expect(accountant.epsilon(1e-60)).toBe(Number.POSITIVE_INFINITY);
  });

  test('of 10,000 rounds takes less than two seconds', () => {
    const start = performance.now();
    const epsilon = epsilonOf(1, 0.01, 10_000, 1e-5);
    expect(performance.now() - start).toBeLessThan(2000);
    // dp_accounting 0.6.0 says 6.1877.
    expect(epsilon).toBeCloseTo(6.1877, 3);
  });
});

describe('a grid', () => {
  test('that is finer is never worse, and hardly better', () => {
    const epsilons = [1e-2, 1e-3, 1e-4].map((interval) =>
      pldOf([[poissonGaussian(0.9, 0.05), 50]], { interval }).epsilon(1e-6),
    );
    expect(epsilons[0]).toBeGreaterThan(epsilons[1]!);
    expect(epsilons[1]).toBeGreaterThan(epsilons[2]!);
    expect(epsilons[0]! / epsilons[2]! - 1).toBeLessThan(1e-2);
  });

  test('that would need too many places is widened', () => {
    const narrow = pldOf([[gaussian(0.1), 3]], { interval: 1e-9 }).epsilon(1e-6);
    expect(Math.abs(narrow / gaussianEpsilon(0.1 / Math.sqrt(3), 1e-6) - 1)).toBeLessThan(1e-5);
  });

  test('is chosen small where ε is', () => {
    const exact = gaussianEpsilon(1e4, 1e-6);
    expect(exact).toBeLessThan(1e-3);
    expect(pldOf([[gaussian(1e4), 1]]).epsilon(1e-6) / exact - 1).toBeLessThan(1e-3);
    expect(pldOf([[gaussian(1e6), 10_000]]).epsilon(1e-6) / exact - 1).toBeLessThan(1e-3);
  });
});

describe('a discrete Gaussian vector', () => {
  const wide = (dimensions: number): PrivacyEvent =>
    eventOf({ kind: 'discrete-gaussian', sigma: 256, sensitivity: 256, dimensions });

  test('costs its distance from the rounded Gaussian on top', () => {
    // 5·10⁻⁴/256⁴ = 1.16·10⁻¹³ for each coordinate; (1 + e²)·10⁶ times it at ε = 2.
    const delta = pldOf([[wide(1e6), 1]]).delta(2);
    const plain = pldOf([[gaussian(Math.sqrt(256 ** 2 - 1 / 12) / 256), 1]]).delta(2);
    expect(delta - plain).toBeCloseTo(((1 + Math.exp(2)) * 1e6 * 5e-4) / 256 ** 4, 15);
  });

  test('has an ε whose own cost is paid', () => {
    const accountant = pldOf([[wide(1e6), 1]]);
    const epsilon = accountant.epsilon(1e-4);
    expect(accountant.delta(epsilon)).toBeLessThanOrEqual(1e-4 * (1 + 1e-9));
    expect(epsilon).toBeGreaterThan(pldOf([[gaussian(1), 1]]).epsilon(1e-4));
    // The distance alone is above it.
    expect(accountant.epsilon(1e-7)).toBe(Number.POSITIVE_INFINITY);
  });

  test('of one coordinate agrees with the exact one, within that cost', () => {
    const exact = pldOf([[wide(1), 3]]).epsilon(1e-6);
    const rounded = pldOf([[wide(2), 3]]).epsilon(1e-6);
    expect(rounded).toBeGreaterThan(exact * (1 - 1e-6));
    // At ε = 10 it is 1.5 % of δ.
    expect(rounded / exact - 1).toBeLessThan(1e-3);
  });
});

describe('bad input', () => {
  test('is told by name', () => {
    const accountant = new PldAccountant();
    expect(() => accountant.epsilon(0)).toThrow('delta must be in (0, 1), got 0');
    expect(() => accountant.epsilon(Number.NaN)).toThrow(RangeError);
    expect(() => accountant.delta(-1)).toThrow('epsilon must be 0 or above, got -1');
    expect(() => accountant.compose(gaussian(1), 0)).toThrow('count must be at least 1, got 0');
    expect(() => accountant.compose(gaussian(0))).toThrow('noiseMultiplier must be above 0');
    expect(() => new PldAccountant({ interval: 0 })).toThrow('interval must be above 0, got 0');
    accountant.compose(gaussian(1));
    const replaced = { ...gaussian(1), relation: 'replace-one' as const };
    expect(() => accountant.compose(replaced)).toThrow('relation must be add-remove');
  });

  test('of an event without a pair leaves the accountant as it was', () => {
    const accountant = pldOf([[gaussian(1), 1]]);
    const before = accountant.epsilon(1e-5);
    expect(() => accountant.compose(eventOf({ kind: 'zcdp', rho: 1 }))).toThrow(
      'no dominating pair',
    );
    expect(accountant.epsilon(1e-5)).toBe(before);
  });

  test('nothing at all costs nothing', () => {
    expect(new PldAccountant().epsilon(1e-5)).toBe(0);
    expect(new PldAccountant().delta(0)).toBe(0);
  });
});
