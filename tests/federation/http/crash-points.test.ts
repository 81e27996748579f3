/**
 * `aggregis serve` killed at points of a round, and taken up again; scripts/crash-matrix.ts goes through
 * all of them, each in a run of its own.
 */

import { expect, test } from 'vitest';
import { type CrashOptions, crashIdentities, crashRun } from '../../support/crash-runs.ts';
import { temporaryFolder } from '../../support/federation-server.ts';
import { KILL_POINTS } from '../../support/kill-point.ts';

const NAMES = [
  'part of a chunk written',
  'an update committed: confirmed, not answered',
  'the budget reserved: in the log, not confirmed',
  'the noised sum: renamed',
  'the next model: written, not synced',
  'the model published: in the log, not confirmed',
];

test('private rounds over six kills give the models of an undisturbed run', async () => {
  const kills = NAMES.map((name) => KILL_POINTS.find((point) => point.name === name)!);
  const identities = await crashIdentities();
  const run = async (options: Pick<CrashOptions, 'kills' | 'cutRate'>) => {
    await using folder = await temporaryFolder();
    const rounds = 3;
    return await crashRun({ folder: folder.path, mode: 'private', rounds, identities, ...options });
  };
  const undisturbed = await run({ kills: [] });
  const disturbed = await run({ kills, cutRate: 0.3 });
  expect(undisturbed.faults).toEqual([]);
  expect(disturbed.faults).toEqual([]);
  expect(disturbed.killed).toBe(kills.length);
  expect(disturbed.model).toBe(undisturbed.model);
  // Charges that gave nothing stay spent.
  expect(disturbed.epsilon).toBeGreaterThan(undisturbed.epsilon!);
}, 120_000);
