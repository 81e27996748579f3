import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Accountant } from '../../../src/privacy/accountants/accountant.ts';
import { ACCOUNTANT_NAMES, ACCOUNTANTS } from '../../../src/privacy/accountants/all.ts';
import { curveOf } from '../../../src/privacy/accountants/curve.ts';
import { RdpAccountant } from '../../../src/privacy/accountants/rdp.ts';
import type { PrivacyEvent } from '../../../src/privacy/event.ts';
import { deviation, eventOf, poissonGaussian } from './support.ts';

const coins = { kind: 'poisson', rate: 0.05 } as const;
const fixed = { kind: 'without-replacement', population: 100, cohort: 5 } as const;
const skellam = { kind: 'skellam', variance: 50, l1Sensitivity: 9, l2Sensitivity: 3 } as const;
const words = { kind: 'randomized-response', values: 5, noiseProbability: 0.4 } as const;
const lattice = { kind: 'discrete-gaussian', sigma: 8, sensitivity: 5 } as const;
const shares = {
  kind: 'distributed-discrete-gaussian',
  sigma: 2,
  shares: 16,
  dimensions: 100,
  l1Sensitivity: 20,
  l2Sensitivity: 6,
} as const;

/** One event of each kind, sampled where that is known. */
const EVENTS: readonly PrivacyEvent[] = [
  eventOf({ kind: 'gaussian', noiseMultiplier: 1.5 }),
  poissonGaussian(1.5, 0.05),
  eventOf({ kind: 'gaussian', noiseMultiplier: 1.5 }, fixed, 'replace-one'),
  eventOf({ kind: 'laplace', scale: 3 }),
  eventOf({ kind: 'laplace', scale: 3 }, coins),
  eventOf({ kind: 'laplace', scale: 3 }, fixed, 'replace-one'),
  eventOf({ kind: 'discrete-laplace', rate: 0.2, sensitivity: 2 }),
  eventOf({ kind: 'discrete-laplace', rate: 0.2, sensitivity: 2 }, coins),
  eventOf(lattice),
  eventOf(lattice, coins),
  eventOf(lattice, fixed, 'replace-one'),
  eventOf(skellam),
  eventOf(skellam, coins),
  eventOf(skellam, fixed, 'replace-one'),
  eventOf(shares),
  eventOf(shares, coins),
  eventOf(words, { kind: 'none' }, 'replace-one'),
  eventOf(words, { kind: 'none' }, 'zero-out'),
  eventOf({ kind: 'zcdp', rho: 0.1 }),
  eventOf({ kind: 'zcdp', rho: 0.1 }, coins),
  eventOf({ kind: 'zcdp', rho: 0.1 }, fixed, 'replace-one'),
  eventOf({ kind: 'tree', noiseMultiplier: 4, steps: 10 }, { kind: 'none' }, 'zero-out'),
];

const titled = EVENTS.map((event) => {
  const { mechanism, sampling, relation } = event;
  return [`${mechanism.kind}, ${sampling.kind}, ${relation}`, event] as const;
});

/** Whether the accountant knows this kind of event. */
function composes(accountant: Accountant, event: PrivacyEvent, count?: number): boolean {
  try {
    accountant.compose(event, count);
    return true;
  } catch {
    return false;
  }
}

