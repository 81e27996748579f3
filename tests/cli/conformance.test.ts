/** The conformance command as a process: what it prints, and its exit codes. */

import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import { writeGolden } from '../support/golden.ts';

const root = new URL('../../', import.meta.url);
const script = `
  import { Command } from 'commander';
  import { conformanceCommand } from './src/cli/conformance.ts';
  await new Command('aggregis').addCommand(conformanceCommand()).parseAsync();
`;

function conformance(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const node = ['--import', 'tsx', '--input-type=module', '-e', script, '--', 'conformance'];
  return new Promise((resolve) => {
    execFile(process.execPath, [...node, ...args], { cwd: root }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const right = { expected: { values: [2, 20] } };
const wrong = { expected: { values: [2, 22] } };

test('prints one JSON object, and exits with 0 when all cases pass', async () => {
  await using golden = await writeGolden({ cases: [right, { rule: 'server_x' }] });
  const { code, out, err } = await conformance(golden.file, '--json', '--backend', 'reference');
  expect(JSON.parse(out)).toEqual({
    passed: 1,
    failed: 0,
    unknown: 1,
    backend: 'reference',
    adapter: expect.any(String),
    cases: [{ id: 'case#0', rule: 'mean', class: 'normal', ok: true, worst: 0 }],
  });
  expect({ code, err }).toEqual({ code: 0, err: '' });
});

test('prints a table and the failures, and exits with 1 when a case fails', async () => {
  await using golden = await writeGolden({ cases: [right, wrong] });
  const { code, out } = await conformance(golden.file, '--backend', 'reference');
  expect(out).toMatch(/^mean +normal +1\/2 +4\.0$/m);
  expect(out).toContain('case#1: error is 4.00 times the tolerance');
  expect(out).toContain('1 passed, 1 failed on reference');
  expect(code).toBe(1);
});

test.each<[string, string[], string]>([
  ['no index', [], 'missing required argument'],
  ['an index that is not there', ['nowhere.json'], 'nowhere.json cannot be read'],
  ['an unknown option', ['x.json', '--fast'], "unknown option '--fast'"],
  ['an unknown backend', ['x.json', '--backend', 'cuda'], "argument 'cuda' is invalid"],
  ['an empty prefix', ['x.json', '--only', 'krum,'], 'Give rule prefixes with commas between'],
])('exits with 2 and says why for %s', async (_, args, message) => {
  const { code, out, err } = await conformance(...args);
  expect(err).toContain(message);
  expect({ code, out }).toEqual({ code: 2, out: '' });
});

test('exits with 2 when --only leaves nothing to run', async () => {
  await using golden = await writeGolden({ cases: [right] });
  const { code, err } = await conformance(golden.file, '--only', 'krum,bulyan');
  expect(err).toBe('error: no case has a rule that starts with krum or bulyan\n');
  expect(code).toBe(2);
});
