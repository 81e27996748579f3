import { describe, expect, test } from 'vitest';
import { PrivacyError } from '../../src/core/errors.ts';
import { epsilonAt, leastAmong } from '../../src/privacy/accountants/conversion.ts';
import { curveOf } from '../../src/privacy/accountants/curve.ts';
import { poissonSampled } from '../../src/privacy/accountants/poisson.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import type { Relation } from '../../src/privacy/event.ts';
import { ONE } from '../../src/privacy/lattice/fixed-point.ts';
import { discreteGaussian, type Law, skellam } from '../../src/privacy/lattice/laws.ts';
import { normsOf } from '../../src/privacy/lattice/random-rounding.ts';
import { roundedNorms } from '../../src/privacy/rounding.ts';
import {
  clippedNorms,
  fewestHonest,
  leastModulus,
  planShares,
  requireSurvivors,
  type ShareOptions,
  type SharePlan,
  type ShareRelation,
  shareEvent,
  shareNoise,
} from '../../src/privacy/shares.ts';
import { itShared } from '../support/shared.ts';
import { deviation, type GoldenRow, rowsOf, worst } from './accountants/support.ts';

const GOLDEN = ['golden/dp_distributed.json'] as const;
const NONE = { kind: 'none' } as const;
/** The orders of the golden rows: 2 … 128 and 256. */
const ORDERS = [...Array.from({ length: 127 }, (_, i) => i + 2), 256];

const crowd = { clients: 100, maxDropped: 20, maxColluding: 5 };
const OPTIONS: ShareOptions = {
  law: 'skellam',
  stdDev: 300,
  crowd,
  norms: clippedNorms(200, 1000),
  dimensions: 1000,
  relation: 'zero-out',
};

/** The masses of a law from −reach to reach. */
function massesOf({ masses }: Law): number[] {
  const half = masses.map((mass) => Number(mass) / Number(ONE));
  return [...half.slice(1).reverse(), ...half];
}

function convolved(a: readonly number[], b: readonly number[]): number[] {
  const sums = Array<number>(a.length + b.length - 1).fill(0);
  for (const [i, p] of a.entries()) for (const [j, q] of b.entries()) sums[i + j]! += p * q;
  return sums;
}

/** The law of a sum of so many shares, from −reach to reach. */
function lawOfSum({ law, shareVariance }: SharePlan, count: number): number[] {
  const share = massesOf(
    law === 'skellam' ? skellam(shareVariance) : discreteGaussian(shareVariance),
  );
  return Array.from({ length: count - 1 }).reduce<number[]>((sum) => convolved(sum, share), share);
}

describe('the fewest honest survivors', () => {
  test('are those who neither drop out nor collude', () => {
    expect(fewestHonest(crowd)).toBe(75);
    expect(fewestHonest({ clients: 3, maxDropped: 1, maxColluding: 1 })).toBe(1);
    expect(() => fewestHonest({ clients: 3, maxDropped: 2, maxColluding: 1 })).toThrow(
      new PrivacyError(
        'too-few',
        'of 3 clients 2 may drop out and 1 collude: no noise is sure to be in the sum',
      ),
    );
    expect(() => fewestHonest({ ...crowd, maxDropped: -1 })).toThrow(
      'maxDropped must be at least 0',
    );
  });

  test('must be sure before a sum is unmasked', () => {
    expect(requireSurvivors(80, crowd)).toBe(80);
    expect(requireSurvivors(100, crowd)).toBe(100);
    expect(() => requireSurvivors(79, crowd)).toThrow(
      new PrivacyError(
        'too-few',
        'a sum must be of at least 80 of 100 clients to be unmasked, got 79: with 5 colluding, ' +
          '74 shares of noise might be unknown where 75 are needed',
      ),
    );
    expect(() => requireSurvivors(101, crowd)).toThrow('survivors must be in [0, 100]');
  });

  test('have all the noise that is accounted for, and not much more', () => {
    for (const law of ['skellam', 'discrete-gaussian'] as const) {
      const plan = planShares({ ...OPTIONS, law });
      expect(plan.honest).toBe(75);
      const { mechanism } = shareEvent(plan, NONE);
      const accounted =
        mechanism.kind === 'skellam'
          ? mechanism.variance
          : mechanism.kind === 'distributed-discrete-gaussian'
            ? mechanism.shares * mechanism.sigma ** 2
            : Number.NaN;
      expect(75 * plan.shareVariance).toBeGreaterThan(accounted);
      expect(deviation(75 * plan.shareVariance, 300 ** 2)).toBeLessThan(1e-13);
      expect(deviation(accounted, 300 ** 2)).toBeLessThan(1e-13);
    }
  });
});

