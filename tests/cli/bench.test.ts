/** The benchmark as a process: what it prints and writes, and its exit codes. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { findPython } from '../../src/lab/bench/python.ts';
import { LINES } from '../../src/lab/bench/ratios.ts';
import { aggregis } from '../support/cli.ts';
import { temporaryFolder } from '../support/model-files.ts';

const quick = (...words: string[]) => aggregis(['bench', '--quick', '--rounds', '1', ...words]);

test('answers every question on the reference, and prints one JSON object', async () => {
  const { code, stdout, stderr } = await quick('--json', '--backends', 'reference');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    seed: 1,
    warmUps: 10,
    quick: true,
    machine: { cores: expect.any(Number), runtime: expect.stringContaining('Node') },
    bandwidth: { copy: expect.any(Number) },
  });
  const asked = new Set(report.timings.map(({ question }: { question: string }) => question));
  expect(asked).toEqual(
    new Set([
      'rules',
      'threads',
      'together',
      'sums',
      'noise',
      'masks',
      'codec',
      'files',
      'crossover',
    ]),
  );
  for (const timing of report.timings) {
    // A time or a reason: of what needs wasm or a GPU, or of a rule that this shape does not admit.
    expect(timing.seconds === undefined).toBe(typeof timing.problem === 'string');
    if (timing.seconds) expect(timing.bandwidth).toBeGreaterThan(0);
  }
  const named = ({ what, mode }: { what: string; mode: string }) =>
    what === 'trimmed-mean:f=1' && mode === 'resident';
  expect(report.timings.find(named)).toMatchObject({
    n: 8,
    d: 4096,
    backend: 'reference',
    kernels: ['rankMean'],
  });
});

test('prints tables, and writes figures and charts into files', async () => {
  const folder = await temporaryFolder();
  const [json, svg] = [join(folder, 'bench.json'), join(folder, 'bench.svg')];
  const words = ['--only', 'rules', '--rules', 'median', 'krum:f=1', '--shapes', '5x100', '6×1e3'];
  const options = ['--backends', 'reference', '--json', json, '--svg', svg, '--seed', '9'];
  const { code, stdout } = await quick(...words, ...options);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^median +5 × 100 +reference +resident /m);
  expect(stdout).toMatch(/^krum:f=1 +6 × 1,000 +reference +end to end /m);
  expect(stdout).toContain('seed 9');
  expect(JSON.parse(await readFile(json, 'utf8')).timings).toHaveLength(8);
  expect(await readFile(svg, 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
});

test('takes questions without --only', async () => {
  const { code, stdout } = await quick('noise', '--backends', 'reference', '--json');
  expect(code).toBe(0);
  const { timings } = JSON.parse(stdout);
  expect(new Set(timings.map((one: { question: string }) => one.question))).toEqual(
    new Set(['noise']),
  );
});

test('what cannot be asked is a line of the table; with nothing else, the exit code is 1', async () => {
  const { code, stdout } = await quick('--only', 'crossover', '--backends', 'reference');
  expect(stdout).toMatch(/^all .* webgpu .* not among the backends asked for$/m);
  expect(code).toBe(1);
});

test.each<[string, string[], RegExp]>([
  ['a shape that is none', ['--shapes', '32'], /rows × columns such as 32x1000000, got "32"/],
  ['a shape beyond counting', ['--shapes', '9999999x9999999999e9'], /rows × columns/],
  ['a shape of nothing', ['--shapes', '0x5'], /rows × columns/],
  ['a question that nobody knows', ['--only', 'luck'], /Allowed choices are rules/],
  ['a rule that nobody knows', ['--rules', 'luck'], /luck/],
  ['a backend that nobody knows', ['--backends', 'abacus'], /Allowed choices are reference/],
  ['no threads', ['--threads', '0'], /whole number above 0/],
  ['an argument too many', ['now'], /too many arguments/],
  ['figures onto a folder', ['--json', 'src'], /src: is a folder/],
  ['a question of two that nobody knows', ['--only', 'sums,luck'], /got "luck"/],
  [
    'figures into a folder that is not there',
    ['--json', 'no/such.json'],
    /no\/such\.json: no such/,
  ],
])('refuses %s with exit code 2 before any work', async (_, words, message) => {
  const { code, stdout, stderr } = await aggregis(['bench', ...words]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

test('says whom it asked, and goes on, where no Python can be asked', async () => {
  const { code, stdout } = await aggregis(
    ['bench', '--quick', '--only', 'rules', 'peers', '--rules', 'mean', '--backends', 'reference'],
    { env: { AGGREGIS_PYTHON: '/no/such/python' } },
  );
  expect(code).toBe(0);
  expect(stdout).toContain('Nobody to compare with: AGGREGIS_PYTHON, "/no/such/python"');
});

test('asks NumPy on the same rows, and results agree', async ({ skip }) => {
  const found = await findPython(process.env.AGGREGIS_PYTHON);
  if ('problem' in found) skip(found.problem);
  const { code, stdout } = await quick('--only', 'peers', '--backends', 'reference', '--json');
  expect(code).toBe(0);
  const { rivals, ratios } = JSON.parse(stdout);
  expect(rivals).toMatchObject({ numpy: expect.any(String), threads: 1 });
  expect(ratios).toHaveLength(LINES.length);
  for (const ratio of ratios) {
    const { theirs, agreement } = ratio;
    if (!/^(numpy|strong)/.test(theirs) || theirs.includes('torch')) continue;
    expect(ratio, theirs).toMatchObject({ ratio: expect.any(Number) });
    if (agreement !== 'own') expect(ratio, theirs).toMatchObject({ agrees: true });
  }
});

test('the child that times others answers what it cannot do, and goes on', async ({ skip }) => {
  const found = await findPython(process.env.AGGREGIS_PYTHON);
  if ('problem' in found) return skip(found.problem);
  const folder = await temporaryFolder();
  const requests = [
    { do: 'load', file: join(folder, 'none.npy'), counts: [] },
    { do: 'time', entry: 'nobody', f: 0 },
    { do: 'facts' },
  ];
  const input = join(folder, 'requests');
  await writeFile(input, requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const script = join(import.meta.dirname, '../../bench/peers/strong.py');
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    'PYTHONDONTWRITEBYTECODE=1 exec "$1" "$2" <"$3"',
    'sh',
    found.interpreter,
    script,
    input,
  ]);
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(answers).toMatchObject([
    { problem: expect.stringContaining('FileNotFoundError') },
    { problem: expect.stringContaining('no such entry') },
    { numpy: expect.any(String) },
  ]);
});
