import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PrivacyError } from '../../src/core/errors.ts';
import { binomialMass } from '../../src/privacy/binomial.ts';
import {
  shuffledDelta,
  shuffledEpsilon,
  shuffledEpsilonClosedForm,
} from '../../src/privacy/shuffle.ts';
import { itShared } from '../support/shared.ts';

interface Row {
  readonly kind: string;
  readonly params: { readonly n: number; readonly eps0: number; readonly delta: number };
  readonly result: {
    readonly eps_closed_form: number | null;
    readonly eps_numerical_upper?: number;
    readonly eps_numerical_lower?: number;
  };
}

itShared('both bounds agree with the golden rows', ['golden/dp_distributed.json'], ([file]) => {
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: Row[] };
  const shuffles = rows.filter(({ kind }) => kind === 'shuffle_amplification');
  expect(shuffles.length).toBeGreaterThanOrEqual(20);
  for (const { params, result } of shuffles) {
    const shuffled = { reports: params.n, localEpsilon: params.eps0 };
    const name = JSON.stringify(params);
    if (result.eps_closed_form === null) {
      expect(() => shuffledEpsilonClosedForm(shuffled, params.delta), name).toThrow(PrivacyError);
    } else {
      const ratio = shuffledEpsilonClosedForm(shuffled, params.delta) / result.eps_closed_form;
      expect(Math.abs(ratio - 1), name).toBeLessThan(1e-12);
    }
    // The script behind the rows evaluates few numbers of clones; its upper value compares one end of
    // a range with itself, and is loose. Ours, of nearly every number, lies between its two.
    const numerical = shuffledEpsilon(shuffled, params.delta);
    if (result.eps_numerical_lower === undefined) continue;
    expect(numerical, name).toBeGreaterThanOrEqual(result.eps_numerical_lower);
    expect(numerical, name).toBeLessThanOrEqual(result.eps_numerical_upper!);
  }
});

/** The hockey stick of the two laws, summed over every pair of counts. */
function plainDelta(n: number, { eps0, epsilon }: { eps0: number; epsilon: number }): number {
  const p = Math.exp(-eps0);
  const w = Math.exp(eps0) / (1 + Math.exp(eps0));
  let sum = 0;
  for (let c = 0; c < n; c++) {
    const weight = binomialMass(c, { trials: n - 1, chance: p });
    const mass = (a: number): number => binomialMass(a, { trials: c, chance: 0.5 });
    for (let a = 0; a <= c + 1; a++) {
      const one = w * mass(a - 1) + (1 - w) * mass(a);
      const other = (1 - w) * mass(a - 1) + w * mass(a);
      sum += weight * Math.max(0, one - Math.exp(epsilon) * other);
    }
  }
  return sum;
}

/** P(N(0, 1) > x), by Simpson's rule on 4000 steps. */
function normalTail(x: number): number {
  const density = (t: number): number => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  const h = 12 / 4000;
  let sum = density(x) + density(x + 12);
  for (let i = 1; i < 4000; i++) sum += density(x + i * h) * (i % 2 === 1 ? 4 : 2);
  return (sum * h) / 3;
}

