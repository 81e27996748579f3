import { expect, test } from 'vitest';
import { epsilonChart } from '../../src/lab/epsilon-chart.ts';

const TEXT = { title: 'ε at δ', subtitle: '<noise>' };

test('A chart of ε has a line for each accountant, ordered as they end', () => {
  const points = (top: number) => [1, 2, 3].map((steps) => ({ steps, epsilon: (top * steps) / 3 }));
  const svg = epsilonChart(
    [
      { label: 'low', points: points(1), isEstimate: true },
      { label: 'high', points: points(4) },
    ],
    { ...TEXT, target: 5 },
  );
  expect(svg.match(/<path /g)).toHaveLength(2);
  expect(svg.match(/<circle /g)).toHaveLength(6);
  expect(svg.indexOf('high: 4')).toBeLessThan(svg.indexOf('low (estimate): 1'));
  expect(svg).toContain('promised: ε = 5');
  expect(svg).toContain('&#60;noise&#62;');
});

test('It stands where nothing is lost, and where nothing is known', () => {
  for (const epsilon of [0, Number.POSITIVE_INFINITY]) {
    const svg = epsilonChart([{ label: 'pld', points: [{ steps: 1, epsilon }] }], TEXT);
    expect(svg).not.toMatch(/NaN|Infinity/);
    expect(svg).toContain(epsilon === 0 ? 'pld: 0' : 'pld: ∞');
  }
});
