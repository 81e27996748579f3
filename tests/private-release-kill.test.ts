/** Private rounds whose program is killed while one of them is between its charge and its receipt. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMITTED, openServer, runRound } from './support/private-rounds.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-rounds-'));
  path = join(folder, 'ledger.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

interface Printed {
  readonly charge: { readonly record: number; readonly hash: string };
  readonly value: readonly number[];
}

/** What the program printed before it hung in the round, and was killed. */
async function killedIn(round: number): Promise<Printed[]> {
  const program = join(import.meta.dirname, 'support', 'private-round-child.ts');
  const loader = import.meta.resolve('tsx');
  const child = spawn(process.execPath, ['--import', loader, program, path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const printed: Printed[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'hangs') {
      child.kill('SIGKILL');
      break;
    }
    printed.push(JSON.parse(line) as Printed);
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return printed;
}

test('a round that was killed between reserve and commit stays charged, and is charged anew', async () => {
  const killed = 1;
  const before = await killedIn(killed);
  expect(before).toHaveLength(killed);

  await using server = await openServer(path);
  const { ledger } = server;
  // Record 0 opens the ledger, 1 and 2 are the first round, 3 the charge of the second.
  expect(ledger.abandoned).toEqual([3]);
  const afterKill = ledger.epsilon();

  const after: Printed[] = [];
  const epsilons: number[] = [];
  for (let round = killed; round < ADMITTED - 1; round++) {
    const { value, receipt } = await runRound(ledger, round);
    after.push({ charge: receipt.charge, value: [...value] });
    epsilons.push(receipt.epsilonSoFar);
  }
  // The first of them costs on top of what was lost.
  expect(epsilons[0]!).toBeGreaterThan(afterKill);
  expect(epsilons.at(-1)!).toBeLessThanOrEqual(ledger.budget.epsilon);

  // One round fewer than the budget is for.
  await expect(runRound(ledger, ADMITTED - 1)).rejects.toMatchObject({ code: 'over-budget' });
  const all = [...before, ...after];
  expect(all).toHaveLength(ADMITTED - 1);

  // No charge twice, and none of them the lost one; no noise twice either, as all updates are the same.
  expect(all.map(({ charge }) => charge.record)).toEqual([1, 4, 6]);
  expect(new Set(all.map(({ charge }) => charge.hash)).size).toBe(all.length);
  expect(new Set(all.map(({ value }) => value.join())).size).toBe(all.length);
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const kinds = lines.map((line) => (JSON.parse(line) as { body: { kind: string } }).body.kind);
  expect(kinds.filter((kind) => kind === 'charge')).toHaveLength(ADMITTED);
  expect(kinds.filter((kind) => kind === 'commit')).toHaveLength(ADMITTED - 1);
});

test('all that is left is lost if it is killed in its last round', async () => {
  expect(await killedIn(ADMITTED - 1)).toHaveLength(ADMITTED - 1);
  await using server = await openServer(path);
  expect(server.ledger.epsilon()).toBeLessThanOrEqual(server.ledger.budget.epsilon);
  await expect(runRound(server.ledger, ADMITTED - 1)).rejects.toMatchObject({
    code: 'over-budget',
  });
});
