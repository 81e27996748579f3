import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { compiled } from './support/program.ts';

const FOLDER = join(import.meta.dirname, '../examples');
const examples = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));

/** What each example must print for its point to be made. */
const POINTS: Readonly<Record<string, RegExp>> = {
  'arrays.ts': /^trimmed mean \[ 1\.0.*\nbroken: excluded, non-finite: 1 of 3 entries/m,
  'attacks.ts': /^sign-flip:scale=10 +mean +0\.\d+$/m,
  'custom-rule.ts': /^trimmed midrange \[ 3, -3 \]\nclip-norm\+trimmed-midrange \[/m,
  'federation-client.ts':
    /^round 1 begins with 0\.00\n[\s\S]*^round 8 begins with 2\.98\nall 8 rounds are done$/m,
  'model-files.ts': /^global layer\.weight \[ 1\.25, 2\.25, 3\.25, 4\.25 \]$/m,
  'private-hospitals.ts': /^ 1\.\d\d +[6-9]\d\.\d % +ε = 8\.00 for each record$/m,
  'secure-aggregation.ts':
    /^16 of 20 inputs, and the sum of integers is exact: true\nmean of entry 7: 0\.06014\d+ securely, 0\.06014\d+ in the clear/m,
  'streaming.ts': /^20 rows of 500000: 500000 entries, largest 1\.\d+\ntiles took 8 MiB at most/m,
  'webgpu.ts': /^(webgpu|wasm) \(.*\): \d+\.\d+ s\nfirst entries/m,
};

describe('examples', () => {
  test('are all told here', () => {
    expect(Object.keys(POINTS)).toEqual(examples);
  });

  test.each(examples)('%s runs and makes its point in fewer than 40 lines', async (name) => {
    const path = join(FOLDER, name);
    const { stdout } = await promisify(execFile)(process.execPath, [await compiled(path)]);
    expect(stdout).toMatch(POINTS[name]!);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n').length).toBeLessThan(40);
  });
});
