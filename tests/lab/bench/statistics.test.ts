import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spreadOf } from '../../../src/lab/bench/statistics.ts';
import { measure, race } from '../../../src/lab/bench/stopwatch.ts';

describe('a spread', () => {
  test('has median, quartiles and extremes, by hand', () => {
    // Sorted: 1 2 4 8. Median between 2 and 4; quartiles at 0.75 and 2.25 of the places 0 … 3.
    expect(spreadOf([8, 1, 4, 2])).toEqual({
      median: 3,
      min: 1,
      max: 8,
      lowerQuartile: 1.75,
      upperQuartile: 5,
      runs: 4,
    });
    expect(spreadOf([7])).toMatchObject({ median: 7, lowerQuartile: 7, upperQuartile: 7, runs: 1 });
  });

  test('is in order, whatever the times', () => {
    const time = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(time, { minLength: 1, maxLength: 40 }), (times) => {
        const { min, lowerQuartile, median, upperQuartile, max } = spreadOf(times);
        const order = [min, lowerQuartile, median, upperQuartile, max];
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
      { seed: 3 },
    );
  });

  test.each([[[]], [[1, Number.NaN]], [[Number.POSITIVE_INFINITY]]])('refuses %j', (times) => {
    expect(() => spreadOf(times)).toThrow(RangeError);
  });
});

describe('a race', () => {
  test('takes turns, warms up, and leaves the warm-up out', async () => {
    const order: string[] = [];
    const runner = (name: string, times: number[]) => async () => {
      order.push(name);
      return times.shift()!;
    };
    const spreads = await race([runner('a', [100, 1, 3]), runner('b', [200, 5, 7])], {
      rounds: 2,
      seconds: 1000,
    });
    expect(order.join('')).toBe('ababab');
    expect(spreads.map(({ min, max }) => [min, max])).toEqual([
      [1, 3],
      [5, 7],
    ]);
  });

  test('lets a slow contender go after its seconds, and the quick one go on', async () => {
    const runs = [async () => 6, async () => 1];
    const [slow, quick] = await race(runs, { rounds: 5, seconds: 10 });
    // 6 s of warm-up and 6 s of its first round are more than 10 s.
    expect([slow!.runs, quick!.runs]).toEqual([1, 5]);
  });

  test('times from outside what does not tell its time', async () => {
    const { min } = await measure(() => new Promise((done) => setTimeout(done, 30)), {
      rounds: 1,
      seconds: 1,
    });
    // A timer may fire a millisecond early.
    expect(min).toBeGreaterThan(0.028);
    expect(min).toBeLessThan(10);
  });

  test('ends at the signal with its reason', async () => {
    const controller = new AbortController();
    const run = async () => controller.abort(new Error('enough'));
    const { signal } = controller;
    await expect(race([run], { rounds: 5, seconds: 10, signal })).rejects.toThrow('enough');
  });
});
