import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  gaussianCurve,
  quadratureLogMoment,
  sampledGaussianCurve,
  seriesLogMoment,
} from '../../../src/privacy/accountants/sampled-gaussian.ts';
import { itShared } from '../../support/shared.ts';
import { deviation, rowsOf, worst } from './support.ts';

describe('Log-moments of the sampled Gaussian', () => {
  test('at order 2 are ln(1 + q²·(e^(1/z²) − 1))', () => {
    const curve = sampledGaussianCurve({ rate: 0.25, noiseMultiplier: 2 });
    expect(deviation(curve.logMoment(2), Math.log1p(Math.expm1(0.25) / 16))).toBeLessThan(1e-14);
  });

  test('keep all digits where hardly anybody is drawn', () => {
    // q²·(e − 1) = 1.7·10⁻²⁰: A itself is 1 in f64.
    const curve = sampledGaussianCurve({ rate: 1e-10, noiseMultiplier: 1 });
    expect(deviation(curve.logMoment(2), 1e-20 * (Math.E - 1))).toBeLessThan(1e-14);
    // To the leading order in q, K(α) = α(α−1)/2·q²·(e − 1); the next is q times as large.
    expect(deviation(curve.logMoment(1.5), 0.375e-20 * (Math.E - 1))).toBeLessThan(1e-9);
  });

  test('by series and by quadrature are the same', () => {
    const order = fc.double({ min: 1.3, max: 40, noNaN: true });
    const rate = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    const noiseMultiplier = fc.double({ min: 0.1, max: 0.5, noNaN: true });
    let compared = 0;
    fc.assert(
      fc.property(order, rate, noiseMultiplier, (alpha, q, z) => {
        const event = { rate: q, noiseMultiplier: z };
        const series = seriesLogMoment(alpha, event);
        if (series === undefined) return;
        compared++;
        const error = Math.abs(series - quadratureLogMoment(alpha, event));
        // ln A is a sum of terms as large as α²/(2z²): rounding is of that, and of A about 1.
        expect(error).toBeLessThan(1e-13 + (1e-14 * alpha * alpha) / (z * z));
      }),
    );
    expect(compared).toBeGreaterThan(20);
  });

  test('by quadrature at an integer order are the closed form', () => {
    const rate = fc.double({ min: 1e-6, max: 0.999, noNaN: true });
    const noiseMultiplier = fc.double({ min: 0.3, max: 20, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), rate, noiseMultiplier, (alpha, q, z) => {
        const event = { rate: q, noiseMultiplier: z };
        const closed = sampledGaussianCurve(event).logMoment(alpha);
        expect(deviation(quadratureLogMoment(alpha, event), closed)).toBeLessThan(1e-11);
      }),
      { numRuns: 60 },
    );
  });

  test('lie on or below chords, and rise with the order', () => {
    for (const event of [
      { rate: 0.01, noiseMultiplier: 0.7 },
      { rate: 0.5, noiseMultiplier: 4 },
      { rate: 1e-4, noiseMultiplier: 0.15 },
    ]) {
      const { logMoment } = sampledGaussianCurve(event);
      for (let order = 1.25; order < 40; order += 0.25) {
        const [below, at, above] = [order - 0.125, order, order + 0.125].map(logMoment);
        expect(at! * 2).toBeLessThanOrEqual((below! + above!) * (1 + 1e-12));
        expect(above!).toBeGreaterThan(at!);
      }
    }
  });

  test('go over to those without sampling as everybody is drawn', () => {
    for (const order of [1.5, 2, 7.3, 32]) {
      const nearly = sampledGaussianCurve({ rate: 1 - 1e-12, noiseMultiplier: 1 });
      const known = gaussianCurve(1).logMoment(order);
      expect(deviation(nearly.logMoment(order), known)).toBeLessThan(1e-10);
    }
  });

  test('stay bounds where quadrature would take millions of nodes', () => {
    const curve = sampledGaussianCurve({ rate: 1e-300, noiseMultiplier: 1e-4 });
    expect(curve.logMoment(1.5)).toBeGreaterThanOrEqual(0);
    expect(curve.logMoment(1.5)).toBeLessThanOrEqual(curve.logMoment(2) / 2);
  });

  itShared('agree with quadrature in 45 digits', ['golden/dp_noise_reference.json'], ([file]) => {
    const rows = rowsOf(file, 'rdp_reference_any_order');
    const found = worst(rows, ({ params, result }) => {
      const { logMoment } = sampledGaussianCurve({
        rate: Number(params.q),
        noiseMultiplier: Number(params.noise_multiplier),
      });
      return deviation(logMoment(Number(params.order)), Number(result.log_A));
    });
    // Their ln A spans 3·10⁻¹³ to 2000.
    expect(found.deviation, found.id).toBeLessThan(1e-12);
  });
});

test('at orders between large integers the moment is between theirs, and finite', () => {
  // (1 + w)^1064.5 leaves f64 at w = 1, which the integrand passes.
  const { logMoment } = sampledGaussianCurve({ rate: 1e-4, noiseMultiplier: 9.7730817329156 });
  for (const order of [1025, 1064, 1075, 1500]) {
    expect(logMoment(order + 0.5)).toBeGreaterThan(logMoment(order));
    expect(logMoment(order + 0.5)).toBeLessThan((logMoment(order) + logMoment(order + 1)) / 2);
  }
});
