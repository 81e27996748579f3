/** Rounds under masks over real HTTP, held against the plain sum of what clients put in. */

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Train } from '../../../src/federation/client/train.ts';
import type { OpenedSum } from '../../../src/federation/events.ts';
import { wordBytes, wordsIn } from '../../../src/federation/secure-record.ts';
import { SLOTS } from '../../../src/secagg/suite.ts';
import { aggregis } from '../../support/cli.ts';
import { ServedRun, temporaryFolder, valuesIn } from '../../support/federation-server.ts';
import { bytesOf, checkedRound, problemsOf, sumsIn } from '../../support/secure-check.ts';
import { giving, Player, secureConfigOf } from '../../support/secure-clients.ts';
import { forged } from '../../support/told-run.ts';

function updateOf(i: number): number[] {
  return [i / 8, -i / 8, 0.5, 0.25, 1 / 3, -1, 0.125 * i];
}

async function joined(run: ServedRun, count: number, options = {}): Promise<Player[]> {
  return Promise.all(Array.from({ length: count }, () => Player.join(run.url, options)));
}

/** What `work` finds while a blob holds something else. */
async function replacing<T>(
  run: ServedRun,
  { blob, bytes }: { blob: string; bytes: Uint8Array },
  work: () => Promise<T>,
): Promise<T> {
  const before = await bytesOf(run, blob);
  const path = join(run.store.blobs.folder, blob);
  await writeFile(path, bytes);
  const found = await work();
  await writeFile(path, before);
  return found;
}

test('six clients of whom all stay: the sum is the plain one to its last bit, and so is the model', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'run');
  await using run = await ServedRun.start({ folder: path, config: secureConfigOf(6) });
  const players = await joined(run, 6);
  const parts = await Promise.all(players.map((player, i) => player.play(giving(updateOf(i)))));
  expect(parts.map(([part]) => part?.outcome)).toEqual(Array(6).fill('committed'));
  const ids = players.map(({ id }) => id).sort();
  const checked = await checkedRound(run, players);
  expect(checked).toMatchObject({ groups: [ids], areExact: true, isModelExact: true });
  expect(await problemsOf(run)).toEqual([]);
  // Nothing that could take masks off is kept.
  expect(await readdir(join(path, 'secure'))).toEqual([]);
});

test('what was changed afterwards is found: the sum, signatures, who is in it', async () => {
  await using folder = await temporaryFolder();
  const config = secureConfigOf(4);
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), config });
  const players = await joined(run, 4);
  await Promise.all(players.map((player, i) => player.play(giving(updateOf(i)))));
  const [sum] = sumsIn(run);
  const words = wordsIn(await bytesOf(run, sum!.words!));
  words[SLOTS]!++;
  const changed = { blob: sum!.words!, bytes: wordBytes(words) };
  expect(await replacing(run, changed, () => problemsOf(run))).toEqual([
    'the mean of sum 0 is not that of its words',
  ]);
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  const blob = String(body.transcript);
  const record = JSON.parse(Buffer.from(await bytesOf(run, blob)).toString());
  const forged = (changes: object): Promise<readonly string[]> => {
    const bytes = Buffer.from(JSON.stringify({ ...record, ...changes }));
    return replacing(run, { blob, bytes }, () => problemsOf(run));
  };
  const [one] = record.sums;
  const [first] = Object.values(one.consents);
  const consents = Object.fromEntries(Object.keys(one.consents).map((index) => [index, first]));
  expect(await forged({ sums: [{ ...one, consents }] })).toEqual([
    expect.stringMatching(/^too few around place \d have signed the view of sum 0$/),
  ]);
  expect(await forged({ rootSignature: '00'.repeat(64) })).toEqual([
    'the roster is not signed by the server',
  ]);
  expect(await forged({ roster: record.roster.slice(0, 3) })).not.toEqual([]);
  // Of four places, the first is left out: nobody signed that, and the slots count four.
  const without = await forged({ sums: [{ ...one, survivors: '0e' }] });
  expect(without).toContain('the slots of sum 0 are not those of 3 inputs');
});

