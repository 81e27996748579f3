/** Runs with each optimiser, behind a socket: three clients, two rounds, numbers worked out by hand. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FederationClient } from '../../src/federation/client/client.ts';
import type { Train } from '../../src/federation/client/train.ts';
import type { LocalUpdate } from '../../src/federation/client/update.ts';
import { Identity } from '../../src/federation/identity.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import { updateLayout } from '../../src/federation/update-layout.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { layoutOf } from '../../src/formats/layout.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { digitsTrainer } from '../../src/lab/digits-client.ts';
import { readsDigits, writeDigitsModel } from '../../src/lab/digits-task.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import {
  codeOf,
  configOf,
  modelFile,
  nodeCrypto,
  ServedRun,
  TestClient,
  temporaryFolder,
  valuesIn,
} from '../support/federation-server.ts';

const CLIENTS = 3;

/** Trains with three clients to the end; gives the models that were published, and what was logged. */
async function trained(
  spec: string,
  trainers: readonly Train[],
  options: Pick<RunConfigInput, 'privacy' | 'training' | 'wire'> & {
    readonly model?: Uint8Array;
  } = {},
): Promise<{ models: Uint8Array[]; outcomes: string[]; run: { events: ServedRun['events'] } }> {
  const { model = await modelFile([0, 0, 0, 0, 0, 0, 0]), ...more } = options;
  await using folder = await temporaryFolder();
  const crypto = await nodeCrypto();
  const config = configOf({
    optimizer: spec,
    round: { wanted: CLIENTS, quorum: CLIENTS },
    ...more,
  });
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), config, model });
  const outcomes = await Promise.all(
    trainers.map(async (train) => {
      const identity = await Identity.create(crypto);
      using client = await FederationClient.connect({ url: run.url, identity, crypto });
      const own: string[] = [];
      for await (const { outcome } of client.participate({ train })) own.push(outcome);
      return own;
    }),
  );
  const published = run.events.filter(({ type }) => type === 'round.published');
  expect(run.events.filter(({ type }) => type === 'round.failed')).toEqual([]);
  const models = await Promise.all(
    published.map(async ({ body }) => {
      await using source = await run.store.blobs.open(String(body.model));
      return (await source.read(0, source.size)).slice();
    }),
  );
  return { models, outcomes: outcomes.flat(), run: { events: run.events } };
}

/** Moves every entry by the same. */
function moving(by: number, more: Partial<LocalUpdate> = {}): Train {
  return ({ model }) => ({
    difference: filled(model.tensors, by),
    samples: 5,
    ...more,
  });
}

function filled(
  tensors: ReadonlyMap<string, { values: Float32Array }>,
  by: number,
): Map<string, Float32Array> {
  return new Map([...tensors].map(([name, { values }]) => [name, values.map(() => by)]));
}

// Differences are 1, 2 and 3: their mean is 2, in both rounds, on a model of zeros.
const adam = (d: number, v: number): number => d / (Math.sqrt(v) + 1e-3);
const V0 = 1e-6;
const STEADY: readonly (readonly [spec: string, first: number, second: number])[] = [
  ['fed-avg', 2, 4],
  ['fed-avg:eta=0.5', 1, 2],
  ['fed-avg-m:momentum=0.5', 2, 2 + 3],
  ['fed-adagrad:eta=1', adam(2, V0 + 4), adam(2, V0 + 4) + adam(2, V0 + 8)],
  [
    'fed-adam:eta=1,beta1=0,beta2=0.5',
    adam(2, V0 / 2 + 2),
    adam(2, V0 / 2 + 2) + adam(2, V0 / 4 + 1 + 2),
  ],
  [
    'fed-yogi:eta=1,beta1=0,beta2=0.5',
    adam(2, V0 + 2),
    // The second moment moves towards 4 by half of it, and then, being below, by half of it again.
    adam(2, V0 + 2) + adam(2, V0 + 4),
  ],
];

