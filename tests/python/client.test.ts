/**
 * The client in Python: what it computes, and what it does with coordinators. Skipped by name where there is
 * no Python, or none with NumPy.
 *
 * @module
 */

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FederationClient } from '../../src/federation/client/client.ts';
import { readModel } from '../../src/federation/client/model.ts';
import { Identity } from '../../src/federation/identity.ts';
import { readIdentity } from '../../src/federation/identity-file.ts';
import type { Outcome } from '../support/cli.ts';
import { configOf, modelFile, nodeCrypto, ServedRun } from '../support/federation-server.ts';
import { secureConfigOf } from '../support/secure-clients.ts';
import {
  type Asked,
  type Fault,
  StrictCoordinator,
  type StrictOptions,
  sha256Hex,
} from '../support/strict-coordinator.ts';

const PYTHON = join(import.meta.dirname, '../../python');

const why = ((): string | undefined => {
  const { error, status } = spawnSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' });
  if (error) return 'there is no python3';
  return status === 0 ? undefined : 'python3 has no NumPy';
})();

const TRAINING = `
import numpy as np

def train(task):
    assert task.training == {"wish": 1}, task.training
    if task.round == 2:
        return None
    return {name: np.full(values.shape, 0.25 * task.round) for name, values in task.tensors.items()}, 7
`;

/** Without `cryptography`: the signatures of the file itself. */
const BARE = `
import sys
sys.modules["cryptography"] = None
sys.argv[0] = ${JSON.stringify(join(PYTHON, 'aggregis_client.py'))}
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
`;