test('groups, noise in shares, a median and dropouts: the model is that of the plain computation on the grid', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'run');
  await using run = await ServedRun.start({
    folder: path,
    config: secureConfigOf(12, {
      rule: 'median',
      secure: {
        kind: 'groups',
        clip: 4,
        corrupt: 0,
        minSum: 3,
        dropout: 0.1,
        groupSize: 4,
        byzantine: 1,
      },
      privacy: {
        kind: 'central',
        relation: 'replace-one',
        clipNorm: 2,
        noiseMultiplier: 1,
        epsilon: 100,
        delta: 1e-5,
        accountant: 'rdp',
        noise: 'shares',
      },
      round: { collectSeconds: 8, processingSeconds: 10 },
    }),
  });
  const noisy = { secure: { noiseBackend: () => createBackend('reference') } };
  const players = await joined(run, 11, noisy);
  const absent = await Player.join(run.url, { ...noisy, diesAt: 'masked' });
  await Promise.all([...players, absent].map((player, i) => player.play(giving(updateOf(i)))));
  const { config, groups, ...exact } = await checkedRound(run, players);
  expect(exact).toEqual({ areExact: true, isModelExact: true });
  expect(groups).toHaveLength(3);
  expect(groups.flat().sort()).toEqual(players.map(({ id }) => id).sort());
  expect(config.noise.law).toBe('skellam');
  // Charged before anything was asked for that opens a sum, and with a receipt before it is used.
  const kinds: string[] = [];
  for await (const { type, body } of run.store.events()) {
    kinds.push(type === 'ledger.line' ? JSON.parse(String(body.text)).body.kind : type);
  }
  const order = ['charge', 'privacy.reserved', 'commit', 'round.unmasked', 'round.published'];
  expect(kinds.filter((kind) => order.includes(kind))).toEqual(order);
  expect(await problemsOf(run)).toEqual([]);
  const { code, stdout } = await aggregis(['report', path, '--verify']);
  expect(code, stdout).toBe(0);
  expect(stdout).toMatch(/ok +privacy +1 charge as the accountant has them, 1 release/);
  expect(stdout).toMatch(/ok +masks +1 round, 3 sums of 11 inputs .* server key [0-9a-f]{64}/);
  // The same run, but the log says of two clients that each was in the other's group.
  const other = await forged(path, join(folder.path, 'forged'), ({ type, body }) => {
    if (type !== 'round.unmasked') return body;
    const [a, b, ...rest] = sumsIn(run);
    const [first, second] = [a!.clients[0]!, b!.clients[0]!];
    const swapped = (sum: OpenedSum, from: string, to: string) => ({
      ...sum,
      clients: sum.clients.map((client) => (client === from ? to : client)).sort(),
    });
    const sums = [swapped(a!, first, second), swapped(b!, second, first), ...rest];
    return { ...body, sums } as unknown as typeof body;
  });
  const bad = await aggregis(['report', other, '--verify']);
  expect(bad.code).toBe(1);
  expect(bad.stdout).toMatch(
    /FAIL +masks +event \d+ \(round.published\): .*tells of other clients/,
  );
}, 60_000);

test('scaffold under masks: (Δ, Δc) is one row on the grid, and verifies', async () => {
  await using folder = await temporaryFolder();
  const config = secureConfigOf(4, { optimizer: 'scaffold:controlScale=0.5', rounds: 2 });
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), config });
  const players = await joined(run, 4);
  const seen: (readonly [round: number, committed: number, control: number])[] = [];
  const moving =
    (by: number): Train =>
    ({ model: { tensors }, round, committed, control }) => {
      const filled = (value: number) =>
        new Map([...tensors].map(([name, { values }]) => [name, values.map(() => value)]));
      for (const value of control!.get('a')!) seen.push([round, committed, value]);
      return { difference: filled(by / 4), control: filled(by / 2), samples: 10 };
    };
  const parts = await Promise.all(players.map((player, i) => player.play(moving(i % 3))));
  expect(parts.flat().map(({ outcome }) => outcome)).toEqual(Array(8).fill('committed'));
  // A step of the grid is about 4·2⁻²³ long, and no entry is off by more than one; the variate's are halves.
  const most = 2 ** -20;
  // Of 0, 1, 2 and 0 the mean is 3/4: the variate is 3/8 after a round, as all of four took part.
  expect(new Set(seen.map(([round, committed]) => `${round} ${committed}`))).toEqual(
    new Set(['1 0', '2 1']),
  );
  for (const [round, , value] of seen) {
    expect(Math.abs(value - (round === 1 ? 0 : 3 / 8))).toBeLessThan(most);
  }
  const { body } = run.events.findLast(({ type }) => type === 'round.published')!;
  // The first model is 1 … 7; each of two rounds adds 3/16, and f32 rounds twice below 8.
  for (const [i, value] of (await valuesIn(await bytesOf(run, String(body.model)))).entries()) {
    expect(Math.abs(value - (i + 1 + 3 / 8))).toBeLessThan(most + 2 ** -21);
  }
  expect([await problemsOf(run, 1), await problemsOf(run, 2)]).toEqual([[], []]);
});
