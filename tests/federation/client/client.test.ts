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
} from '../../../src/federation/client/client.ts';
import { readModel } from '../../../src/federation/client/model.ts';
import type { Participation } from '../../../src/federation/client/participation.ts';
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
    expect(rounds[0]!.receipt!.root).toBe(statement.root);
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

describe('an upload', () => {
  test('goes on where another process left it, and sends nothing twice', async () => {
    const identity = await Identity.create(crypto);
    let isDown = true;
    await using server = await start({
      model: await modelOf(ENTRIES),
      fault: ({ path }) => (isDown && path.endsWith('/chunks/2') ? { kind: 'drop' } : undefined),
    });
    using before = await connected(server.url, { identity, parallel: 1, patienceMs: 50 });
    const crash = all(before.participate({ train: adding(1) }));
    await expect(crash).rejects.toMatchObject({ code: 'unreachable' });
    expect(server.written).toEqual([0, 1]);
    isDown = false;
    using after = await connected(server.url, { identity });
    const rounds = await all(after.participate({ train: adding(1) }));
    expect(rounds.map(({ outcome }) => outcome)).toEqual(['committed']);
    expect(server.written).toEqual([0, 1, 2]);
  });

  test('sends again what the server has lost', async () => {
    const losses: number[] = [];
    await using server: StrictCoordinator = await start({
      model: await modelOf(ENTRIES),
      fault: ({ path, before }) => {
        if (path.endsWith('/commit') && before === 0) {
          losses.push(1);
          server.loseChunk(1);
        }
        return undefined;
      },
    });
    using client = await connected(server.url);
    await all(client.participate({ train: adding(1) }));
    expect(losses).toEqual([1]);
    expect(server.written.toSorted()).toEqual([0, 1, 1, 2]);
  });

  test.each([
    { parallel: 1, creditChunks: 4, most: 1 },
    { parallel: 3, creditChunks: 8, most: 3 },
    { parallel: 8, creditChunks: 2, most: 2 },
  ])(
    'has at most $most chunks on their way: $parallel at once, credit for $creditChunks',
    async ({ parallel, creditChunks, most }) => {
      // Twelve chunks and a part of one.
      await using server = await start({ model: await modelOf(12.5 * (CHUNK / 4)), creditChunks });
      using client = await connected(server.url, { parallel });
      await all(client.participate({ train: adding(1) }));
      expect(server.mostInFlight).toBeLessThanOrEqual(most);
      expect(server.written.length).toBe(13);
    },
  );

  test.each(['F32', 'F16', 'BF16'] as const)('is in %s where that is wished for', async (dtype) => {
    await using server = await start({
      model: await modelOf(5),
      dtypes: ['F32', 'I8', 'BF16', 'F16'],
    });
    using client = await connected(server.url, { dtype });
    await all(client.participate({ train: adding(1 / 3) }));
    const { statement, file } = server.taken.get(1)![0]!;
    expect(statement.dtype).toBe(dtype);
    // Halves of the gaps between neighbours around 1/3: 2⁻²⁶, 2⁻¹³ and 2⁻¹⁰.
    const unit = { F32: 2 ** -26, F16: 2 ** -13, BF16: 2 ** -10 }[dtype];
    const { bias } = await valuesOf(file);
    for (const value of bias!) expect(Math.abs(value - 1 / 3)).toBeLessThanOrEqual(unit);
  });

  test('is in the first type that is known where nothing is wished for', async () => {
    await using server = await start({ model: await modelOf(5), dtypes: ['F64', 'BF16', 'F32'] });
    using client = await connected(server.url);
    await all(client.participate({ train: adding(1) }));
    expect(server.taken.get(1)![0]!.statement.dtype).toBe('BF16');
  });
});

describe('a round that goes on without the client', () => {
  test('is late where training takes longer than the round, and is told to stop', async () => {
    await using server = await start({ model: await modelOf(3), rounds: 2, collectMs: 300 });
    let stopped = 0;
    using client = await connected(server.url);
    const train: Train = async (task) => {
      if (task.round === 2) return adding(1)(task);
      await new Promise((done) => task.signal.addEventListener('abort', done));
      stopped++;
      setTimeout(() => server.closeRound(), 50);
      return adding(1)(task);
    };
    const rounds = await all(client.participate({ train }));
    expect(rounds.map(({ round, outcome }) => [round, outcome])).toEqual([
      [1, 'late'],
      [2, 'committed'],
    ]);
    expect(stopped).toBe(1);
  });

  test('is late where the server closes it in the middle of the upload', async () => {
    let commits = 0;
    await using server = await start({
      model: await modelOf(ENTRIES),
      rounds: 2,
      fault: ({ path }) =>
        path.endsWith('/commit') && commits++ === 0
          ? { kind: 'refuse', status: 409, code: 'round-closed' }
          : undefined,
    });
    using client = await connected(server.url);
    const rounds = client.participate({ train: adding(1) });
    const { value } = await rounds.next();
    expect(value).toMatchObject({ round: 1, outcome: 'late', refusal: 'round-closed' });
    await server.closeRound();
    expect((await all(rounds)).map(({ outcome }) => outcome)).toEqual(['committed']);
  });

  test('is declined where training gives nothing, and refused where the server says so', async () => {
    await using server = await start({
      model: await modelOf(3),
      rounds: 3,
      fault: ({ path, before }) =>
        path === '/v1/rounds/2/updates' && before === 0
          ? { kind: 'refuse', status: 422, code: 'samples' }
          : undefined,
    });
    using client = await connected(server.url);
    const found: Participation[] = [];
    const train: Train = (task) => (task.round === 1 ? undefined : adding(1)(task));
    for await (const part of client.participate({ train })) {
      found.push(part);
      if (part.outcome !== 'committed') await server.closeRound();
    }
    expect(found.map(({ outcome, refusal }) => [outcome, refusal])).toEqual([
      ['declined', undefined],
      ['refused', 'samples'],
      ['committed', undefined],
    ]);
  });
});

