import { describe, expect, test } from 'vitest';
import { epsilonAt, leastAmong } from '../../src/privacy/accountants/conversion.ts';
import { curveOf } from '../../src/privacy/accountants/curve.ts';
import { poissonSampled } from '../../src/privacy/accountants/poisson.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import type { Mechanism } from '../../src/privacy/event.ts';
import { roundedNorms } from '../../src/privacy/rounding.ts';
import { itShared } from '../support/shared.ts';
import {
  deviation,
  eventOf,
  type GoldenRow,
  poissonGaussian,
  rowsOf,
  worst,
} from './accountants/support.ts';

const GOLDEN = ['golden/dp_distributed.json'] as const;
/** The orders of the golden rows: 2 … 128 and 256. */
const ORDERS = [...Array.from({ length: 127 }, (_, i) => i + 2), 256];

type Params = GoldenRow['params'];

function skellamOf({ l2_clip, scale, dim, beta, central_stddev }: Params): Mechanism {
  const norms = roundedNorms({ norm: l2_clip * scale, dimensions: dim, bias: beta });
  const variance = (central_stddev * scale) ** 2;
  return { kind: 'skellam', variance, l1Sensitivity: norms.l1, l2Sensitivity: norms.l2 };
}

function sharesOf({ l2_clip, gamma, dim, beta, local_stddev, num_clients }: Params): Mechanism {
  const norms = roundedNorms({ norm: l2_clip / gamma, dimensions: dim, bias: beta });
  return {
    kind: 'distributed-discrete-gaussian',
    sigma: local_stddev / gamma,
    shares: num_clients,
    dimensions: dim,
    l1Sensitivity: norms.l1,
    l2Sensitivity: norms.l2,
  };
}

/** ε with the bound for any mechanism, as the peer has it. */
function epsilonOfAny(mechanism: Mechanism, { q: rate, steps, delta }: Params): number {
  const base = curveOf(eventOf(mechanism));
  const { logMoment } = rate === 1 ? base : poissonSampled(base, { rate, symmetric: false });
  return leastAmong((order) => epsilonAt(order, steps * logMoment(order), delta), ORDERS).value;
}

describe('Noise in shares', () => {
  const KINDS = [
    ['skellam', skellamOf],
    ['distributed_discrete_gaussian', sharesOf],
  ] as const;
  for (const [kind, mechanismOf] of KINDS) {
    itShared(`${kind} agrees with its authors, and is tighter when sampled`, GOLDEN, ([file]) => {
      const rows = rowsOf(file, kind);
      const found = worst(rows, ({ params, result }) =>
        deviation(epsilonOfAny(mechanismOf(params), params), result.eps),
      );
      expect(found.deviation, found.id).toBeLessThan(1e-9);
      for (const { params, result, id } of rows) {
        const accountant = new RdpAccountant();
        const coins = { kind: 'poisson', rate: params.q } as const;
        accountant.compose(eventOf(mechanismOf(params), coins), params.steps);
        expect(accountant.epsilon(params.delta), id).toBeLessThanOrEqual(result.eps * (1 + 1e-12));
      }
    });
  }

  itShared('the Rényi curve of Skellam noise is that of its authors', GOLDEN, ([file]) => {
    for (const { params, result } of rowsOf(file, 'skellam_rdp_vector')) {
      const { logMoment } = curveOf(
        eventOf({
          kind: 'skellam',
          variance: params.central_variance * params.scale ** 2,
          l1Sensitivity: params.l1_sens * params.scale,
          l2Sensitivity: params.l2_sens * params.scale,
        }),
      );
      const orders: number[] = params.orders;
      const errors = orders.map((at, i) => deviation(logMoment(at) / (at - 1), result.rdp[i]));
      expect(Math.max(...errors)).toBeLessThan(1e-12);
    }
  });

  itShared('normal noise beside it is the same', GOLDEN, ([file]) => {
    const found = worst(rowsOf(file, 'gaussian_baseline_for_distributed'), (row) => {
      const { noise_multiplier, q, steps, delta } = row.params;
      const accountant = new RdpAccountant({ orders: ORDERS });
      accountant.compose(poissonGaussian(noise_multiplier, q), steps);
      return deviation(accountant.epsilon(delta), row.result.eps);
    });
    expect(found.deviation, found.id).toBeLessThan(1e-9);
  });

  test('a single share is a discrete Gaussian; a crowd of thin ones is not', () => {
    const shares = { kind: 'distributed-discrete-gaussian', dimensions: 10 } as const;
    const moved = { l1Sensitivity: 3, l2Sensitivity: 2 } as const;
    const single = curveOf(eventOf({ ...shares, ...moved, sigma: 4, shares: 1 }));
    const known = curveOf(eventOf({ kind: 'discrete-gaussian', sigma: 4, sensitivity: 2 }));
    expect(deviation(single.logMoment(7), known.logMoment(7))).toBeLessThan(1e-15);
    // τ = 10·e^(−2π²·0.3²/2) and more: nothing but the third bound is left.
    const thin = curveOf(eventOf({ ...shares, ...moved, sigma: 0.3, shares: 178 }));
    expect(thin.logMoment(7)).toBeGreaterThan(1.5 * known.logMoment(7));
  });
});

describe('Rounding at random', () => {
  itShared('lengthens a vector by no more than its authors say', GOLDEN, ([file]) => {
    for (const { params, result } of rowsOf(file, 'stochastic_rounding_l2_bound')) {
      const { l2: norm, dim: dimensions, beta: bias } = params;
      const { l1, l2 } = roundedNorms({ norm, dimensions, bias });
      expect(deviation(l2, result.l2_after)).toBeLessThan(1e-12);
      // Theirs is of the vector before.
      expect(l1).toBeGreaterThanOrEqual(result.l1_after);
    }
  });

  test('is at most by a corner of the grid, and 1-norms of integers are at most squares', () => {
    expect(roundedNorms({ norm: 3, dimensions: 4, bias: 0 })).toEqual({ l1: 10, l2: 5 });
    expect(roundedNorms({ norm: 1, dimensions: 1, bias: 0 })).toEqual({ l1: 2, l2: 2 });
    expect(() => roundedNorms({ norm: 1, dimensions: 1, bias: 1 })).toThrow('bias must be in');
    expect(() => roundedNorms({ norm: 0, dimensions: 1 })).toThrow(RangeError);
  });
});
