import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aggregis } from '../support/cli.ts';
import { temporaryFolder } from '../support/model-files.ts';

const ROUNDS = ['--sampling-rate', '0.01', '--steps', '1000', '--delta', '1e-5'];

describe('aggregis privacy', () => {
  test('tells epsilon, in a line and as JSON', async () => {
    const words = ['privacy', 'epsilon', '--noise-multiplier', '1.1', ...ROUNDS];
    const [line, json] = await Promise.all([aggregis(words), aggregis([...words, '--json'])]);
    expect(line).toMatchObject({ code: 0, stderr: '' });
    expect(line.stdout).toBe(
      'epsilon 1.71172 at delta 0.00001, one client more or less (rdp, order 9.568)\n',
    );
    const outcome = JSON.parse(json.stdout);
    expect(outcome).toMatchObject({ delta: 1e-5, accountant: 'rdp', noiseMultiplier: 1.1 });
    // What is printed for people is rounded up.
    expect(outcome.epsilon).toBeLessThanOrEqual(1.71172);
    expect(outcome.epsilon).toBeGreaterThan(1.71171);
    expect(outcome.order).toBeCloseTo(9.568, 3);
  });

  test('finds the noise for an epsilon', async () => {
    const words = ['privacy', 'calibrate', '--epsilon', '8', ...ROUNDS, '--json'];
    const { stdout } = await aggregis(words);
    const outcome = JSON.parse(stdout);
    expect(outcome.epsilon).toBeLessThanOrEqual(8);
    expect(outcome.epsilon).toBeGreaterThan(7.9999);
    expect(outcome).toMatchObject({ accountant: 'rdp', delta: 1e-5, steps: 1000 });
    expect(outcome.noiseMultiplier).toBeCloseTo(0.61554, 5);
  });

  test('is tighter by the distribution of the loss', async () => {
    const words = ['privacy', 'epsilon', '--noise-multiplier', '1.1', '--sampling-rate', '0.01'];
    const { stdout } = await aggregis([
      ...words,
      ...['--steps', '1000', '--delta', '1e-5', '--accountant', 'pld', '--json'],
    ]);
    // By Rényi divergence it is 1.7117.
    expect(JSON.parse(stdout)).toMatchObject({ accountant: 'pld', delta: 1e-5 });
    expect(JSON.parse(stdout).epsilon).toBeCloseTo(1.5154, 3);
  });

  test('labels an estimate, and refuses what an accountant does not know', async () => {
    const words = ['privacy', 'epsilon', '--noise-multiplier', '1', ...ROUNDS, '--accountant'];
    const [gdp, zcdp] = await Promise.all([
      aggregis([...words, 'gdp']),
      aggregis([...words, 'zcdp']),
    ]);
    expect(gdp.stdout).toMatch(/\(gdp, an estimate and no bound\)/);
    expect(zcdp.code).toBe(1);
    expect(zcdp.stderr).toMatch(/^aggregis: zcdp gains nothing by poisson sampling/);
  });

  test('accounts for cohorts without replacement, under replace-one', async () => {
    const words = ['--steps', '100', '--delta', '1e-6', '--cohort', '5', '--population', '100'];
    const [line, json, rate] = await Promise.all([
      aggregis(['privacy', 'calibrate', '--epsilon', '2', ...words]),
      aggregis([
        'privacy',
        'epsilon',
        '--noise-multiplier',
        '2',
        '--unit',
        'record',
        ...words,
        '--json',
      ]),
      aggregis([
        'privacy',
        'epsilon',
        '--noise-multiplier',
        '2',
        '--relation',
        'add-remove',
        ...words,
      ]),
    ]);
    const found = /^noise multiplier ([\d.]+), ([\d.]+) clipping norms on a sum: epsilon (\S+) at/;
    const [, z, norms, epsilon] = found.exec(line.stdout)!.map(Number);
    // On a sum, one unit in place of another moves it by two norms; each is rounded up.
    expect(norms! / z!).toBeCloseTo(2, 4);
    expect(epsilon).toBeLessThanOrEqual(2);
    expect(line.stdout).toMatch(/, one client in place of another \(rdp, order [\d.]+\)\n$/);
    expect(JSON.parse(json.stdout)).toMatchObject({
      sampling: { kind: 'without-replacement', cohort: 5, population: 100 },
      relation: 'replace-one',
      unit: 'record',
      noiseMultiplier: 2,
      noiseOverNorm: 4,
    });
    expect(rate.code).toBe(1);
    expect(rate.stderr).toMatch(/fixed size is accounted for under replace-one/);
  });

  test('wrong usage ends with 2, and says what is wrong', async () => {
    const one = ['privacy', 'epsilon', '--noise-multiplier', '1', '--steps', '9', '--delta', '0.1'];
    const outcomes = await Promise.all([
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '1', '--steps', '1']),
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '-1', ...ROUNDS]),
      aggregis(['privacy', 'calibrate', '--epsilon', '1', '--steps', '9', '--delta', '2']),
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '1', ...ROUNDS, '--accountant', 'x']),
      aggregis(['privacy', 'nothing']),
      aggregis([...one, '--cohort', '5']),
      aggregis([...one, '--cohort', '5', '--population', '4']),
      aggregis([...one, '--cohort', '5', '--population', '9', '--sampling-rate', '0.5']),
      aggregis(['privacy', 'plan', ...ROUNDS]),
      aggregis(['privacy', 'plan', ...ROUNDS, '--epsilon', '1', '--noise-multiplier', '1']),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual(Array(10).fill(2));
    expect(outcomes.map(({ stdout }) => stdout)).toEqual(Array(10).fill(''));
    expect(outcomes[0].stderr).toMatch(/^aggregis: required option '--delta/);
    expect(outcomes[2].stderr).toMatch(/must be between 0 and 1, got "2"/);
    expect(outcomes[3].stderr).toMatch(/Allowed choices are rdp, pld, gaussian, zcdp, gdp/);
    expect(outcomes[5].stderr).toMatch(/--cohort needs --population/);
    expect(outcomes[6].stderr).toMatch(
      /--cohort must be from 1 to --population, which is 4, got 5/,
    );
    expect(outcomes[7].stderr).toMatch(/cannot be used with option '--cohort/);
    expect(outcomes[8].stderr).toMatch(/--noise-multiplier or --epsilon is needed/);
    expect(outcomes[9].stderr).toMatch(/'--noise-multiplier <z>' cannot be used with/);
  });
});