describe('the numerical δ', () => {
  test('is the hockey stick of the two laws, never below it', () => {
    for (const n of [2, 3, 17, 60]) {
      for (const eps0 of [0.1, 1, 3]) {
        for (const share of [0, 0.1, 0.5, 0.9]) {
          const epsilon = share * eps0;
          const plain = plainDelta(n, { eps0, epsilon });
          const delta = shuffledDelta({ reports: n, localEpsilon: eps0 }, epsilon);
          // Masses err by 10⁻¹².
          expect(delta).toBeGreaterThanOrEqual(plain * (1 - 1e-11));
          expect(delta).toBeLessThanOrEqual(plain * (1 + 2e-9) + 1e-15);
        }
      }
    }
  });

  test('is next to that of normal laws for a million reports, where numbers share a bound', () => {
    const [n, eps0, epsilon] = [1_000_000, 1, 0.003];
    // Given C = (n − 1)/e^ε₀ clones the sides have mean 2w − 1 apart and variance C/4; skewness is 0,
    // and C itself is spread by 0.1 %, so that a normal law is off by some 10⁻³.
    const shift = Math.tanh(eps0 / 2) / (Math.sqrt((n - 1) / Math.exp(eps0)) / 2);
    const normal =
      normalTail(epsilon / shift - shift / 2) -
      Math.exp(epsilon) * normalTail(epsilon / shift + shift / 2);
    const delta = shuffledDelta({ reports: n, localEpsilon: eps0 }, epsilon);
    expect(delta / normal).toBeGreaterThan(1 - 0.005);
    expect(delta / normal).toBeLessThan(1 + 0.02);
  });

  test('is, for two reports and ε = 0, the distance worked by hand', () => {
    // e^ε₀ = 3: one clone with chance 1/3. Without it P and Q differ by w − (1 − w) = 1/2; with it the
    // counts 0, 1, 2 have 1/8, 1/2, 3/8 against 3/8, 1/2, 1/8: 1/4. Together 2/3·1/2 + 1/3·1/4.
    const delta = shuffledDelta({ reports: 2, localEpsilon: Math.log(3) }, 0);
    expect(delta).toBeCloseTo(5 / 12, 8);
  });

  test('falls with ε and with more reports, grows with ε₀, and is 0 from ε₀ on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 3000 }),
        fc.double({ min: 0.05, max: 5, noNaN: true }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (reports, localEpsilon, share) => {
          const epsilon = share * localEpsilon;
          const delta = shuffledDelta({ reports, localEpsilon }, epsilon);
          const room = 1 + 3e-9;
          expect(delta).toBeGreaterThanOrEqual(0);
          expect(delta).toBeLessThanOrEqual(1);
          const tighter = shuffledDelta({ reports, localEpsilon }, epsilon + 0.01);
          expect(tighter).toBeLessThanOrEqual(delta * room);
          const more = shuffledDelta({ reports: reports + 50, localEpsilon }, epsilon);
          expect(more).toBeLessThanOrEqual(delta * room + 1e-25);
          const looser = shuffledDelta({ reports, localEpsilon: localEpsilon + 0.1 }, epsilon);
          expect(looser * room + 1e-25).toBeGreaterThanOrEqual(delta);
          expect(shuffledDelta({ reports, localEpsilon }, localEpsilon)).toBe(0);
        },
      ),
      { seed: 4, numRuns: 60 },
    );
  });
});

describe('the numerical ε', () => {
  test('meets δ when it is put back, and nothing smaller does', () => {
    const shuffled = { reports: 5000, localEpsilon: 2 };
    const epsilon = shuffledEpsilon(shuffled, 1e-6);
    // A 2⁻¹⁹th of δ is kept for numbers of clones that are too small or too large.
    expect(shuffledDelta(shuffled, epsilon)).toBeLessThanOrEqual(1e-6);
    expect(shuffledDelta(shuffled, epsilon * (1 - 1e-5))).toBeGreaterThan(1e-6);
  });

  test('is ε₀ itself where shuffling gains nothing', () => {
    expect(shuffledEpsilon({ reports: 2, localEpsilon: 3 }, 1e-9)).toBe(3);
  });

  test('shrinks a little faster than 1/√n, in moderate time for ten million reports', () => {
    // Next to a normal law of mean µ ∝ 1/√n, δ is µ·g(ε/µ): a fixed δ asks for less of ε/µ.
    const some = shuffledEpsilon({ reports: 1_000_000, localEpsilon: 1 }, 1e-6);
    const many = shuffledEpsilon({ reports: 10_000_000, localEpsilon: 1 }, 1e-6);
    expect(some / many).toBeGreaterThan(Math.sqrt(10));
    expect(some / many).toBeLessThan(4);
  });
});

describe('bad input', () => {
  test('is refused with its range', () => {
    const good = { reports: 10, localEpsilon: 1 };
    expect(() => shuffledEpsilon({ ...good, reports: 1 }, 0.1)).toThrow(
      /reports must be at least 2/,
    );
    expect(() => shuffledEpsilon({ ...good, localEpsilon: 0 }, 0.1)).toThrow(RangeError);
    expect(() => shuffledEpsilon({ ...good, localEpsilon: 41 }, 0.1)).toThrow(/\(0, 40\]/);
    expect(() => shuffledEpsilon(good, 0)).toThrow(/delta must be in \(0, 1\)/);
    expect(() => shuffledEpsilon(good, Number.NaN)).toThrow(RangeError);
    expect(() => shuffledEpsilonClosedForm(good, 1)).toThrow(RangeError);
    expect(() => shuffledDelta(good, -1)).toThrow(/epsilon must be at least 0/);
  });
});