describe('the event of an unmasked sum', () => {
  type Params = GoldenRow['params'];

  function skellamPlanOf({ l2_clip, scale, dim, beta, central_stddev }: Params): SharePlan {
    return planShares({
      law: 'skellam',
      stdDev: central_stddev * scale,
      crowd: { clients: 100, maxDropped: 0, maxColluding: 0 },
      norms: normsOf({ scale, norm: l2_clip * scale, bias: beta }, dim),
      dimensions: dim,
      relation: 'zero-out',
    });
  }

  /** Twice the crowd, of whom half may drop out or collude: the golden clients are those left. */
  function gaussianPlanOf({
    l2_clip,
    gamma,
    dim,
    beta,
    local_stddev,
    num_clients,
  }: Params): SharePlan {
    return planShares({
      law: 'discrete-gaussian',
      stdDev: (Math.sqrt(num_clients) * local_stddev) / gamma,
      crowd: { clients: 2 * num_clients, maxDropped: num_clients - 1, maxColluding: 1 },
      norms: roundedNorms({ norm: l2_clip / gamma, dimensions: dim, bias: beta }),
      dimensions: dim,
      relation: 'zero-out',
    });
  }

  const KINDS = [
    ['skellam', skellamPlanOf],
    ['distributed_discrete_gaussian', gaussianPlanOf],
  ] as const;
  for (const [kind, planOf] of KINDS) {
    itShared(`${kind} costs what its authors say`, GOLDEN, ([file]) => {
      const rows = rowsOf(file, kind);
      const found = worst(rows, ({ params, result }) => {
        const { q: rate, steps, delta } = params;
        const base = curveOf(shareEvent(planOf(params), NONE));
        // With the bound for any mechanism, as the peer has it.
        const { logMoment } = rate === 1 ? base : poissonSampled(base, { rate, symmetric: false });
        const { value } = leastAmong((at) => epsilonAt(at, steps * logMoment(at), delta), ORDERS);
        return deviation(value, result.eps);
      });
      expect(found.deviation, found.id).toBeLessThan(1e-9);
      for (const { params, result, id } of rows) {
        const accountant = new RdpAccountant();
        const coins = { kind: 'poisson', rate: params.q } as const;
        accountant.compose(shareEvent(planOf(params), coins), params.steps);
        expect(accountant.epsilon(params.delta), id).toBeLessThanOrEqual(result.eps * (1 + 1e-12));
      }
    });
  }

  itShared('has the norms of rounded rows that its authors have', GOLDEN, ([file]) => {
    for (const { params, result } of rowsOf(file, 'stochastic_rounding_l2_bound')) {
      const norms = normsOf({ scale: 1, norm: params.l2, bias: params.beta }, params.dim);
      expect(deviation(norms.l2, result.l2_after)).toBeLessThan(1e-12);
      // Theirs is of the vector before it was rounded, and too small for one after.
      expect(norms.l1).toBeGreaterThanOrEqual(result.l1_after);
    }
  });

  test.each(['skellam', 'discrete-gaussian'] as const)(
    'bounds what the law of the sum gives away: %s',
    (law) => {
      const options: ShareOptions = {
        ...OPTIONS,
        law,
        stdDev: 6,
        crowd: { clients: 5, maxDropped: 1, maxColluding: 1 },
        norms: clippedNorms(4, 1),
        dimensions: 1,
      };
      const plan = planShares(options);
      const { logMoment } = curveOf(shareEvent(plan, NONE));
      // As few as three, and all five.
      for (const survivors of [3, 5]) {
        const masses = lawOfSum(plan, survivors);
        for (const order of [2, 4, 8]) {
          let moment = 0;
          for (let i = 4; i < masses.length; i++) {
            // Below 10⁻¹⁵ masses are roundings of the convolution.
            if (masses[i]! < 1e-15 || masses[i - 4]! < 1e-15) continue;
            moment += masses[i]! * (masses[i - 4]! / masses[i]!) ** order;
          }
          expect(Math.log(moment), `${survivors} at ${order}`).toBeLessThan(logMoment(order));
          // Not by much for the fewest, at low orders.
          if (survivors === 3 && order === 2) {
            expect(Math.log(moment)).toBeGreaterThan(0.5 * logMoment(order));
          }
        }
      }
    },
  );

  test('moves twice as far where a row is replaced', () => {
    const norms = { l1: 90, l2: 30 };
    for (const [relation, factor] of [
      ['zero-out', 1],
      ['replace-one', 2],
    ] as const) {
      const { mechanism } = shareEvent(planShares({ ...OPTIONS, norms, relation }), NONE);
      expect(mechanism).toMatchObject({ l1Sensitivity: 90 * factor, l2Sensitivity: 30 * factor });
    }
  });

  test('is not known where shares leave with their clients', () => {
    const relation = 'add-remove' as Relation as ShareRelation;
    expect(() => planShares({ ...OPTIONS, relation })).toThrow(
      'no bound is known for shares of noise under add-remove',
    );
  });
});

describe('rows that were clipped exactly', () => {
  test('are no longer in L1 than d entries, or than their squares', () => {
    expect(clippedNorms(3, 4)).toEqual({ l1: 6, l2: 3 });
    expect(clippedNorms(3, 100)).toEqual({ l1: 9, l2: 3 });
  });
});

