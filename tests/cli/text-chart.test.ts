import { describe, expect, test } from 'vitest';
import { textChart } from '../../src/cli/text-chart.ts';

describe('A chart for terminals', () => {
  test('has a column for each place, in eighths of a row', () => {
    const points = [
      { x: 1, y: 0.25 },
      { x: 2, y: 1 },
      { x: 4, y: 2 },
    ];
    // At x = 1, 2, 3, 4: ¼, 1, 1½ and 2 of two rows of 1.
    expect(textChart({ points, top: 2, width: 4, height: 2 })).toEqual([
      '2 ┤  ▄█',
      '1 ┤▂███',
      '0 └────',
      '   0  4',
    ]);
  });

  test('marks a line where no column stands, and shows what is beyond the top as full', () => {
    const points = [
      { x: 1, y: 0.5 },
      { x: 2, y: Number.POSITIVE_INFINITY },
    ];
    const chart = textChart({ points, top: 4, width: 2, height: 4, line: 3 });
    expect(chart.slice(0, 4)).toEqual(['4 ┤ █', '  │╌█', '2 ┤ █', '  │▄█']);
  });
});
