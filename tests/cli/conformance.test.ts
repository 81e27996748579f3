/** The conformance command as a process: what it prints, and its exit codes. */

import { expect, test } from 'vitest';
import { aggregis } from '../support/cli.ts';
import { writeGolden } from '../support/golden.ts';

const conformance = (...words: string[]) => aggregis(['conformance', ...words]);

const right = { expected: { values: [2, 20] } };
const wrong = { expected: { values: [2, 22] } };

test('prints one JSON object, and exits with 0 when all cases pass', async () => {
  await using golden = await writeGolden({ cases: [right, { rule: 'server_x' }] });
  const { code, stdout, stderr } = await conformance(
    golden.file,
    '--json',
    '--backend',
    'reference',
  );
  expect(JSON.parse(stdout)).toEqual({
    passed: 1,
    failed: 0,
    unknown: 1,
    backend: 'reference',
    adapter: expect.any(String),
    cases: [{ id: 'case#0', rule: 'mean', class: 'normal', ok: true, worst: 0 }],
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('prints a table and the failures, and exits with 1 when a case fails', async () => {
  await using golden = await writeGolden({ cases: [right, wrong] });
  const { code, stdout } = await conformance(golden.file, '--backend', 'reference');
  expect(stdout).toMatch(/^mean +normal +1\/2 +4\.0$/m);
  expect(stdout).toContain('case#1: error is 4.00 times the tolerance');
  expect(stdout).toContain('1 passed, 1 failed on reference');
  expect(code).toBe(1);
});

test.each<[string, string[], string]>([
  ['an index that is not there', ['nowhere.json'], 'nowhere.json cannot be read: ENOENT'],
  ['an unknown backend', ['x.json', '--backend', 'cuda'], "argument 'cuda' is invalid"],
  [
    'an empty prefix',
    ['x.json', '--only', 'krum,'],
    'It must be prefixes with commas between them',
  ],
])('exits with 2 and says why for %s', async (_, args, message) => {
  const { code, stdout, stderr } = await conformance(...args);
  expect(stderr).toContain(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('exits with 2 when --only leaves nothing to run', async () => {
  await using golden = await writeGolden({ cases: [right] });
  const { code, stderr } = await conformance(golden.file, '--only', 'krum,bulyan');
  expect(stderr).toBe('aggregis: there is no case of a rule that starts with krum or bulyan\n');
  expect(code).toBe(2);
});
