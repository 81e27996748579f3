/**
 * What a server gets that tells two stretches of a ring two views, against the thresholds of
 * docs/decisions/0009-arcs-of-rings.md.
 */

import { describe, expect, test } from 'vitest';
import {
  arcCut,
  type Border,
  findBorder,
  halvesCut,
  isCutBy,
  leaks,
  playCut,
  rowOf,
} from '../../scripts/ring-cuts.ts';
import { findParameters, leastArcThreshold } from '../../src/secagg/parameters.ts';

/** A highest threshold, where it is as high as what 2t > k + c gives. */
const from = (usual: number, highest: number): number | undefined =>
  highest < usual ? undefined : highest;

const rings = [4, 6, 8, 10, 12].flatMap((degree) =>
  [0, 1, 2, 3].filter((c) => c < degree / 2).map((corrupt) => ({ degree, corrupt })),
);

describe('a ring is beaten', () => {
  // Of k = 10, c = 1, t = 7: x, last of the arc, has 5 neighbours within, one in league and one that is
  // alive to it alone; 5 within, one in league and one beyond tell shares of its seed.
  test('by a border with one client on either side of what it says', () => {
    const border: Border = { silent: 1, corrupt: 1, between: 2, twofold: 1 };
    const cut = arcCut(10, border);
    const outcome = playCut({ degree: 10, threshold: 7, places: cut.told.length }, cut);
    expect(outcome.sums).toContainEqual(Array.from({ length: 20 }, (_, place) => place));
    expect(outcome.both).toEqual([]);
    expect(leaks(outcome)).toBe(true);
    expect(isCutBy({ degree: 10, threshold: 8 }, cut)).toBe(false);
  });

  test.each(rings)(
    'up to where inequalities say: k = $degree, c = $corrupt',
    ({ degree, corrupt }) => {
      const { usual, arc, halves, safe } = rowOf(degree, { corrupt });
      const third = (sum: number): number => Math.floor(sum / 3);
      const single = degree / 2 + corrupt;
      expect(arc).toBe(from(usual, Math.max(single, third(2 * degree + 2 * corrupt - 1))));
      // Where corrupt clients fill what is between two views, each half falls to `single` too.
      expect(halves).toBe(from(usual, Math.max(single, third(2 * degree + 2 * corrupt))));
      expect(safe).toBeGreaterThan(Math.max(arc ?? 0, halves ?? 0));
      // And by no more than two: less than that the conditions could not be lowered.
      expect(safe - Math.max(single, third(2 * degree + 2 * corrupt))).toBeLessThanOrEqual(2);
    },
  );

  test('at the degree that is usual for a thousand clients, but not at the one that is asked for', () => {
    const terms = { clients: 1000, corrupt: 0.1, dropout: 0.1, sigma: 40, eta: 20 } as const;
    const thin = findParameters({ ...terms, graph: 'harary' });
    const safe = findParameters({ ...terms, graph: 'harary', arcSafe: true });
    for (const [{ k, t, c }, isBeaten] of [
      [thin, true],
      [safe, false],
    ] as const) {
      expect(isCutBy({ degree: k, threshold: t }, halvesCut(k, c))).toBe(isBeaten);
    }
  });
});

describe('hashes of neighbours, shown to all that sign,', () => {
  test('keep arcs whole with t > k/2 + c', () => {
    for (const { degree, corrupt } of rings.filter(({ degree }) => degree <= 10)) {
      const { arc } = rowOf(degree, { corrupt, hashes: true });
      expect(arc ?? 0, `k = ${degree}, c = ${corrupt}`).toBeLessThanOrEqual(degree / 2 + corrupt);
    }
  });

  test('do nothing against halves, from whom nobody is hidden', () => {
    const cut = halvesCut(96, 37);
    expect(isCutBy({ degree: 96, threshold: 67, hashes: true }, cut)).toBe(true);
    // 3·88 ≤ 2k + 2c = 266 < 3·89.
    expect(isCutBy({ degree: 96, threshold: 88, hashes: true }, cut)).toBe(true);
    expect(isCutBy({ degree: 96, threshold: 89, hashes: true }, cut)).toBe(false);
  });
});

test('no border of any width beats the least threshold that keeps arcs', () => {
  for (const [degree, corrupt] of [
    [16, 2],
    [20, 3],
  ] as const) {
    const threshold = leastArcThreshold(degree, corrupt);
    expect(findBorder({ degree, threshold }, { corrupt })).toBeUndefined();
  }
});
