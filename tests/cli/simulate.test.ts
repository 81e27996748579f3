import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitCodeOf, explain } from '../../src/cli/failure.ts';
import { simulateCommand } from '../../src/cli/simulate.ts';
import { aggregis, type Outcome } from '../support/cli.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-simulate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...words: string[]): Promise<Outcome> =>
  aggregis(['simulate', '--backend', 'reference', ...words], { cwd: folder });

describe('aggregis simulate', () => {
  test('trains, prints one JSON object, and keeps a run that aggregate accepts', async () => {
    const done = await run('--rounds', '1', '--out', 'kept', '--json');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const outcome = JSON.parse(done.stdout);
    expect(outcome).toMatchObject({
      backend: 'reference',
      attack: 'sign-flip:scale=4',
      ok: true,
      folder: 'kept',
    });
    expect((await readdir(join(folder, 'kept'))).sort()).toEqual([
      'global.safetensors',
      'report.html',
      'run.json',
      'summary.txt',
      'updates',
    ]);
    const kept = JSON.parse(await readFile(join(folder, 'kept/run.json'), 'utf8'));
    expect(kept).toMatchObject({ rounds: 1, seed: 1, rules: outcome.rules });
    const updates = await readdir(join(folder, 'kept/updates'));
    expect(updates).toHaveLength(20);
    const aggregated = await aggregis(
      [
        'aggregate',
        ...updates.map((name) => join('kept/updates', name)),
        ...['--rule', 'nnm:f=5+trimmed-mean:f=5', '--weights', 'uniform', '--json'],
        ...['--backend', 'reference', '-o', 'out.safetensors'],
      ],
      { cwd: folder },
    );
    expect(aggregated.code).toBe(0);
    expect(JSON.parse(aggregated.stdout)).toMatchObject({ rows: 20, cols: 8554 });
  });

  test('tells people what goes on: setting, a line for the last round, the tables', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => [i % 2, 1 - (i % 2), i % 5, i % 2].join(','));
    await writeFile(join(folder, 'small.csv'), rows.join('\n'));
    const done = await run(
      ...['--data', 'small.csv', '--rounds', '3', '--rules', 'mean', 'krum:f=1'],
      ...['--clients', '6', '--attackers', '1', '--out', 'told', '--no-cross-check'],
    );
    expect(done.code).toBe(0);
    expect(done.stderr).toContain('small.csv: 48 examples to train, 12 to test · 6 clients, 1 of');
    expect(done.stderr).toContain('backend reference');
    expect(done.stderr).toMatch(/^ {4}3 {2}/m);
    expect(done.stdout).toMatch(/^krum:f=1 +100.0 %/m);
    expect(done.stdout).toContain('Written to told');
    // Only drawn digits are judged.
    expect(done.stdout).not.toContain('the mean ends below');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no colours in a pipe.
    expect(done.stdout + done.stderr).not.toMatch(/\x1b/);
  });

  test('ends with 1 where the default attack does not do what it must', async () => {
    // One attacker of 20 cannot turn the mean: (19 − 4) / 20 of it remain.
    const done = await run(
      ...['--attackers', '1', '--rounds', '2', '--rules', 'mean', '--out', 'unbroken', '--json'],
      '--no-cross-check',
    );
    expect(done.code).toBe(1);
    const { ok, expectations } = JSON.parse(done.stdout);
    expect(ok).toBe(false);
    expect(expectations[0].met).toBe(false);
  });

  test.each([
    [['--clients', '0'], "'--clients <n>' argument '0' is invalid"],
    [['--clients', '5'], '--attackers must be fewer than --clients (5), got 5'],
    [['--clients', '4000'], '--clients must be at most the 3000 examples to train on, got 4000'],
    [['--attack', 'flip'], '--attack: no attack is called "flip"'],
    [['--attack', 'ipm'], '--attack: ipm needs the option tau'],
    [['--rules', 'means'], '--rules: no rule is called "means"'],
    [['--rules', 'mean', 'mean'], '--rules names mean twice'],
    [['--rules', 'krum:f=9'], '--rules: krum:f=9 needs at least 21 clients, got 20'],
    [['--data', 'absent.csv'], 'absent.csv: no such file'],
    [['--data', ''], '"": no such file'],
    [['--data', 'bad.csv'], 'bad.csv: line 2 needs 2 fields, got 1'],
    [['--out', '.'], '. must be empty or new'],
    [['--out', 'package.json'], 'package.json: there is a file of that name'],
    [['--backend', 'cuda'], "'--backend <name>' argument 'cuda' is invalid"],
    [['--rouns', '3'], "unknown option '--rouns'"],
  ])('refuses %j with 2, naming what is wrong', async (words, message) => {
    await writeFile(join(folder, 'bad.csv'), '1,0\n1\n');
    const said: string[] = [];
    const command = simulateCommand()
      .exitOverride()
      .configureOutput({ writeErr: (text) => said.push(text) });
    const paths = words.map((word) => (word.endsWith('.csv') ? join(folder, word) : word));
    const parsed = command.parseAsync(['--out', join(folder, 'refused'), ...paths], {
      from: 'user',
    });
    const error = await parsed.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(exitCodeOf(error)).toBe(2);
    expect([...said, explain(error)].join('\n')).toContain(message);
  });
});

