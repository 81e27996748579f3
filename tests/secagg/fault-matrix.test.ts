/**
 * Every fault at every message, around the threshold: the exact sum of exactly those whose inputs count,
 * or none and the reason that follows.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import type { SimulatedRound } from '../../src/lab/secure/simulate-round.ts';
import { COLUMNS, type Column, ROWS, type Row } from '../support/fault-matrix.ts';
import { bothKinds } from '../support/revealed-shares.ts';
import { verdictOn } from '../support/secure-oracle.ts';
import { completeScene, type Scene, sparseScene } from '../support/secure-scene.ts';

/** How many clients a fault hits, less those that may be hit. */
const LEVELS = [
  ['below', -1],
  ['at', 0],
  ['above', 1],
] as const;

const SCENES = [
  ['complete, n = 8', completeScene],
  ['harary, n = 64', sparseScene],
] as const;

/** What came of a round, as the oracle puts it. */
function cameTo({ phase, sums, refusal }: SimulatedRound): unknown {
  if (phase !== 'done') return { phase, reason: refusal?.reason };
  return { phase, members: sums.flatMap(({ members }) => members) };
}

async function playCell(row: Row, column: Column, { scene, more }: { scene: Scene; more: number }) {
  const victims = scene.victims.slice(0, scene.tolerated + more);
  const { simulation, mishaps, end } = row.play({ scene, column, victims });
  const round = await scene.play(simulation);
  expect(cameTo(round)).toEqual(verdictOn(mishaps, scene));
  expectSound(round, { scene, victims });
  if (end !== undefined) {
    expect(new Set(victims.map((victim) => round.clients[victim]!.phase))).toEqual(new Set([end]));
  }
}

/** What holds of every round, whatever was done to it. */
function expectSound(
  round: SimulatedRound,
  { scene, victims }: { scene: Scene; victims: readonly number[] },
): void {
  const deadlines = Object.values(scene.config.deadlines);
  expect(round.sums.every(({ isExact }) => isExact)).toBe(true);
  expect(round.tookMs).toBeLessThanOrEqual(deadlines.reduce((sum, wait) => sum + wait));
  expect(round.clients.map(({ phase }) => phase).filter(isUnfinished)).toEqual([]);
  const unharmed = round.clients.filter((_, client) => !victims.includes(client));
  expect(unharmed.flatMap(({ failures }) => failures)).toEqual([]);
  if (round.phase === 'done') {
    expect(new Set(unharmed.map(({ phase }) => phase))).toEqual(new Set(['done']));
  }
  expect(bothKinds(round, scene)).toEqual([]);
}

function isUnfinished(phase: string): boolean {
  return !['done', 'aborted', 'idle'].includes(phase);
}

describe.each(SCENES)('%s', (_, makeScene) => {
  for (const row of ROWS) {
    for (const column of COLUMNS.filter((one) => row.excluded(one) === undefined)) {
      test.each(LEVELS)(`${row.name} × ${column.name}, %s the threshold`, async (__, more) => {
        await playCell(row, column, { scene: await makeScene(), more });
      });
    }
  }
});

test('cells that are not played say why they make no sense', () => {
  const reasons = ROWS.flatMap((row) => COLUMNS.map((column) => row.excluded(column)));
  const played = reasons.filter((why) => why === undefined);
  expect(reasons.every((why) => why === undefined || why.includes(' '))).toBe(true);
  // 13 faults hit all 9 messages; signatures 7, shares 1, what servers list 3, 1 and 4, devices 2, 1, 2 and 2.
  expect(played).toHaveLength(13 * 9 + 7 + 1 + 3 + 1 + 4 + 2 + 1 + 2 + 2);
});
