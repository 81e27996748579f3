import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  contaminationOf,
  describeGroups,
  feasibleGroupSizes,
  type GroupRequirements,
  planGroups,
} from '../../src/secagg/groups.ts';

const NEEDS: GroupRequirements = {
  clients: 1000,
  corrupt: 0.1,
  dropout: 0.1,
  sigma: 40,
  eta: 20,
  byzantine: 4,
};

/** The reason for which a plan is refused. */
function refusal(requirements: Partial<GroupRequirements> & { groupSize: number }): string {
  try {
    planGroups({ ...NEEDS, ...requirements });
  } catch (error) {
    expect(error).toMatchObject({ name: 'SecureError', code: 'infeasible' });
    return (error as Error).message;
  }
  return expect.fail('it was planned');
}

describe('Contamination', () => {
  // f of n = 1000; one in each group at worst, and the expected share of groups in percent.
  test.each([
    [10, ['10 (5 %) ok', '10 (10 %) ok', '10 (18 %) ok', '10 (40 %) tight']],
    [20, ['20 (10 %) ok', '20 (18 %) ok', '20 (34 %) ok', '20 (65 %) broken']],
    [50, ['50 (23 %) ok', '50 (40 %) tight', '50 (65 %) broken', '20 (93 %) broken']],
    [100, ['100 (41 %) tight', '100 (65 %) broken', '50 (88 %) broken', '20 (100 %) broken']],
  ])('by %d Byzantine clients, of groups of 5, 10, 20 and 50', (byzantine, expected) => {
    const rows = [200, 100, 50, 20].map((groups) => {
      const { worstCase, expectedShare, verdict } = contaminationOf(1000, { groups, byzantine });
      return `${worstCase} (${(100 * expectedShare).toFixed(0)} %) ${verdict}`;
    });
    expect(rows).toEqual(expected);
  });

  test('is what is counted over all ways to place f clients', () => {
    // Five clients in groups of 2 and 3: {0, 1}, {2, 3, 4}; of 10 pairs 1 is in the first alone, 3 are in
    // the second alone, and 6 are in both.
    expect(contaminationOf(5, { groups: 2, byzantine: 2 }).expectedShare).toBeCloseTo(16 / 20, 15);
    expect(contaminationOf(5, { groups: 2, byzantine: 0 }).expectedShare).toBe(0);
    expect(contaminationOf(5, { groups: 2, byzantine: 5 })).toMatchObject({
      worstCase: 2,
      expectedShare: 1,
    });
  });

  test('breaks a median from half of the groups on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 0, max: 200 }),
        (groups, byzantine) => {
          const { verdict, medianHoldsUpTo } = contaminationOf(1000, { groups, byzantine });
          expect(verdict === 'ok').toBe(byzantine <= medianHoldsUpTo);
          expect(verdict === 'tight').toBe(2 * byzantine === groups);
        },
      ),
    );
  });

  test('grows with f and with the size of groups', () => {
    const share = (groups: number, byzantine: number): number =>
      contaminationOf(1000, { groups, byzantine }).expectedShare;
    for (let i = 1; i < 100; i++) {
      expect(share(50, i + 1)).toBeGreaterThan(share(50, i));
      expect(share(i + 1, 10)).toBeLessThanOrEqual(share(i, 10));
    }
  });
});

describe('A plan', () => {
  test('holds what its arithmetic says', () => {
    const plan = planGroups({ ...NEEDS, groupSize: 100 });
    expect(plan).toMatchObject({
      groups: 10,
      corrupt: 100,
      dropped: 100,
      tolerated: 4,
      byzantine: 4,
    });
    const [shape] = plan.shapes;
    // t = ⌊(99 + 35)/2⌋ + 1
    expect(shape).toEqual({
      size: 100,
      count: 10,
      corrupt: 35,
      threshold: 68,
      dropped: 27,
      toleratedDropouts: 31,
      leastSum: 69,
      honest: 34,
    });
    expect(plan.honest).toBe(34);
  });

  test('takes for colluders of a group what any group may have, never its share', () => {
    const { feasible } = feasibleGroupSizes(NEEDS);
    for (const { shapes } of feasible) {
      for (const { size, corrupt } of shapes)
        expect(corrupt).toBeGreaterThan(2 * Math.floor(0.1 * size));
    }
  });

  test('leaves no client out, in sizes that differ by one at most', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 2000 }),
        fc.integer({ min: 16, max: 300 }),
        (clients, size) => {
          fc.pre(size <= clients);
          const groupSize = size;
          const { shapes, groups } = planGroups({
            ...NEEDS,
            corrupt: 0,
            dropout: 0,
            byzantine: 0,
            clients,
            groupSize,
          });
          expect(groups).toBe(Math.floor(clients / groupSize));
          expect(shapes.reduce((sum, { count }) => sum + count, 0)).toBe(groups);
          expect(shapes.reduce((sum, shape) => sum + shape.size * shape.count, 0)).toBe(clients);
          expect(shapes[0]!.size).toBeGreaterThanOrEqual(groupSize);
          if (shapes.length === 2) expect(shapes[1]!.size).toBe(shapes[0]!.size + 1);
        },
      ),
    );
  });

  test('of one group is that of the whole roster', () => {
    const plan = planGroups({ ...NEEDS, byzantine: 0, clients: 100, groupSize: 100 });
    expect(plan).toMatchObject({
      groups: 1,
      shapes: [{ corrupt: 10, threshold: 55, dropped: 10 }],
    });
  });

  test('with more colluders, dropouts or certainty withstands no more', () => {
    const shapeOf = (
      more: Partial<GroupRequirements>,
    ): { corrupt: number; threshold: number; dropped: number } =>
      planGroups({ ...NEEDS, corrupt: 0.02, dropout: 0.02, ...more, groupSize: 100 }).shapes[0]!;
    for (let i = 0; i < 4; i++) {
      expect(shapeOf({ corrupt: 0.02 * (i + 1) }).corrupt).toBeGreaterThanOrEqual(
        shapeOf({ corrupt: 0.02 * i }).corrupt,
      );
      expect(shapeOf({ sigma: 20 * (i + 2) }).threshold).toBeGreaterThanOrEqual(
        shapeOf({ sigma: 20 * (i + 1) }).threshold,
      );
      expect(shapeOf({ dropout: 0.02 * (i + 1) }).dropped).toBeGreaterThanOrEqual(
        shapeOf({ dropout: 0.02 * i }).dropped,
      );
    }
  });

  test('is described with colluders, Byzantine clients, dropouts and the adversary', () => {
    // Of one group of 90 and ten of 91: 31.5 % and 31.8 %.
    const text = describeGroups(planGroups({ ...NEEDS, groupSize: 90 }));
    expect(text).toMatch(/^1000 clients in 11 groups of 90 or 91\n/);
    expect(text).toContain('up to 100 of 1000, in league with a malicious server');
    expect(text).toContain(
      'f = 4; they spoil 4 group sums at worst, 32 % of all on average; the rule stands 5',
    );
    expect(text).toContain('dropouts: up to 100 of 1000');
    expect(text.split('\n')).toHaveLength(7);
  });
});