describe.each(ACCOUNTANT_NAMES)('%s', (name) => {
  test.each(titled)('composing %s n times is n composes', (_, event) => {
    const [together, oneByOne] = [ACCOUNTANTS[name](), ACCOUNTANTS[name]()];
    if (!composes(together, event, 7)) return;
    for (let i = 0; i < 7; i++) oneByOne.compose({ ...event });
    expect(deviation(oneByOne.epsilon(1e-6), together.epsilon(1e-6))).toBeLessThan(1e-13);
    expect(deviation(oneByOne.delta(0.5), together.delta(0.5))).toBeLessThan(1e-12);
    const once = ACCOUNTANTS[name]();
    once.compose(event);
    expect(once.epsilon(1e-6)).toBeLessThan(together.epsilon(1e-6));
  });

  test('knows nothing of an empty past, and bad arguments', () => {
    const accountant = ACCOUNTANTS[name]();
    expect([accountant.epsilon(1e-5), accountant.delta(0)]).toEqual([0, 0]);
    const event = eventOf({ kind: 'gaussian', noiseMultiplier: 1 });
    accountant.compose(event);
    expect(accountant.epsilon(1e-5)).toBeGreaterThan(0);
    expect(() => accountant.compose({ ...event, relation: 'zero-out' })).toThrow(RangeError);
    expect(() => accountant.compose(event, -1)).toThrow(RangeError);
    expect(() => accountant.epsilon(0)).toThrow(RangeError);
    expect(() => accountant.delta(-1)).toThrow(RangeError);
  });

  test('ε and δ are inverse to each other', () => {
    const accountant = ACCOUNTANTS[name]();
    accountant.compose(eventOf({ kind: 'gaussian', noiseMultiplier: 1.3 }), 3);
    for (const delta of [1e-10, 1e-5, 1e-2]) {
      const epsilon = accountant.epsilon(delta);
      expect(deviation(accountant.delta(epsilon), delta)).toBeLessThan(1e-9);
    }
  });
});

describe('Rényi bounds', () => {
  test.each(titled)('of %s: the log-moment is convex, 0 at 1, and rises', (_, event) => {
    const { logMoment, pureEpsilon } = curveOf(event);
    let before = 0;
    for (let order = 1.25; order < 50; order += 0.25) {
      const at = logMoment(order);
      expect(at).toBeGreaterThan(before);
      const around = logMoment(order + 0.25) + (order === 1.25 ? 0 : logMoment(order - 0.25));
      // Where the pure loss cuts off a bound that is not tight, the bound has a kink.
      const kinked = event.mechanism.kind === 'laplace' && event.sampling === fixed;
      if (order > 1.25 && !kinked) expect(2 * at).toBeLessThanOrEqual(around * (1 + 1e-12));
      expect(at).toBeLessThanOrEqual((order - 1) * pureEpsilon * (1 + 1e-12));
      before = at;
    }
  });

  test('rise with rate, rounds, and less noise; ε with less δ', () => {
    const epsilonOf = (z: number, q: number, steps: number, delta = 1e-5) => {
      const accountant = new RdpAccountant();
      accountant.compose(poissonGaussian(z, q), steps);
      return accountant.epsilon(delta);
    };
    const z = fc.double({ min: 0.4, max: 10, noNaN: true });
    const q = fc.double({ min: 1e-4, max: 0.9, noNaN: true });
    const steps = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(z, q, steps, (noise, rate, count) => {
        const epsilon = epsilonOf(noise, rate, count);
        // Golden sections find a minimum to 10⁻¹², or another valley of the same depth.
        const above = epsilon * (1 - 1e-9);
        expect(epsilonOf(noise, rate * 1.1, count)).toBeGreaterThanOrEqual(above);
        expect(epsilonOf(noise, rate, count + 1)).toBeGreaterThanOrEqual(above);
        expect(epsilonOf(noise / 1.1, rate, count)).toBeGreaterThanOrEqual(above);
        expect(epsilonOf(noise, rate, count, 1e-6)).toBeGreaterThanOrEqual(above);
      }),
      { numRuns: 25 },
    );
  });

  test('go over to those without sampling as everybody is drawn', () => {
    for (const [, { mechanism, sampling }] of titled) {
      if (sampling.kind !== 'poisson' || mechanism.kind === 'zcdp') continue;
      const all = curveOf(eventOf(mechanism));
      const nearly = curveOf(eventOf(mechanism, { kind: 'poisson', rate: 1 - 1e-10 }));
      const exact = curveOf(eventOf(mechanism, { kind: 'poisson', rate: 1 }));
      for (const order of [2, 3, 17]) {
        expect(exact.logMoment(order)).toBe(all.logMoment(order));
        expect(deviation(nearly.logMoment(order), all.logMoment(order))).toBeLessThan(1e-7);
      }
    }
  });

  test('of a lattice, sampled by coins, are those of the continuous noise at integers', () => {
    const known = curveOf(poissonGaussian(8 / 5, 0.05));
    const ours = curveOf(eventOf(lattice, coins));
    for (const order of [2, 3, 30]) expect(ours.logMoment(order)).toBe(known.logMoment(order));
    expect(ours.logMoment(2.5)).toBeGreaterThan(known.logMoment(2.5));
  });
});