test.each(STEADY)('%s takes the steps that it should', async (spec, first, second) => {
  const { models, outcomes } = await trained(
    spec,
    [1, 2, 3].map((by) => moving(by)),
  );
  expect(outcomes).toEqual(Array(6).fill('committed'));
  const [one, two] = await Promise.all(models.map(valuesIn));
  // The model is rounded to f32 after each step, as are moments: a few parts in 2²⁴.
  for (const value of one!) expect(Math.abs(value / first - 1)).toBeLessThan(2 ** -21);
  for (const value of two!) expect(Math.abs(value / second - 1)).toBeLessThan(2 ** -21);
});

test('fed-nova counts no client more for having taken more steps, and logs what was claimed', async () => {
  // Rows become 1, so does their mean; (1 + 2 + 4)/3 steps are taken of it.
  const trainers = [1, 2, 4].map((steps) => moving(steps, { steps, loss: 9 }));
  const { models, run } = await trained('fed-nova:maxSteps=10', trainers);
  for (const value of await valuesIn(models[0]!)) expect(value).toBeCloseTo(7 / 3, 6);
  const signed = run.events
    .filter(({ type }) => type === 'update.declared')
    .map(({ body }) => body.signed as { steps?: number; loss?: number });
  expect(signed.map(({ steps }) => steps).sort()).toEqual([1, 1, 2, 2, 4, 4]);
  // Nobody asked for it: it stays with the client.
  expect(signed.every(({ loss }) => loss === undefined)).toBe(true);
});

test('q-fed-avg lets losses and measured norms decide how far it goes', async () => {
  // G = F/4 = 1/4, 1/2, 1; ‖Δ‖² = 7. D is (7/4)/3, h is Σ G·(1 + 7/F)/3 = (2 + 9/4 + 11/4)/3 = 7/3.
  const trainers = [1, 2, 4].map((loss) => moving(1, { loss, steps: 3 }));
  const { models } = await trained('q-fed-avg:q=1,lipschitz=1,maxLoss=4', trainers);
  for (const value of await valuesIn(models[0]!)) expect(value).toBeCloseTo(1 / 4, 6);
});

test('scaffold gives every client the server’s variate, and takes changes of it as part of the row', async () => {
  const seen: (readonly [round: number, committed: number, control: number[]])[] = [];
  const trainers = [1, 2, 3].map(
    (by): Train =>
      (task) => {
        const { control, model, round, committed } = task;
        seen.push([
          round,
          committed,
          [...new Set([...control!.values()].flatMap((row) => [...row]))],
        ]);
        return {
          difference: filled(model.tensors, by),
          control: filled(model.tensors, by + 1),
          samples: 5,
        };
      },
  );
  const { models } = await trained('scaffold:controlScale=4', trainers);
  expect(await valuesIn(models[1]!)).toEqual(Array(7).fill(4));
  // Changes are 2, 3 and 4: all three clients of three have changed theirs by 3 in the mean.
  expect(seen.filter(([round]) => round === 1)).toEqual(Array(3).fill([1, 0, [0]]));
  expect(seen.filter(([round]) => round === 2)).toEqual(Array(3).fill([2, 1, [3]]));
});

test('scaffold under noise at the server: (Δ, Δc) is clipped and noised as one vector', async () => {
  const trainers = [1, 1, 1].map(
    (): Train =>
      ({ model }) => ({
        difference: filled(model.tensors, 3),
        control: filled(model.tensors, 3000),
        samples: 5,
      }),
  );
  const { models } = await trained('scaffold', trainers, {
    privacy: {
      kind: 'central',
      relation: 'zero-out',
      clipNorm: 1,
      noiseMultiplier: 0.5,
      epsilon: 20,
      delta: 1e-5,
      accountant: 'zcdp',
      noise: 'server',
    },
  });
  // Together they are clipped to 1, of which nearly nothing is left for Δ; by itself, Δ would be 1 long.
  // Along it, noise on the mean of three has a standard deviation of 0.5/3: 0.7 is four of them.
  const values = await valuesIn(models[0]!);
  const along = values.reduce((sum, value) => sum + value, 0) / Math.sqrt(7);
  expect(along).toBeLessThan(0.7);
  expect(new Set(values).size).toBeGreaterThan(1);
});

test('a client without what is asked for is told before it sends anything', async () => {
  const odd = trained(
    'fed-nova:maxSteps=10',
    [1, 2, 3].map((by) => moving(by)),
  );
  await expect(odd).rejects.toThrow(/the round asks for steps/);
});