describe('aggregis privacy plan', () => {
  const plan = (...words: string[]) => aggregis(['privacy', 'plan', ...ROUNDS, ...words]);

  test('draws epsilon over rounds, and tells it in a table', async () => {
    const { stdout } = await plan('--epsilon', '2', '--accountant', 'rdp', 'gdp');
    const lines = stdout.split('\n');
    expect(lines[0]).toBe('ε at δ = 0.00001: one client more or less');
    expect(lines[1]).toMatch(/^noise multiplier [\d.]+, each client by a coin of 0\.01$/);
    expect(lines.filter((line) => /[▁▂▃▄▅▆▇█]/.test(line)).length).toBeGreaterThan(8);
    expect(stdout).toMatch(/╌/);
    const table = lines.slice(lines.findIndex((line) => line.startsWith('rounds')));
    expect(table[0]).toMatch(/^rounds +rdp +gdp \(estimate\)$/);
    expect(table.at(-3)).toMatch(/^ +1000 +2 +1\.\d+$/);
    expect(table.at(-2)).toBe('promised: 2');
    // Of each column, and each row of the chart, the next is no less.
    const rdp = table.slice(1, -2).map((row) => Number(row.trim().split(/ +/)[1]));
    expect(rdp).toEqual([...rdp].sort((a, b) => a - b));
  });

  test('as JSON says what `privacy epsilon` says', async () => {
    const [json, single] = await Promise.all([
      plan('--noise-multiplier', '1.1', '--json'),
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '1.1', ...ROUNDS, '--json']),
    ]);
    const { curves, ...rest } = JSON.parse(json.stdout);
    expect(rest).toMatchObject({ noiseMultiplier: 1.1, steps: 1000, unit: 'client' });
    const points = curves[0].points;
    expect(points[0].steps).toBe(1);
    expect(points.at(-1).epsilon).toBeCloseTo(JSON.parse(single.stdout).epsilon, 12);
  });

  test('writes a chart as SVG, whole or not at all', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'plan.svg');
    const words = ['--epsilon', '2', '--accountant', 'rdp', 'gdp', '--svg'];
    const [, failed] = await Promise.all([
      plan(...words, file),
      plan(...words, join(folder, 'missing', 'plan.svg')),
    ]);
    const svg = await readFile(file, 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg.match(/<path /g)).toHaveLength(2);
    expect(svg).toContain('promised: ε = 2');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(failed.code).toBe(2);
    expect(failed.stdout).toBe('');
  });
});