/** Σ p(k)^α·q(k)^(1−α) of the mixture and of the base, in both directions, whichever is more. */
function momentBySums(pmf: (k: number) => number, options: { shift: number; rate: number }) {
  const { shift, rate } = options;
  return (order: number): number => {
    let [towards, away] = [0, 0];
    for (let k = -400; k <= 400; k++) {
      const base = pmf(k);
      const mixed = (1 - rate) * base + rate * pmf(k - shift);
      if (base === 0 || mixed === 0) continue;
      towards += base * (mixed / base) ** order;
      away += mixed * (base / mixed) ** order;
    }
    return Math.log(Math.max(towards, away));
  };
}

describe('Against sums over the lattice itself', () => {
  /** e^−|k|·a up to a constant. */
  const laplace = (k: number) => Math.tanh(0.1) * Math.exp(-0.2 * Math.abs(k));
  const discreteGaussian = (k: number) => Math.exp(-0.5 * (k / 8) ** 2) / (8 * 2.5066282746310002);

  test.each([1, 0.3, 0.01])('discrete Laplace noise, rate %d: exact', (rate) => {
    const event = eventOf(
      { kind: 'discrete-laplace', rate: 0.2, sensitivity: 2 },
      { kind: 'poisson', rate },
    );
    const known = momentBySums(laplace, { shift: 2, rate });
    for (const order of [2, 3, 9]) {
      expect(deviation(curveOf(event).logMoment(order), known(order))).toBeLessThan(1e-9);
    }
    expect(curveOf(event).logMoment(2.5)).toBeGreaterThanOrEqual(known(2.5) * (1 - 1e-9));
  });

  test.each([1, 0.3, 0.01])('discrete Gaussian noise, rate %d: exact', (rate) => {
    const event = eventOf(lattice, { kind: 'poisson', rate });
    const known = momentBySums(discreteGaussian, { shift: 5, rate });
    for (const order of [2, 3, 9]) {
      expect(deviation(curveOf(event).logMoment(order), known(order))).toBeLessThan(1e-9);
    }
  });

  test.each([1, 0.3])('Skellam noise, rate %d: a bound, and near', (rate) => {
    const pmf = skellamPmf(30);
    const known = momentBySums((k) => pmf[Math.abs(k)] ?? 0, { shift: 2, rate });
    const event = eventOf(
      { kind: 'skellam', variance: 30, l1Sensitivity: 2, l2Sensitivity: 2 },
      { kind: 'poisson', rate },
    );
    for (const order of [2, 3, 5]) {
      expect(curveOf(event).logMoment(order)).toBeGreaterThan(known(order));
      expect(curveOf(event).logMoment(order)).toBeLessThan(known(order) * 1.3);
    }
  });
});

/** P(k) = Σ Poisson(i + k)·Poisson(i) with means of half the variance, for k from 0 to 90. */
function skellamPmf(variance: number): number[] {
  const poisson: number[] = [Math.exp(-variance / 2)];
  for (let i = 1; i < 200; i++) poisson.push((poisson[i - 1]! * variance) / 2 / i);
  return Array.from({ length: 91 }, (_, k) =>
    poisson.reduce((sum, p, i) => sum + p * (poisson[i + k] ?? 0), 0),
  );
}
