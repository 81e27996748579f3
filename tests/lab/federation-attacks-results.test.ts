/** Measurements of attacks are kept as they come: a command that was killed goes on, and measures nothing twice. */

import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pageOf } from '../../scripts/federation-attacks-page.ts';
import { type Measured, Results } from '../../scripts/federation-attacks-results.ts';
import { ATTACKS, SETTING } from '../../src/lab/federation-attacks.ts';

const ALIE = ATTACKS.find(({ name }) => name === 'alie')!;
const PIPELINE = 'nnm-trimmed-mean';
const subject = { source: 'some digits', setting: SETTING, aimingSeeds: [7] };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-results-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function opened(name: string, families = ATTACKS, again = false): Results {
  return Results.open(join(folder, name), { ...subject, families, again });
}

const aimed = {
  pipeline: PIPELINE,
  attack: 'alie',
  deeds: ALIE.deeds,
  deed: ALIE.deeds[1]!,
  tried: ALIE.deeds.map((_, i) => 0.9 + i / 1000),
};

function measured(seed: number, accuracy: number, more: Partial<Measured> = {}): Measured {
  const none = { attackers: 0, honest: 0 };
  const of = {
    pipeline: PIPELINE,
    attack: 'alie',
    seed,
    how: 'one process',
    deed: aimed.deed,
  } as const;
  return {
    ...of,
    accuracy,
    loss: 1,
    failed: 0,
    excluded: none,
    quarantined: none,
    seconds: 1,
    ...more,
  };
}

test('what was measured is there again, and what was cut off while it was written is not', async () => {
  const first = opened('cut');
  first.addAim(aimed);
  first.addRun(measured(1, 0.75));
  await appendFile(join(folder, 'cut'), '{"kind":"run","run":{"pipeline":"nnm-');
  const next = opened('cut');
  expect(next.aim(PIPELINE, 'alie')).toEqual(aimed);
  expect(next.runs).toEqual([measured(1, 0.75)]);
  next.addRun(measured(2, 0.5));
  expect(opened('cut').runs).toHaveLength(2);
  expect(next.run(measured(2, 0))).toMatchObject({ accuracy: 0.5 });
  expect(next.run({ ...measured(2, 0), how: 'processes' })).toBeUndefined();
});

test('an attack of other strengths is aimed and measured anew, and nothing else is', () => {
  const before = opened('strengths');
  before.addAim(aimed);
  before.addRun(measured(1, 0.75));
  const { deed: _, ...control } = measured(1, 0.95, { attack: 'none' });
  before.addRun(control);
  const other = ATTACKS.map((one) => (one === ALIE ? { ...one, deeds: [{ claim: 2 }] } : one));
  const after = opened('strengths', other);
  expect(after.aim(PIPELINE, 'alie')).toBeUndefined();
  expect(after.runs).toEqual([control]);
});

test('measurements of something else are forgotten on demand alone', async () => {
  opened('subject').addRun(measured(1, 0.75, { attack: 'none' }));
  const open = (again: boolean) => () =>
    Results.open(join(folder, 'subject'), {
      ...subject,
      source: 'others',
      families: ATTACKS,
      again,
    });
  expect(open(false)).toThrow(/is about .*"some digits".*: --again forgets it/);
  expect(await readFile(join(folder, 'subject'), 'utf8')).toContain('0.75');
  expect(open(true)().runs).toEqual([]);
});

test('the page has mean and worst, strengths, and a dash for what was not measured', () => {
  const results = opened('page');
  results.addAim(aimed);
  for (const [seed, accuracy] of [0.9, 0.94].entries()) results.addRun(measured(seed, accuracy));
  results.addRun(measured(1, 0.91, { how: 'processes' }));
  const page = pageOf(results);
  expect(page).toContain('| ALIE | 92.0 % (90.0 %) | – | – | – |');
  expect(page).toContain('| ALIE | 91.0 % (91.0 %, seeds: 1) | – | – | – |');
  expect(page).toContain('**0.25: 90.1**');
  expect(page).toContain('| nobody attacks | – | – | – | – |');
});
