/** Rounds under masks over real HTTP, held against the plain sum of what clients put in. */

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { OpenedSum } from '../../../src/federation/events.ts';
import { wordBytes, wordsIn } from '../../../src/federation/secure-record.ts';
import { verifySecureRound } from '../../../src/federation/verify-secure.ts';
import { encodingOf, parseConfig } from '../../../src/secagg/config.ts';
import { SLOTS } from '../../../src/secagg/suite.ts';
import {
  nodeCrypto,
  ServedRun,
  temporaryFolder,
  valuesIn,
} from '../../support/federation-server.ts';
import { giving, Player, secureConfigOf, sumOf } from '../../support/secure-clients.ts';

/** The model before the first round. */
const FIRST = [1, 2, 3, 4, 5, 6, 7];

function updateOf(i: number): number[] {
  return [i / 8, -i / 8, 0.5, 0.25, 1 / 3, -1, 0.125 * i];
}

async function join_(run: ServedRun, count: number, options = {}): Promise<Player[]> {
  return Promise.all(Array.from({ length: count }, () => Player.join(run.url, options)));
}

async function bytesOf(run: ServedRun, blob: string): Promise<Uint8Array> {
  await using source = await run.store.blobs.open(blob);
  return source.read(0, source.size);
}

async function published(run: ServedRun): Promise<number[]> {
  const { model } = run.events.findLast(({ type }) => type === 'round.published')!.body;
  return valuesIn(await bytesOf(run, String(model)));
}

function sumsIn(run: ServedRun): readonly OpenedSum[] {
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  return body.sums as unknown as OpenedSum[];
}

/** That each sum in the log is the plain sum of what its clients put in, and what it is as numbers. */
async function plainMeans(run: ServedRun, players: readonly Player[], step: number) {
  const means: number[][] = [];
  for (const { clients, words } of sumsIn(run)) {
    const within = players.filter(({ id }) => clients.includes(id));
    expect(within).toHaveLength(clients.length);
    const plain = sumOf(within);
    expect(wordsIn(await bytesOf(run, words!))).toEqual(plain);
    means.push(
      [...plain.slice(SLOTS)].map((word) => Math.fround((word | 0) * (step / clients.length))),
    );
  }
  return means;
}

/** While a blob holds something else. */
async function replacing(
  run: ServedRun,
  blob: string,
  bytes: Uint8Array,
  work: () => Promise<void>,
): Promise<void> {
  const before = await bytesOf(run, blob);
  const path = join(run.store.blobs.folder, blob);
  await writeFile(path, bytes);
  await work();
  await writeFile(path, before);
}

async function problemsOf(run: ServedRun, round = 1): Promise<readonly string[]> {
  const backend = await createBackend('reference');
  const verdict = await verifySecureRound(run.store, round, {
    backend,
    crypto: await nodeCrypto(),
  });
  await backend.close();
  return verdict.problems;
}

test('six clients of whom all stay: the sum is the plain one to its last bit, and so is the model', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    config: secureConfigOf(6),
  });
  const players = await join_(run, 6);
  const parts = await Promise.all(players.map((player, i) => player.play(giving(updateOf(i)))));
  expect(parts.map(([part]) => part?.outcome)).toEqual(Array(6).fill('committed'));
  // Of 24 bits, one is the sign: 2^23 − 1 steps reach to the clip of 4.
  const step = 1 / Math.fround((2 ** 23 - 1) / 4);
  const [mean] = await plainMeans(run, players, step);
  expect(await published(run)).toEqual(FIRST.map((x, i) => Math.fround(x + mean![i]!)));
  expect(await problemsOf(run)).toEqual([]);
  // Nothing that could take masks off is kept, and no client takes part twice.
  expect(await readdir(join(folder.path, 'run/secure'))).toEqual([]);
  // What was changed afterwards is found: the sum, the signatures, the server's word.
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  const [sum] = sumsIn(run);
  const words = wordsIn(await bytesOf(run, sum!.words!));
  words[SLOTS]!++;
  await replacing(run, sum!.words!, wordBytes(words), async () => {
    expect(await problemsOf(run)).toEqual(['the mean of sum 0 is not that of its words']);
  });
  const transcript = String(body.transcript);
  const text = Buffer.from(await bytesOf(run, transcript)).toString();
  const record = JSON.parse(text);
  const forged = async (changes: object): Promise<readonly string[]> => {
    let problems: readonly string[] = [];
    const bytes = Buffer.from(JSON.stringify({ ...record, ...changes }));
    await replacing(run, transcript, bytes, async () => {
      problems = await problemsOf(run);
    });
    return problems;
  };
  const [one] = record.sums;
  const [first] = Object.keys(one.consents);
  const consents = Object.fromEntries(
    Object.entries(one.consents).map(([index]) => [index, one.consents[first!]]),
  );
  expect(await forged({ sums: [{ ...one, consents }] })).toEqual([
    expect.stringMatching(/^too few around place \d have signed the view of sum 0$/),
  ]);
  expect(await forged({ rootSignature: '00'.repeat(64) })).toEqual([
    'the roster is not signed by the server',
  ]);
  // One client less in the view: nobody signed that.
  const bits = Number.parseInt(one.survivors, 16) & 0b11_1110;
  const survivors = bits.toString(16).padStart(2, '0');
  expect((await forged({ sums: [{ ...one, survivors }] })).length).toBeGreaterThanOrEqual(2);
}, 30_000);

/** Noise in shares, groups of four, and a median over their means. */
const EVERYTHING = {
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
} as const;

test('groups, noise in shares, a median and dropouts: the model is that of the plain computation on the grid', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    config: secureConfigOf(12, {
      ...EVERYTHING,
      round: { collectSeconds: 10, processingSeconds: 10 },
    }),
  });
  const noisy = { secure: { noiseBackend: () => createBackend('reference') } };
  const players = await join_(run, 11, noisy);
  const absent = await Player.join(run.url, { ...noisy, diesAt: 'masked' });
  const all = [...players, absent];
  await Promise.all(all.map((player, i) => player.play(giving(updateOf(i)))));
  const sums = sumsIn(run);
  expect(sums).toHaveLength(3);
  expect(sums.flatMap(({ clients }) => clients).sort()).toEqual(players.map(({ id }) => id).sort());
  // The charge stands before the sums.
  const order = ['privacy.reserved', 'round.unmasked', 'round.aggregated', 'round.published'];
  expect(run.types.filter((type) => order.includes(type))).toEqual(order);
  // The noise is there: sums are not those of the updates alone.
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  const record = JSON.parse(Buffer.from(await bytesOf(run, String(body.transcript))).toString());
  const config = parseConfig(Buffer.from(record.config, 'hex'))!;
  expect(config.noise.law).toBe('skellam');
  const { scale } = encodingOf(config);
  const means = await plainMeans(run, players, 1 / scale);
  const median = FIRST.map((_, i) => means.map((mean) => mean[i]!).sort((a, b) => a - b)[1]!);
  expect(await published(run)).toEqual(FIRST.map((x, i) => Math.fround(x + median[i]!)));
  expect(await problemsOf(run)).toEqual([]);
}, 60_000);
