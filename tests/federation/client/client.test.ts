/**
 * A client against a coordinator that speaks the protocol strictly, and fails whenever it is told to.
 *
 * @module
 */

import { afterAll, describe, expect, test } from 'vitest';
import { FederationError } from '../../../src/core/errors.ts';
import {
  type ClientStatus,
  FederationClient,
  type FederationClientOptions,
  type Participation,
} from '../../../src/federation/client/client.ts';
import { readModel } from '../../../src/federation/client/model.ts';
import type { Train } from '../../../src/federation/client/train.ts';
import { Identity } from '../../../src/federation/identity.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { createNodeCrypto } from '../../../src/secagg/crypto/create-node.ts';
import {
  type Asked,
  type Fault,
  StrictCoordinator,
  type StrictOptions,
  sha256Hex,
} from '../../support/strict-coordinator.ts';

const crypto = await createNodeCrypto({ threads: 0 });
afterAll(() => crypto.close());

/** Delays of a few milliseconds. */
const backoff = { firstMs: 4, mostMs: 20 };

/** `layers.0` of so many entries, `bias` of 2, and a counter that is not trained. */
async function modelOf(entries: number, value = 1): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const floats = (n: number) => [new Uint8Array(new Float32Array(n).fill(value).buffer)];
  await writeSafetensors(
    async (bytes) => {
      parts.push(bytes.slice());
    },
    [
      { name: 'layers.0', dtype: 'F32', shape: [entries], data: floats(entries) },
      { name: 'bias', dtype: 'F32', shape: [2, 1], data: floats(2) },
      { name: 'steps', dtype: 'I64', shape: [], data: [new Uint8Array(8)] },
    ],
  );
  return new Uint8Array(Buffer.concat(parts));
}

/** Adds `by` to every entry. */
function adding(by: number, samples = 5): Train {
  return ({ model }) => ({
    difference: new Map(
      [...model.tensors].map(([name, { values }]) => [
        name,
        new Float32Array(values.length).fill(by),
      ]),
    ),
    samples,
  });
}

async function connected(
  url: string,
  options: Partial<FederationClientOptions> = {},
): Promise<FederationClient> {
  const identity = options.identity ?? (await Identity.create(crypto));
  return FederationClient.connect({ url, identity, crypto, backoff, ...options });
}

async function all(rounds: AsyncIterable<Participation>): Promise<Participation[]> {
  const found: Participation[] = [];
  for await (const one of rounds) found.push(one);
  return found;
}

function start(
  options: Partial<StrictOptions> & { model: Uint8Array },
): Promise<StrictCoordinator> {
  return StrictCoordinator.start({ crypto, ...options });
}

/** A fault at the first requests of a kind. */
function first(times: number, pattern: RegExp, fault: Fault): (asked: Asked) => Fault | undefined {
  return ({ method, path, before }) =>
    before < times && pattern.test(`${method} ${path}`) ? fault : undefined;
}

/** The values in a committed update. */
async function valuesOf(file: Uint8Array): Promise<Record<string, number[]>> {
  const { tensors } = await readModel(file, sha256Hex(file));
  return Object.fromEntries([...tensors].map(([name, { values }]) => [name, [...values]]));
}

describe('a client', () => {
  test('enrols, trains what it was given, and its update counts, round after round', async () => {
    const seen: number[] = [];
    await using server = await start({
      model: await modelOf(3),
      rounds: 2,
      next: async (_, updates) => {
        const { bias } = await valuesOf(updates[0]!.file);
        return modelOf(3, 1 + bias![0]!);
      },
    });
    const statuses: ClientStatus[] = [];
    using client = await connected(server.url, { onStatus: (status) => statuses.push(status) });
    const train: Train = (task) => {
      seen.push(task.model.tensors.get('layers.0')!.values[0]!);
      expect([...task.model.tensors.keys()].sort()).toEqual(['bias', 'layers.0']);
      return adding(0.5)(task);
    };
    const rounds = await all(client.participate({ train }));
    expect(rounds.map(({ round, outcome }) => [round, outcome])).toEqual([
      [1, 'committed'],
      [2, 'committed'],
    ]);
    expect(seen).toEqual([1, 1.5]);
    const { statement, file } = server.taken.get(1)![0]!;
    expect(statement).toMatchObject({ client: client.id, dtype: 'F32', samples: 5, round: 1 });
    expect(await valuesOf(file)).toEqual({ 'layers.0': [0.5, 0.5, 0.5], bias: [0.5, 0.5] });
    expect(rounds[0]!.receipt!.sha256).toBe(sha256Hex(file));
    expect([...new Set(statuses.map(({ doing }) => doing))]).toEqual([
      'enrolling',
      'downloading',
      'training',
      'uploading',
    ]);
  });
});

/** Three chunks, the last a short one, of an update with this many entries. */
const CHUNK = 512 * 1024;
const ENTRIES = (2.5 * CHUNK) / 4;

describe('whatever goes wrong on the way, the update counts once:', () => {
  const cases: [string, (asked: Asked) => Fault | undefined][] = [
    ['every first request is dropped', first(1, /./, { kind: 'drop' })],
    ['every first answer is lost', first(1, /./, { kind: 'mute' })],
    ['every first answer is cut in the middle', first(1, /./, { kind: 'cut' })],
    [
      'every first request meets a failure',
      first(1, /./, { kind: 'refuse', status: 500, code: 'failed' }),
    ],
    [
      'every first request is put off',
      first(1, /./, { kind: 'refuse', status: 429, code: 'slow-down', retryAfter: 0 }),
    ],
    [
      'there is no room for a while',
      first(2, /PUT/, { kind: 'refuse', status: 507, code: 'no-space', retryAfter: 0 }),
    ],
    [
      'chunks are beyond the credit at first',
      first(2, /PUT/, { kind: 'refuse', status: 429, code: 'no-credit', retryAfter: 0 }),
    ],
    [
      'chunks are changed on their way',
      first(2, /PUT/, { kind: 'refuse', status: 400, code: 'wrong-digest' }),
    ],
    ['the model comes with other bytes, twice', first(2, /models/, { kind: 'garble' })],
    [
      'sessions end in between',
      first(1, /current|models|updates/, { kind: 'refuse', status: 401, code: 'session-expired' }),
    ],
    [
      'challenges are stale at first',
      first(1, /clients|session/, { kind: 'refuse', status: 401, code: 'stale-challenge' }),
    ],
  ];

  test.each(cases)('%s', async (_, fault) => {
    await using server = await start({ model: await modelOf(ENTRIES), fault });
    using client = await connected(server.url);
    const rounds = await all(client.participate({ train: adding(2) }));
    expect(rounds.map(({ outcome }) => outcome)).toEqual(['committed']);
    const values = await valuesOf(server.taken.get(1)![0]!.file);
    expect(values['layers.0']!.length).toBe(ENTRIES);
    expect(values['layers.0']!.every((value) => value === 2)).toBe(true);
    expect(server.taken.get(1)!.length).toBe(1);
  });
});

test('errors of the client are of one class', () => {
  expect(new FederationError('refused', 'no', { status: 403, refusal: 'revoked' })).toMatchObject({
    name: 'FederationError',
    code: 'refused',
    status: 403,
    refusal: 'revoked',
  });
});
