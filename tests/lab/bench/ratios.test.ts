import { describe, expect, test } from 'vitest';
import type { Timing } from '../../../src/lab/bench/bench.ts';
import { checksOf } from '../../../src/lab/bench/checks.ts';
import { leastObjective, objective } from '../../../src/lab/bench/optimum.ts';
import {
  AGREEMENT,
  agrees,
  differenceOf,
  groupsOf,
  judged,
  LINES,
  OPTIMUM,
} from '../../../src/lab/bench/ratios.ts';
import { spreadOf } from '../../../src/lab/bench/statistics.ts';
import { parseRule } from '../../../src/rules/spec.ts';

describe('the lines that Aggregis is held to', () => {
  test('are of rules that exist and admit their shape', () => {
    for (const { rule, n } of LINES)
      expect(parseRule(rule).minClients, rule).toBeLessThanOrEqual(n);
  });

  test('have for each required factor a strong baseline on the same work', () => {
    for (const lines of groupsOf(LINES)) {
      const { work, threads } = lines[0]!;
      if (work === 'weighted mean') continue; // NumPy's product is the strong one.
      const strong = lines.some(({ theirs }) => theirs.startsWith('strong'));
      expect(strong, `${work}, ${threads}`).toBe(true);
    }
  });

  test('are grouped by rows, threads and rule, and none is lost', () => {
    const groups = groupsOf(LINES);
    expect(groups.flat()).toHaveLength(LINES.length);
    for (const group of groups) {
      const keys = group.map(({ n, d, threads, rule }) => `${n} ${d} ${threads} ${rule}`);
      expect(new Set(keys).size).toBe(1);
    }
  });
});

describe('a ratio', () => {
  const ours = spreadOf([2, 2, 5]);
  const their = spreadOf([18, 18, 90]);

  test('is their median over ours, and holds from the required factor on', () => {
    expect(judged({ atLeast: 9 }, { ours, their })).toMatchObject({ ratio: 9, holds: true });
    expect(judged({ atLeast: 9.01 }, { ours, their })).toMatchObject({ ratio: 9, holds: false });
  });

  test('of a baseline that nothing is required of is not judged', () => {
    expect(judged({}, { ours, their })).toEqual({ ours, their, ratio: 9 });
  });
});

describe('results', () => {
  test('differ by a share of the largest magnitude', () => {
    expect(differenceOf(Float32Array.of(1, -8), Float32Array.of(1.5, -8))).toBe(0.5 / 8);
    expect(differenceOf(Float32Array.of(0), Float32Array.of(0))).toBe(0);
  });

  test('of another length, or that are no numbers, never agree', () => {
    const short = differenceOf(Float32Array.of(1), Float32Array.of(1, 2));
    const none = differenceOf(Float32Array.of(Number.NaN, 1), Float32Array.of(1, 1));
    for (const difference of [short, none]) expect(agrees('same', { difference })).toBe(false);
  });

  test('agree to the tolerance of the line, and a line without one is not judged', () => {
    expect(agrees('same', { difference: AGREEMENT })).toBe(true);
    expect(agrees('same', { difference: 1.01 * AGREEMENT })).toBe(false);
    expect(agrees('optimum', { aboveOptimum: { ours: OPTIMUM, theirs: 1 } })).toBe(true);
    expect(agrees('optimum', { aboveOptimum: { ours: 1.1 * OPTIMUM, theirs: 0 } })).toBe(false);
    expect(agrees('own', { difference: 1 })).toBeUndefined();
  });
});

describe('the least sum of distances', () => {
  test('of the corners of a square is at its centre', () => {
    const corners = [
      [1, 1],
      [1, -1],
      [-1, 1],
      [-1, -1],
    ].map((row) => Float32Array.from(row));
    // Four times √2.
    expect(leastObjective(corners)).toBeCloseTo(4 * Math.SQRT2, 12);
    expect(objective(corners, [1, 1])).toBeCloseTo(4 + 2 * Math.SQRT2, 12);
  });

  test('of a triangle with angles below 120° is at Fermat’s point', () => {
    // Side 1: every corner is 1/√3 away from the centre.
    const corners = [
      [0, 0],
      [1, 0],
      [0.5, Math.sqrt(3) / 2],
    ].map((row) => Float32Array.from(row));
    // The third corner is rounded to f32.
    expect(leastObjective(corners)).toBeCloseTo(Math.sqrt(3), 7);
  });
});

describe('limits', () => {
  const base = { n: 32, d: 1000, backend: 'wasm', threads: 2 } as const;
  const timing = (rest: Partial<Timing>, seconds: number): Timing =>
    ({ ...base, ...rest, seconds: spreadOf([seconds]) }) as Timing;

  test('files: over the larger of reading and computing, with the peak', () => {
    const files = { question: 'files', what: 'trimmed-mean:f=3' };
    const timings = [
      timing({ ...files, mode: 'files', peakBytes: 2 ** 30 }, 6),
      timing({ ...files, mode: 'reading' }, 2),
      timing({ ...files, mode: 'in memory' }, 5),
      // Another rule's reading is none of its business.
      timing({ ...files, what: 'median', mode: 'reading' }, 100),
    ];
    const [time, peak] = checksOf(timings, { copy: 1, bytes: 1 });
    expect(time).toMatchObject({ found: 1.2, limit: 1.3, sense: 'at most', holds: true });
    expect(peak).toMatchObject({ found: 2 ** 30, holds: true, unit: 'bytes' });
  });

  test('together: a share of one by one; missing figures hold nothing', () => {
    const rules = { question: 'together', what: 'a b' };
    const all = timing({ ...rules, mode: 'together' }, 7);
    const single = timing({ ...rules, mode: 'one by one' }, 10);
    expect(checksOf([all, single], { copy: 1, bytes: 1 })[0]).toMatchObject({
      found: 0.7,
      holds: false,
    });
    expect(checksOf([all], { copy: 1, bytes: 1 })[0]).toMatchObject({ holds: false });
  });

  test('the weighted mean: a share of the bandwidth of a copy', () => {
    const sum = {
      question: 'sums',
      what: 'weighted-mean',
      mode: 'resident',
      bandwidth: 9,
    } as const;
    const checks = checksOf([timing(sum, 1)], { copy: 20, bytes: 1 });
    expect(checks).toMatchObject([{ found: 0.45, holds: true, sense: 'at least' }]);
    // One that took turns with it counts for more than the one at the start.
    const [beside] = checksOf([timing({ ...sum, copy: 36 }, 1)], { copy: 20, bytes: 1 });
    expect(beside).toMatchObject({ found: 0.25, holds: false });
  });
});
