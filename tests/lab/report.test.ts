import { beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { createRandom } from '../../src/core/random.ts';
import { barChart, lineChart } from '../../src/lab/charts.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { htmlReport } from '../../src/lab/html-report.ts';
import { namedAttack, namedRule } from '../../src/lab/named.ts';
import {
  formatSummary,
  formatTable,
  liveLines,
  painter,
  ranges,
  type Summary,
  shortName,
  toJson,
} from '../../src/lab/report.ts';
import { CONTROL, simulate } from '../../src/lab/simulate.ts';

const plain = painter(false);

describe('a table', () => {
  test('is aligned, numbers to the right, with nothing but text where there are no colours', () => {
    const table = formatTable([{ title: 'rule' }, { title: 'accuracy', right: true }], {
      rows: [
        ['mean', '9.0 %'],
        ['trimmed-mean', { text: '96.0 %', tone: 'good' }],
      ],
      paint: plain,
    });
    expect(table).toBe(
      [
        'rule          accuracy',
        '──────────────────────',
        'mean             9.0 %',
        'trimmed-mean    96.0 %',
      ].join('\n'),
    );
  });

  test('takes the same room in colour', () => {
    const draw = (colours: boolean) =>
      formatTable([{ title: 'a' }, { title: 'b', right: true }], {
        rows: [[{ text: 'x', tone: 'bad' }, '1']],
        paint: painter(colours),
      });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI codes are what is looked for.
    expect(draw(true).replace(/\x1b\[\d+m/g, '')).toBe(draw(false));
    expect(draw(true)).toContain('\x1b[31mx');
  });
});

test('client numbers are told in short', () => {
  const names = (...numbers: string[]) => numbers.map((number) => `client-${number}`);
  expect(ranges(names('01', '02', '03', '05', '09', '10'))).toBe('01–03, 05, 09, 10');
  expect(ranges([])).toBe('');
});

test('live lines stand under their titles', () => {
  const live = liveLines([CONTROL, 'nnm:f=5+trimmed-mean:f=5']);
  const line = live.line({
    round: 3,
    rounds: 20,
    courses: [
      { name: CONTROL, accuracy: 0.5 },
      { name: 'nnm:f=5+trimmed-mean:f=5', accuracy: 1 },
    ],
  });
  expect(live.titles).toBe('round  no attackers  nnm+trimmed-mean');
  expect(line).toBe('    3        50.0 %           100.0 %');
  expect(shortName('multi-krum:f=5,m=3')).toBe('multi-krum');
});

describe('charts', () => {
  const text = { title: 'a <title> & "more"', xLabel: 'round' };

  test('a line has a point for each value, at its place', () => {
    const svg = lineChart([{ label: 'x', colour: '#000', values: [0, 0.5, 1] }], text);
    // The box is 560 wide from 56 and 320 high from 16.
    expect(svg).toContain('d="M56.0 336.0 L336.0 176.0 L616.0 16.0"');
  });

  test('a value that is not finite leaves a gap', () => {
    const svg = lineChart([{ label: 'x', colour: '#000', values: [0, Number.NaN, 1] }], text);
    expect(svg).toContain('d="M56.0 336.0 M616.0 16.0"');
    expect(barChart([{ label: 'x', colour: '#000', value: Number.NaN }], text)).toContain('>–<');
  });

  test('text is escaped, and no number is broken', () => {
    for (const svg of [
      lineChart([{ label: '<b>', colour: '#000', values: [0.5] }], text),
      barChart([{ label: '<b>', colour: '#000', value: 0 }], text),
    ]) {
      expect(svg).not.toContain('<b>');
      expect(svg).toContain('&#60;b&#62;');
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});

describe('the report of a run', () => {
  let summary: Summary;
  beforeAll(async () => {
    const random = createRandom(2);
    await using backend = await createBackend('reference');
    const result = await simulate({
      data: {
        source: 'a <file>',
        train: drawDigits(100, random),
        test: drawDigits(50, random),
      },
      clients: 8,
      attackers: 2,
      attack: namedAttack('gaussian:std-dev=10'),
      rules: ['mean', 'median', 'krum:f=2'].map(namedRule),
      rounds: 2,
      seed: 1,
      backend,
      training: { hidden: 4, localSteps: 2, batchSize: 4 },
    });
    summary = { result, judged: true, noCrossCheck: 'none was found' };
  });

  test('prints every cell: each rule, who was left out, and why no GPU checked', () => {
    const text = formatSummary(summary, plain);
    expect(text).toMatch(/^mean, no attackers +\d/m);
    expect(text).toMatch(/^median .*by coordinate +by coordinate$/m);
    expect(text).toMatch(/^krum:f=2 .*2 of 2: 01, 02 +5 of 6/m);
    expect(text).toContain('Aggregated on reference (');
    expect(text).toContain('No other backend has checked the last round: none was found');
    expect(text).toMatch(/the mean ends below 40.0 %/);
    expect(text).not.toMatch(/NaN|undefined/);
  });

  test('as JSON it survives a round trip with every figure', () => {
    const json = JSON.parse(JSON.stringify(toJson(summary)));
    expect(json).toMatchObject({
      backend: 'reference',
      attack: 'gaussian:std-dev=10',
      rounds: 2,
      yardstick: 'krum:f=2',
      crossCheck: null,
    });
    expect(json.clients).toHaveLength(8);
    expect(json.clients[0]).toEqual({
      name: 'client-01',
      examples: expect.any(Number),
      attacks: true,
    });
    expect(json.rules.map(({ name }: { name: string }) => name)).toEqual([
      CONTROL,
      'mean',
      'median',
      'krum:f=2',
    ]);
    expect(json.rules[3].curve).toHaveLength(3);
    expect(json.rules[3].leftOut.attackers).toEqual(['client-01', 'client-02']);
  });

  test('as HTML it loads and runs nothing, and foreign text stays text', () => {
    const html = htmlReport(summary);
    expect(html).not.toMatch(/<script|<link|<img|src=|https?:/);
    expect(html).not.toContain('<file>');
    expect(html).toContain('a &#60;file&#62;');
    expect(html).not.toMatch(/NaN|undefined/);
    // Two charts, and one cell for each of 8 clients under each of 3 rules.
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html.match(/class="cell"/g)).toHaveLength(24);
  });
});