test.each([
  ['fed-nova:maxSteps=10', { steps: 11 }, /steps must be an integer in \[1, 10\], got 11/],
  ['fed-nova:maxSteps=10', { steps: 1.5 }, /steps must be an integer/],
  ['fed-nova:maxSteps=10', {}, /steps must be an integer in \[1, 10\], got undefined/],
  ['fed-nova:maxSteps=10', { steps: 1, loss: 1 }, /nobody asked for loss/],
  ['q-fed-avg:q=1,lipschitz=1,maxLoss=4', {}, /loss must be a number, at least 0/],
  ['fed-avg', { steps: 1 }, /nobody asked for steps/],
])('%s refuses a statement that claims %j', async (optimizer, claims, message) => {
  await using folder = await temporaryFolder();
  const config = configOf({ optimizer, round: { wanted: 1 } });
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), config });
  const client = await TestClient.joined(run.url);
  const round = await client.round();
  const update = await client.nudge(round.model, 1);
  const reply = await client.declare(client.statement(update, round, claims));
  expect([codeOf(reply), reply.body.error?.message]).toEqual([
    '422 claims',
    expect.stringMatching(message),
  ]);
});

test('scaffold refuses updates without a control variate, and models that have no room for its name', async () => {
  await using folder = await temporaryFolder();
  const config = configOf({ optimizer: 'scaffold', round: { wanted: 1 } });
  await using run = await ServedRun.start({ folder: join(folder.path, 'run'), config });
  const client = await TestClient.joined(run.url);
  const round = await client.round();
  expect(round.control).toEqual({ scale: 1 });
  // Half as long as it must be.
  const half = await client.submit(await client.nudge(round.model, 1), round);
  expect(codeOf(half)).toMatch(/^4\d\d wrong-length|^422 wrong-tensors/);
  const named = layoutOf([], {
    base: {
      metadata: new Map(),
      tensors: new Map(
        ['w', 'w.control'].map((name, i) => {
          return [name, { name, dtype: 'F32', shape: [1], from: 4 * i, to: 4 * i + 4 }] as const;
        }),
      ),
    } as never,
  });
  expect(() => updateLayout(named, 2)).toThrow(/the model has a tensor "w.control"/);
});

test('a model with a tensor that scales would be called like is not served in I8', async () => {
  const parts: Uint8Array[] = [];
  await writeSafetensors(
    async (bytes) => void parts.push(bytes.slice()),
    ['w', 'w.scales'].map((name) => {
      return { name, dtype: 'F32', shape: [1], data: [new Uint8Array(4)] } as const;
    }),
  );
  await using folder = await temporaryFolder();
  const options = { folder: join(folder.path, 'run'), model: Buffer.concat(parts) };
  const odd = ServedRun.start({
    ...options,
    config: configOf({ wire: { dtypes: ['F32', 'I8'] } }),
  });
  await expect(odd).rejects.toThrow(/w\.scales/);
});

const digits: readonly (readonly [
  spec: string,
  options: Pick<RunConfigInput, 'training' | 'wire'>,
])[] = [
  ['fed-avg', { training: { mu: 0.1 } }],
  ['fed-nova:maxSteps=100', {}],
  ['q-fed-avg:q=0.2,lipschitz=10,maxLoss=10', {}],
  ['scaffold:controlScale=0.5', { wire: { dtypes: ['I8'] } }],
];

test.each(digits)('clients of digits train with %s %j', async (spec, options) => {
  const parts: Uint8Array[] = [];
  await writeDigitsModel(async (bytes) => {
    parts.push(bytes.slice());
  });
  const model = new Uint8Array(Buffer.concat(parts));
  const data = drawDigits(240, streamOf(5, 'data'));
  const trainers = Array.from({ length: CLIENTS }, (_, i) =>
    digitsTrainer({ data, part: i + 1, parts: CLIENTS, alpha: 1, seed: 5 }),
  );
  const { models, outcomes } = await trained(spec, trainers, { model, ...options });
  expect(outcomes).toEqual(Array(6).fill('committed'));
  const [before, , after] = await Promise.all(
    [model, ...models].map((file) => readsDigits(bytesSource('model', file))),
  );
  expect(after!.loss).toBeLessThan(before!.loss);
});
