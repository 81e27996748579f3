/** Clients that drop out at every stage, hostile messages, and configurations that cannot be. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/federation/config.ts';
import { wordsIn } from '../../../src/federation/secure-record.ts';
import { servedProblems } from '../../../src/federation/served-config.ts';
import { encodeMessage, entryToVerify, NOBODY, openMessage } from '../../../src/secagg/messages.ts';
import { encodeEntry } from '../../../src/secagg/roster.ts';
import {
  codeOf,
  nodeCrypto,
  type Reply,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';
import { giving, Player, secureConfigOf, sumOf } from '../../support/secure-clients.ts';

const UPDATE = [1, 2, 3, 0, -1, -2, 0.5];

test('a client drops out at each stage: the sum is of those whose inputs came', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    config: secureConfigOf(12, {
      secure: { kind: 'sagg1', clip: 4, corrupt: 0, minSum: 3, dropout: 0.4 },
      round: { collectSeconds: 8, processingSeconds: 5 },
    }),
  });
  const stages = ['advertise', 'shares', 'masked', 'consent', 'unmask'] as const;
  const [steady, leaving] = await Promise.all([
    Promise.all(Array.from({ length: 7 }, () => Player.join(run.url))),
    Promise.all(stages.map((diesAt) => Player.join(run.url, { diesAt }))),
  ]);
  const all = [...steady, ...leaving];
  await Promise.all(all.map((player) => player.play(giving(UPDATE))));
  const { body } = run.events.find(({ type }) => type === 'round.unmasked')!;
  const [sum] = body.sums as { clients: string[]; words: string }[];
  // Whoever consented or masked is in it, whatever became of it afterwards.
  const within = [...steady, ...leaving.slice(3)];
  expect(sum!.clients).toEqual(within.map(({ id }) => id).sort());
  await using source = await run.store.blobs.open(sum!.words);
  expect(wordsIn(await source.read(0, source.size))).toEqual(sumOf(within));
  const left = run.events.filter(({ type }) => type === 'client.left');
  expect(left.map((event) => event.body.client).sort()).toEqual(
    leaving
      .slice(0, 3)
      .map(({ id }) => id)
      .sort(),
  );
}, 60_000);

test('below the least sum the round fails with its numbers, and says so to whoever is left', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    config: secureConfigOf(4, {
      secure: { kind: 'sagg1', clip: 4, corrupt: 0, minSum: 3, dropout: 0.25 },
      round: { collectSeconds: 5, processingSeconds: 5, maxFailures: 1 },
    }),
  });
  const players = await Promise.all(
    [undefined, undefined, 'shares', 'shares'].map((diesAt) =>
      Player.join(run.url, diesAt === undefined ? {} : { diesAt: 'shares' }),
    ),
  );
  const parts = await Promise.all(players.map((player) => player.play(giving(UPDATE))));
  const { body } = run.events.find(({ type }) => type === 'round.failed')!;
  expect(body).toMatchObject({
    code: 'not-unmasked',
    reason: 'too-few-neighbours: 0 where 3 are needed',
  });
  expect(parts[0]).toMatchObject([{ outcome: 'refused', refusal: 'too-few-neighbours' }]);
}, 30_000);

test('hostile messages get their codes, are told of in the log, and the round goes on', async () => {
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    config: secureConfigOf(5, { round: { collectSeconds: 20, processingSeconds: 8 } }),
  });
  const players = await Promise.all(Array.from({ length: 4 }, () => Player.join(run.url)));
  const hostile = await TestClient.joined(run.url);
  const ends = Promise.all(players.map((player) => player.play(giving(UPDATE))));
  const round = await hostile.round();
  const send = (bytes: Uint8Array, headers = {}, round: number | string = 1): Promise<Reply> =>
    hostile.send('POST', `/v1/rounds/${round}/secure`, {
      bytes,
      headers: { 'content-type': 'application/octet-stream', ...headers },
    });
  const invitation = await hostile.send('GET', '/v1/rounds/1/secure');
  expect(openMessage(invitation.body)?.type).toBe('config');
  expect(codeOf(await send(new Uint8Array(10)))).toBe('400 malformed');
  expect(codeOf(await send(invitation.body))).toBe('400 malformed');
  expect(codeOf(await send(new Uint8Array(10), { 'content-type': 'text/plain' }))).toBe(
    '415 wrong-type',
  );
  expect(codeOf(await send(new Uint8Array(2 ** 20)))).toBe('413 too-large');
  expect(codeOf(await send(new Uint8Array(10), {}, 2))).toBe('409 wrong-round');
  expect(codeOf(await send(new Uint8Array(10), {}, 'x'))).toBe('400 malformed');
  const nobody = await hostile.send('GET', '/v1/rounds/1/secure?after=xyz');
  expect(codeOf(nobody)).toBe('400 malformed');
  // In the name of another, whose key it cannot sign with.
  const foreign = invitation.body.slice(0, 48 + 192);
  foreign[5] = 0x10;
  new DataView(foreign.buffer).setUint32(44, 192, true);
  expect(codeOf(await send(foreign))).toBe('403 wrong-signature');
  // A masked input that is none: of the right length, of no length, as numbers, with samples in the clear.
  const input = (bytes: number, changes: object): Promise<Reply> =>
    hostile.submit(new Uint8Array(bytes), round, { dtype: 'SAGG1', samples: 1, ...changes });
  expect(codeOf(await input(48 + 44 + 96, {}))).toBe('400 malformed');
  expect(codeOf(await input(100, {}))).toBe('400 wrong-length');
  expect(codeOf(await input(188, { dtype: 'F32' }))).toBe('422 wrong-dtype');
  expect(codeOf(await input(188, { samples: 10 }))).toBe('422 samples');
  // Messages of its own: with keys that are none, twice with other keys, and before their time.
  const { context } = openMessage(invitation.body)!;
  const crypto = await nodeCrypto();
  const advertised = async (keys: Uint8Array[]): Promise<Uint8Array> => {
    const { secret, publicKey: identity } = hostile.identity.keyPair();
    const [maskKey, boxKey] = keys as [Uint8Array, Uint8Array];
    const entry = { identity, maskKey, boxKey, nonce: crypto.randomBytes(32) };
    const toSign = entryToVerify({ ...entry, signature: new Uint8Array(0) }, context, crypto);
    const signature = await crypto.sign(toSign, secret);
    return encodeMessage(
      { type: 'advertise', context, sender: NOBODY },
      encodeEntry({ ...entry, signature }),
    );
  };
  const fresh = (): Promise<Uint8Array[]> =>
    crypto.agreementKeys([crypto.randomBytes(32), crypto.randomBytes(32)]);
  const low = [new Uint8Array(32), new Uint8Array(32)];
  expect(codeOf(await send(await advertised(low)))).toBe('422 bad-key');
  const own = await advertised(await fresh());
  expect((await send(own)).status).toBe(204);
  expect((await send(own)).status).toBe(204);
  expect(codeOf(await send(await advertised(await fresh())))).toBe('409 other-message');
  const digest = Buffer.from(crypto.sha256(invitation.body)).toString('hex');
  const next = await hostile.send('GET', `/v1/rounds/1/secure?after=${digest}&wait=10`);
  const sender = new DataView(next.body.buffer).getUint32(48 + 4, true);
  const early = encodeMessage({ type: 'consent', context, sender }, new Uint8Array(64));
  expect(codeOf(await send(early))).toBe('409 too-early');
  const outsider = await TestClient.joined(run.url);
  expect(codeOf(await outsider.send('GET', '/v1/rounds/1/secure'))).toBe('403 not-selected');
  expect(
    codeOf(
      await outsider.send('POST', '/v1/rounds/1/secure', {
        bytes: foreign,
        headers: { 'content-type': 'application/octet-stream' },
      }),
    ),
  ).toBe('403 not-selected');
  const parts = await ends;
  expect(parts.map(([part]) => part?.outcome)).toEqual(Array(4).fill('committed'));
  const told = run.events.filter(({ type }) => type === 'update.refused');
  expect(told.map(({ body }) => body.code)).toContain('wrong-client');
  expect(told.every(({ body }) => body.client === hostile.identity.id)).toBe(true);
}, 60_000);

test('configurations that cannot be are refused with the inequality and its numbers', () => {
  const refused = (changes: object): string => {
    try {
      parseConfig(secureConfigOf(40, changes as never), servedProblems);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refused({})).toBe('');
  const groups = { kind: 'groups', clip: 1, minSum: 5, groupSize: 5 };
  // Privacy: of five, too many may be corrupt by chance.
  expect(refused({ rule: 'median', secure: { ...groups, corrupt: 0.2 } })).toMatch(
    /secure: groups of 5 of 40 clients: c = 5 of 5 may be corrupt in some group \(8 of 40 are, σ = 80\)/,
  );
  // Robustness: more sums may be spoilt than the rule stands.
  const byzantine = { ...groups, corrupt: 0, dropout: 0, byzantine: 4 };
  expect(refused({ rule: 'median', secure: byzantine })).toMatch(
    /secure: .*f = 4 Byzantine clients can spoil 4 of 8 group sums, and the rule stands 3/,
  );
  expect(refused({ round: { lateJoin: true } })).toMatch(/round\.lateJoin: who is in a round/);
  const privacy = {
    kind: 'central',
    relation: 'add-remove',
    clipNorm: 1,
    noiseMultiplier: 1,
    epsilon: 8,
    delta: 1e-5,
    noise: 'shares',
  };
  expect(refused({ privacy })).toMatch(/secure: no bound is known for shares .* add-remove/);
  expect(
    refused({ privacy: { ...privacy, relation: 'zero-out' }, selection: { scheme: 'everybody' } }),
  ).toMatch(/selection\.count: is missing: shares of noise/);
});