describe('aggregis simulate --epsilon', () => {
  test('shows what each rule costs, and prints it as JSON', async () => {
    const small = ['--epsilon', '8', '--clients', '40', '--cohort', '20', '--rounds', '1'];
    const done = await run(...small, '--json');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const told = JSON.parse(done.stdout);
    expect(told).toMatchObject({ epsilon: 8, delta: 1e-5, clients: 40, attackers: 8, rounds: 1 });
    // 20 · 0.2 attackers, and two deviations √(20 · 0.16 · 20/39): 6.6, so 7.
    const names = told.rules.map(({ rule }: { rule: string }) => rule);
    expect(names).toEqual(['trimmed-mean:f=7', 'nnm:f=7+trimmed-mean:f=7']);
    for (const { withNoise } of told.rules) expect(withNoise.epsilon).toBeLessThanOrEqual(8);
    const text = await run(...small, '--rules', 'mean');
    expect(text.code).toBe(0);
    expect(text.stdout).toContain('Each client is hidden at ε = 8, δ = 0.00001');
    expect(text.stdout).toContain('nothing of a rehearsal is private');
  });

  const FEW = ['--clients', '40', '--cohort', '20'];
  test.each([
    [
      ['--epsilon', '8', ...FEW, '--rules', 'median'],
      'no bound on one unit’s influence on "median"',
    ],
    [['--epsilon', '8', '--cohort', '50', '--clients', '40'], '--cohort must be at most --clients'],
    [['--epsilon', '8', '--out', 'x'], '--epsilon does not go with --out'],
    [['--epsilon', '0'], 'It must be a number above 0'],
    [['--delta', '1e-6'], '--delta goes with --epsilon alone'],
    [['--epsilon', '1', ...FEW, '--delta', '1.5'], 'delta'],
  ])('%j is refused by name', async (words, message) => {
    const done = await run(...words);
    expect(done.code).toBe(2);
    expect(done.stderr).toContain(message);
  });
});

describe('aggregis simulate --secure', () => {
  test('trains on sums alone, each of them exact, whatever stage clients drop out at', async () => {
    const secure = ['--secure', '--clients', '8', '--dropout', '0.25', '--rounds', '5', '--json'];
    const done = await run(...secure);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const told = JSON.parse(done.stdout);
    // k = 7, c = 0, t = 4: two may be away at any stage.
    const stages = ['advertise', 'shares', 'masked', 'consent', 'unmask'];
    expect(told.rounds.map(({ stage }: { stage: string }) => stage)).toEqual(stages);
    expect(told.rounds.map(({ inputs }: { inputs: number }) => inputs)).toEqual([6, 6, 6, 8, 8]);
    for (const round of told.rounds) expect(round).toMatchObject({ dropped: 2, isExact: true });
    // The grid is 2⁻¹⁹ fine: nothing of the training is lost to it.
    expect(Math.abs(told.accuracy - told.plainAccuracy)).toBeLessThan(0.05);
  });

  test('says why a round was given up, with the numbers', async () => {
    // ⌊0.45·8⌋ = 3 are planned for, and 4 drop out.
    const secure = ['--secure', '--clients', '8', '--dropout', '0.45', '--rounds', '3'];
    const done = await run(...secure);
    expect(done.code).toBe(0);
    expect(done.stderr).toContain('4 before masked');
    expect(done.stderr).toContain('too-few-neighbours, 3 of 4');
    expect(done.stdout).toContain('1 of 1 sums are the plain ones');
  });

  test.each([
    [['--secure', '--attack', 'alie'], '--secure does not go with --attack'],
    [['--secure', '--epsilon', '1'], '--epsilon does not go with --secure'],
    [['--secure', '--clients', '4'], '--clients must be at least 5'],
    [['--secure', '--dropout', '0.6'], 't ≤ k − d does not hold'],
    [['--secure', '--dropout', '1'], 'It must be a number from 0 to below 1'],
    [['--dropout', '0.1'], '--dropout goes with --secure alone'],
  ])('refuses %j', async (words, message) => {
    const done = await run(...words);
    expect(done.code).toBe(2);
    expect(done.stderr).toContain(message);
  });
});