describe('what ends a client', () => {
  test.each([
    ['revoked', 403],
    ['not-enrolled', 403],
  ])('being %s', async (code, status) => {
    await using server = await start({
      model: await modelOf(3),
      fault: first(1, /updates$/, { kind: 'refuse', status, code }),
    });
    using client = await connected(server.url);
    await expect(all(client.participate({ train: adding(1) }))).rejects.toMatchObject({
      name: 'FederationError',
      code: 'refused',
      status,
      refusal: code,
    });
  });

  test('a policy that does not admit it', async () => {
    await using server = await start({
      model: await modelOf(3),
      fault: first(1, /clients$/, { kind: 'refuse', status: 403, code: 'not-enrolled' }),
    });
    await expect(connected(server.url)).rejects.toMatchObject({ refusal: 'not-enrolled' });
  });

  test('a model that never has the bytes that were announced', async () => {
    await using server = await start({
      model: await modelOf(3),
      fault: first(9, /models/, { kind: 'garble' }),
    });
    using client = await connected(server.url);
    await expect(all(client.participate({ train: adding(1) }))).rejects.toMatchObject({
      code: 'wrong-model',
    });
    expect(server.log.filter((line) => line.includes('/models/')).length).toBe(3);
  });

  test.each<[string, (task: Parameters<Train>[0]) => unknown, string]>([
    [
      'lacks a tensor',
      () => ({ difference: { bias: new Float32Array(2) }, samples: 1 }),
      'layers.0',
    ],
    [
      'has one too many',
      (task) => {
        const names = [...task.model.tensors].map(([name, { values }]) => [name, values] as const);
        return { difference: new Map([...names, ['more', new Float32Array(1)]]), samples: 1 };
      },
      '"more": the model has no such tensor',
    ],
    [
      'has one of another length',
      () => ({
        difference: { bias: new Float32Array(3), 'layers.0': new Float32Array(3) },
        samples: 1,
      }),
      '"bias": needs a Float32Array of 2, got 3',
    ],
    ['is not finite', (task) => adding(Number.NaN)(task), 'has training diverged?'],
    ['is beyond its type', (task) => adding(1e5)(task), 'beyond the range of F16'],
    ['has no samples', (task) => adding(1, 0)(task), 'samples must be at least 1, got 0'],
    ['is none', () => ({ samples: 1 }), 'tensors by name, got undefined'],
  ])('an update that %s', async (_, train, message) => {
    await using server = await start({ model: await modelOf(3), dtypes: ['F16'] });
    using client = await connected(server.url);
    const rounds = all(client.participate({ train: train as Train }));
    await expect(rounds).rejects.toMatchObject({ code: 'bad-update' });
    await expect(rounds).rejects.toThrow(message);
  });

  test('training that throws, and its cause is kept', async () => {
    await using server = await start({ model: await modelOf(3) });
    using client = await connected(server.url);
    const cause = new Error('no memory');
    const train: Train = () => {
      throw cause;
    };
    await expect(all(client.participate({ train }))).rejects.toMatchObject({
      code: 'training',
      message: 'training of round 1: no memory',
      cause,
    });
  });

  test('its signal, while it waits and while it trains', async () => {
    await using server = await start({ model: await modelOf(3), wanted: 2 });
    for (const where of ['training', 'waiting']) {
      const end = new AbortController();
      const reason = new Error('enough');
      using client = await connected(server.url, {
        onStatus: ({ doing }) => doing === where && setTimeout(() => end.abort(reason), 20),
      });
      const train: Train = (task) =>
        where === 'training' ? new Promise(() => {}) : adding(1)(task);
      const rounds = all(client.participate({ train, signal: end.signal }));
      // It waits for an answer while it is told nothing: the second request is the one.
      if (where === 'waiting') setTimeout(() => end.abort(reason), 500);
      await expect(rounds).rejects.toBe(reason);
    }
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