describe('the noise of a share', () => {
  test('is planned, and its distance is that of all shares that are accounted for', () => {
    for (const law of ['skellam', 'discrete-gaussian'] as const) {
      const plan = planShares({ ...OPTIONS, law });
      const { draws, log2TotalVariation, log2SumTotalVariation } = shareNoise(plan);
      expect(draws.length).toBe(1);
      expect(log2TotalVariation).toBeLessThan(-96);
      expect(log2SumTotalVariation).toBeCloseTo(log2TotalVariation + Math.log2(75), 10);
    }
  });

  test('has the variance that the plan says', () => {
    const plan = planShares(OPTIONS);
    const { table } = shareNoise(plan).draws[0]!;
    const total = 2 ** (96 + table.log2Columns);
    const columns = new Map<number, number>();
    for (let i = 0; i < table.words.length; i += 4) {
      const own = i / 4 - table.offset;
      const [a, b, c, alias] = table.words.subarray(i, i + 4);
      const below = a! + b! * 2 ** 32 + c! * 2 ** 64;
      columns.set(own, (columns.get(own) ?? 0) + below);
      columns.set(alias! | 0, (columns.get(alias! | 0) ?? 0) + (2 ** 96 - below));
    }
    let variance = 0;
    for (const [value, weight] of columns) variance += (value * value * weight) / total;
    expect(deviation(variance, plan.shareVariance)).toBeLessThan(1e-12);
  });
});

describe('the modulus', () => {
  test('by hand: one client without reach to spare', () => {
    const plan: SharePlan = {
      ...planShares({
        ...OPTIONS,
        law: 'discrete-gaussian',
        stdDev: 10,
        crowd: { clients: 1, maxDropped: 0, maxColluding: 0 },
        norms: clippedNorms(50, 1),
        dimensions: 1,
      }),
      // 2·e^(−t²/200) at t = 40: rows reach 50, and noise 40.
      overflow: 2 * Math.exp(-8.0001),
    };
    expect(leastModulus(plan)).toBe(2 * (50 + 40) + 1);
  });

  test.each(['skellam', 'discrete-gaussian'] as const)(
    'leaves room for the noise of all, but for as rare a chance as was said: %s',
    (law) => {
      for (const stdDev of [2, 8]) {
        for (const overflow of [0.1, 1e-3, 1e-6]) {
          const plan = planShares({
            ...OPTIONS,
            law,
            stdDev,
            crowd: { clients: 4, maxDropped: 1, maxColluding: 0 },
            norms: clippedNorms(7, 20),
            dimensions: 20,
            overflow,
          });
          const masses = lawOfSum(plan, 4);
          const middle = (masses.length - 1) / 2;
          // Rows may be at their bound all together: |noise| must be below M/2 − 28.
          const room = leastModulus(plan) / 2 - 28;
          const wraps = masses.reduce(
            (sum, mass, i) => sum + (Math.abs(i - middle) >= room ? mass : 0),
            0,
          );
          expect(20 * wraps).toBeLessThan(overflow);
          // A Chernoff bound gives away two standard deviations or so, no more.
          const shorter = masses.reduce(
            (sum, mass, i) => sum + (Math.abs(i - middle) >= 0.6 * room ? mass : 0),
            0,
          );
          expect(20 * shorter).toBeGreaterThan(overflow);
        }
      }
    },
  );

  test('is refused where sums would wrap around, with the one that would do', () => {
    const needed = leastModulus(planShares(OPTIONS));
    expect(planShares({ ...OPTIONS, modulus: needed }).modulus).toBe(needed);
    expect(() => planShares({ ...OPTIONS, modulus: needed - 1 })).toThrow(
      `modulus must be at least ${needed} for sums to wrap around with probability`,
    );
    // 100 rows of 2²⁵ do not fit 32 bits.
    expect(() => planShares({ ...OPTIONS, norms: clippedNorms(2 ** 25, 1000) })).toThrow(
      'clip to fewer steps',
    );
  });

  test.each([
    [{ stdDev: 0 }, 'stdDev must be above 0'],
    [{ stdDev: 1e-9 }, 'stdDev must be in [2^-16, 2^32]'],
    [{ modulus: 2 ** 33 }, 'modulus must be in [2, 4294967296]'],
    [{ overflow: 0 }, 'overflow must be in (0, 1)'],
    [{ overflow: Number.NaN }, 'overflow must be in (0, 1)'],
    [{ dimensions: 0 }, 'dimensions must be at least 1'],
    [{ norms: { l1: 1, l2: 0 } }, 'norms.l2 must be above 0'],
    [{ law: 'laplace' as ShareOptions['law'] }, 'law must be one of'],
    [{ relation: 'same' as ShareRelation }, 'relation must be one of'],
  ])('and shares are not planned for %o', (wrong, message) => {
    expect(() => planShares({ ...OPTIONS, ...wrong })).toThrow(message);
  });
});