describe('A plan is refused, with the numbers,', () => {
  test('for groups of less than five, unless they are asked for', () => {
    expect(refusal({ groupSize: 4 })).toBe(
      'groups of 4 of 1000 clients: a group has 5 members at least, not 4',
    );
    const none = { ...NEEDS, corrupt: 0, dropout: 0, minSum: 3, groupSize: 4 };
    expect(() => planGroups(none)).toThrow(/5 members/);
    expect(planGroups({ ...none, allowTinyGroups: true }).groups).toBe(250);
    expect(() => planGroups({ ...none, allowTinyGroups: true, groupSize: 2 })).toThrow(RangeError);
  });

  test('for groups below the least sum that clients take part in', () => {
    expect(refusal({ groupSize: 10 })).toMatch(/sums of 16 at least, and g = 10$/);
    expect(() => planGroups({ ...NEEDS, groupSize: 20, minSum: 2 })).toThrow(RangeError);
  });

  test('for groups that could be corrupt throughout', () => {
    // C(100,10)/C(1000,10) = 6.6·10⁻¹¹ for each of 100 groups is above 2⁻⁴⁰.
    expect(refusal({ groupSize: 10, minSum: 5 })).toMatch(
      /c = 10 of 10 may be corrupt in some group \(100 of 1000 are, σ = 40\), and t = 10 of 9 is no threshold$/,
    );
  });

  test('for groups in which too many may drop out', () => {
    expect(refusal({ groupSize: 50 })).toMatch(
      /c = \d+ of 50 may be corrupt .* so that t = \d+ and \d+ may drop out, but \d+ can \(100 of 1000 do, η = 20\)$/,
    );
  });

  test('where the rule does not stand so many Byzantine clients', () => {
    expect(refusal({ groupSize: 100, byzantine: 5 })).toBe(
      'groups of 100 of 1000 clients: f = 5 Byzantine clients can spoil 5 of 10 group sums, and the rule stands 4',
    );
    // Krum: 2f + 3 ≤ G
    const tolerated = (groups: number): number => Math.floor((groups - 3) / 2);
    expect(refusal({ groupSize: 100, tolerated })).toMatch(/the rule stands 3$/);
    expect(planGroups({ ...NEEDS, groupSize: 100, byzantine: 3, tolerated }).tolerated).toBe(3);
    expect(() => planGroups({ ...NEEDS, groupSize: 100, tolerated: () => Number.NaN })).toThrow(
      TypeError,
    );
  });

  test('where requirements are none', () => {
    expect(() => planGroups({ ...NEEDS, groupSize: 1001 })).toThrow(RangeError);
    expect(() => planGroups({ ...NEEDS, groupSize: 100, byzantine: 1001 })).toThrow(RangeError);
    expect(() => planGroups({ ...NEEDS, groupSize: 100, corrupt: 1 })).toThrow(RangeError);
  });
});

describe('Sizes that will do', () => {
  test('are few, and the rest is refused with reasons', () => {
    const { feasible, infeasible } = feasibleGroupSizes(NEEDS);
    expect(feasible.map(({ shapes }) => shapes[0]!.size)).toEqual([83, 90, 100, 111]);
    expect(infeasible.length).toBeGreaterThan(40);
    for (const { groupSize, groups, reason } of infeasible) {
      expect(groups).toBe(Math.floor(1000 / groupSize));
      expect(refusal({ groupSize })).toContain(reason);
    }
    for (const plan of feasible) {
      expect(planGroups({ ...NEEDS, groupSize: plan.shapes[0]!.size })).toEqual(plan);
    }
  });

  test('are none where a tenth is corrupt and a tenth Byzantine', () => {
    expect(feasibleGroupSizes({ ...NEEDS, byzantine: 100 }).feasible).toEqual([]);
  });

  test('are found for many clients, too', () => {
    const { feasible } = feasibleGroupSizes({ ...NEEDS, clients: 100_000, byzantine: 300 });
    expect(feasible.length).toBeGreaterThan(0);
    expect(Math.min(...feasible.map(({ groups }) => groups))).toBeGreaterThan(600);
  });
});
