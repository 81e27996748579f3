import { describe, expect, test } from 'vitest';
import { aggregis } from '../support/cli.ts';

const ROUNDS = ['--sampling-rate', '0.01', '--steps', '1000', '--delta', '1e-5'];

describe('aggregis privacy', () => {
  test('tells epsilon, in a line and as JSON', async () => {
    const words = ['privacy', 'epsilon', '--noise-multiplier', '1.1', ...ROUNDS];
    const [line, json] = await Promise.all([aggregis(words), aggregis([...words, '--json'])]);
    expect(line).toMatchObject({ code: 0, stderr: '' });
    expect(line.stdout).toBe('epsilon 1.71172 at delta 0.00001 (rdp, order 9.568)\n');
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

  test('wrong usage ends with 2, and says what is wrong', async () => {
    const outcomes = await Promise.all([
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '1', '--steps', '1']),
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '-1', ...ROUNDS]),
      aggregis(['privacy', 'calibrate', '--epsilon', '1', '--steps', '9', '--delta', '2']),
      aggregis(['privacy', 'epsilon', '--noise-multiplier', '1', ...ROUNDS, '--accountant', 'x']),
      aggregis(['privacy', 'nothing']),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2]);
    expect(outcomes[0].stderr).toMatch(/^aggregis: required option '--delta/);
    expect(outcomes[2].stderr).toMatch(/must be between 0 and 1, got "2"/);
    expect(outcomes[3].stderr).toMatch(/Allowed choices are rdp, pld, gaussian, zcdp, gdp/);
  });
});