describe.skipIf(why !== undefined)(`the client in Python${why ? ` (${why})` : ''}`, async () => {
  const crypto = await nodeCrypto();
  let folder: string;
  let model: Uint8Array;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aggregis-python-'));
    model = await modelFile([1, 2, 3, 4, 5, 6, 7]);
    await writeFile(join(folder, 'training.py'), TRAINING);
    await writeFile(join(folder, 'bare.py'), BARE);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function python(words: readonly string[]): Promise<Outcome> {
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', no_proxy: '127.0.0.1' };
    return new Promise((resolve) => {
      execFile('python3', words, { env, cwd: folder }, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? null) : 0, stdout, stderr }),
      );
    });
  }

  const script = join(PYTHON, 'aggregis_client.py');

  function take(url: string, ...more: string[]): Promise<Outcome> {
    return python([script, url, '--train', 'training.py', ...more]);
  }

  function start(options: Partial<StrictOptions> = {}): Promise<StrictCoordinator> {
    return StrictCoordinator.start({ crypto, model, training: { wish: 1 }, ...options });
  }

  function lines({ stdout }: Outcome): Record<string, unknown>[] {
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async function valuesOf(file: Uint8Array): Promise<number[]> {
    const { tensors } = await readModel(file, sha256Hex(file));
    return ['a', 'b'].flatMap((name) => [...tensors.get(name)!.values]);
  }

  test('computes what it should by its own tests', async () => {
    const { code, stderr } = await python([join(PYTHON, 'test_aggregis_client.py')]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/\nOK\n$/)]);
  });

  test('signs by itself where it must, trains, and keeps its name in a file that others read', async () => {
    // Round 2 ends when the client leaves it out, and sees that the third is open.
    await using server = await start({ rounds: 3, dtypes: ['BF16', 'F32'] });
    const left = (async () => {
      while (server.round < 2) await new Promise((done) => setTimeout(done, 20));
      await new Promise((done) => setTimeout(done, 300));
      await server.closeRound();
    })();
    const words = ['bare.py', server.url, '--train', 'training.py', '--key', 'client.key'];
    const outcome = await python(words);
    await left;
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(lines(outcome).map(({ event, round }) => [event, round])).toEqual([
      ['joined', undefined],
      ['committed', 1],
      ['declined', 2],
      ['committed', 3],
    ]);
    expect(await valuesOf(server.taken.get(1)![0]!.file)).toEqual(Array(7).fill(0.25));
    expect(server.taken.get(3)![0]!.statement).toMatchObject({ dtype: 'BF16', samples: 7 });
    const identity = await readIdentity(join(folder, 'client.key'), crypto);
    expect(identity?.id).toBe(lines(outcome)[0]!.client);
  });

  const first =
    (pattern: RegExp, fault: Fault) =>
    ({ method, path, before }: Asked): Fault | undefined =>
      before < 1 && pattern.test(`${method} ${path}`) ? fault : undefined;
  const faults: [string, Fault, RegExp][] = [
    ['every first request is dropped', { kind: 'drop' }, /./],
    ['every first answer is lost', { kind: 'mute' }, /./],
    ['every first answer is cut in the middle', { kind: 'cut' }, /./],
    ['the model comes with other bytes', { kind: 'garble' }, /models/],
    [
      'sessions end in between',
      { kind: 'refuse', status: 401, code: 'session-expired' },
      /current|models|updates/,
    ],
    ['it is put off', { kind: 'refuse', status: 429, code: 'slow-down', retryAfter: 0 }, /./],
    ['chunks are changed', { kind: 'refuse', status: 400, code: 'wrong-digest' }, /PUT/],
  ];

  test.each(faults)('its update counts once though %s', async (_, fault, pattern) => {
    await using server = await start({ fault: first(pattern, fault) });
    const outcome = await take(server.url, '--patience', '30');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(server.taken.get(1)!.length).toBe(1);
  });

  test('says why and exits with 1 where it is refused or sent a wrong model', async () => {
    const refuse: Fault = { kind: 'refuse', status: 403, code: 'not-enrolled' };
    await using server = await start({ fault: first(/clients/, refuse) });
    const refused = await take(server.url);
    expect(refused).toMatchObject({
      code: 1,
      stderr: 'aggregis_client: POST /v1/clients: not-enrolled: by the test\n',
    });
    await using other = await start({
      fault: ({ path }) => (path.includes('models') ? { kind: 'garble' } : undefined),
    });
    expect((await take(other.url)).stderr).toMatch(
      /^aggregis_client: model [0-9a-f]{64} came with/,
    );
  });

  test('sends blocks of integers that the coordinator reads, none off by more than half a step', async () => {
    await writeFile(
      join(folder, 'blocks.py'),
      `
import numpy as np

def train(task):
    return {name: np.sin(np.arange(values.size)) for name, values in task.tensors.items()}, 7
`,
    );
    const config = configOf({ rounds: 1, round: { wanted: 1 }, wire: { dtypes: ['I8'] } });
    const zeros = await modelFile([0, 0, 0, 0, 0, 0, 0], 500);
    await using run = await ServedRun.start({
      folder: join(folder, 'blocks'),
      config,
      model: zeros,
    });
    const outcome = await python([script, run.url, '--train', 'blocks.py']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const { body } = run.events.find(({ type }) => type === 'round.published')!;
    await using source = await run.store.blobs.open(String(body.model));
    const file = await source.read(0, source.size);
    const got = (await readModel(file, String(body.model))).tensors.get('c')!.values;
    // Blocks of sines reach 1: a step is at most (1 + 2⁻¹⁰)/127.
    for (const [i, value] of got.entries()) {
      expect(Math.abs(value - Math.sin(i))).toBeLessThan((1 + 2 ** -9) / 254);
    }
  });

  test('gives the claims and the change of a control variate that optimisers ask for', async () => {
    await writeFile(
      join(folder, 'asked.py'),
      `
import numpy as np

def train(task):
    if task.terms.get("control") is not None:
        seen = sorted({float(x) for values in task.control.values() for x in values.ravel()})
        assert seen == [0.0 if task.round == 1 else 3.0], seen
        assert task.committed == task.round - 1
    ones = {name: np.ones(values.shape) for name, values in task.tensors.items()}
    threes = {name: 3 * ones[name] for name in ones}
    return ones, 7, {"steps": 5, "loss": 0.5, "control": threes}
`,
    );
    for (const optimizer of [
      'scaffold:controlScale=2',
      'fed-nova:maxSteps=9',
      'q-fed-avg:q=0,lipschitz=1,maxLoss=2',
    ]) {
      const name = optimizer.split(':', 1)[0]!;
      const config = configOf({ rounds: 2, round: { wanted: 1 }, optimizer });
      await using run = await ServedRun.start({ folder: join(folder, name), config });
      const outcome = await python([script, run.url, '--train', 'asked.py']);
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      const published = run.events.filter(({ type }) => type === 'round.published');
      await using source = await run.store.blobs.open(String(published[1]!.body.model));
      const after = await valuesOf(await source.read(0, source.size));
      // Alone, and with q = 0, a client moves the model by what it says, whatever the optimiser.
      for (const [i, value] of after.entries()) expect(value).toBeCloseTo(i + 1 + 2, 5);
    }
  });

  test('leaves rounds under masks out, and says so', async () => {
    await using run = await ServedRun.start({
      folder: join(folder, 'masked'),
      config: secureConfigOf(3),
    });
    for (let i = 0; i < 2; i++) {
      const identity = await Identity.create(crypto);
      (await FederationClient.connect({ url: run.url, identity, crypto })).close();
    }
    const { code, stdout } = await take(run.url, '--rounds', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(/declined.*takes no part under masks/);
    expect(run.types).not.toContain('update.declared');
  });

  test('is in one round with a client in Node, at the real coordinator', async () => {
    const config = configOf({ rounds: 1, training: { wish: 1 } });
    await using run = await ServedRun.start({ folder: join(folder, 'run'), config });
    using node = await FederationClient.connect({
      url: run.url,
      identity: await Identity.create(crypto),
      crypto,
    });
    const inNode = (async () => {
      for await (const { outcome } of node.participate({
        train: ({ model: { tensors } }) => ({
          difference: new Map(
            [...tensors].map(([name, { values }]) => [name, values.map(() => 1)]),
          ),
          samples: 7,
        }),
      })) {
        expect(outcome).toBe('committed');
      }
    })();
    const outcome = await take(run.url, '--dtype', 'F16');
    await inNode;
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    const published = run.events.find(({ type }) => type === 'round.published');
    await using source = await run.store.blobs.open(String(published!.body.model));
    const sum = await valuesOf(await source.read(0, source.size));
    // The mean of 1 and 0.25 on 1 … 7.
    expect(sum).toEqual([1, 2, 3, 4, 5, 6, 7].map((value) => value + 0.625));
  });
});
