/**
 * A federation whose clients are as unlike each other as honest clients may be: nobody is ever put into
 * quarantine for what its data are.
 */

import { describe, expect, test } from 'vitest';
import type { Train } from '../../src/federation/client/train.ts';
import type { Dataset } from '../../src/lab/dataset.ts';
import { takeExamples } from '../../src/lab/dataset.ts';
import { writeModel } from '../../src/lab/digits-task.ts';
import { trialNames } from '../../src/lab/federation-trial.ts';
import { drawDigits, GLYPH_SIDE } from '../../src/lab/glyphs.ts';
import { localUpdate, mlp } from '../../src/lab/model.ts';
import { dirichletPartition } from '../../src/lab/partition.ts';
import { streamOf } from '../../src/lab/sampling.ts';
import { bodiesOf, trial, trialConfig } from '../support/trial.ts';

const CLIENTS = 10;
const ROUNDS = 100;

/** Client 1 alone has the label 9 and nothing else; the others share the rest by Dirichlet 0.1. */
function withOneOfItsOwn({ labels }: Dataset): number[][] {
  const own = [...labels.keys()].filter((i) => labels[i] === 9);
  const others = [...labels.keys()].filter((i) => labels[i] !== 9);
  const parts = dirichletPartition(
    others.map((i) => labels[i]!),
    { clients: CLIENTS - 1, alpha: 0.1, random: streamOf(8123, 'partition') },
  );
  return [own, ...parts.map((part) => part.map((k) => others[k]!))];
}

describe('100 rounds of honest clients with labels by Dirichlet 0.1, one with a label of its own', () => {
  test('put nobody into quarantine, and hold hardly anything against anybody', async () => {
    const data = drawDigits(400, streamOf(3, 'digits'));
    const network = mlp({ features: GLYPH_SIDE ** 2, hidden: 8, classes: 10 });
    const parts: Uint8Array[] = [];
    await writeModel(
      async (bytes) => {
        parts.push(bytes.slice());
      },
      network,
      network.initialParameters(streamOf(1, 'model')),
    );
    const trainOn =
      (examples: Dataset): Train =>
      ({ model, round }) => {
        const parameters = Float32Array.from(
          network.tensors.flatMap(({ name }) => [...model.tensors.get(name)!.values]),
        );
        const random = streamOf(round, 'batches');
        const batches = Array.from({ length: 4 }, () =>
          Array.from({ length: 8 }, () => random.below(examples.size)),
        );
        const row = localUpdate(network, parameters, {
          data: examples,
          batches,
          learningRate: 0.3,
        });
        const difference = new Map(
          network.tensors.map(({ name, shape, offset }) => {
            const length = shape.reduce((a, b) => a * b, 1);
            return [name, row.slice(offset, offset + length)];
          }),
        );
        return { difference, samples: examples.size };
      };
    const dealt = withOneOfItsOwn(data);
    const clients = new Map(
      trialNames(CLIENTS).map((name, i) => [
        name,
        { train: trainOn(takeExamples(data, dealt[i]!)) },
      ]),
    );
    const config = trialConfig({
      rule: 'weighted-mean',
      rounds: ROUNDS,
      detectors: { use: 'all', act: 'exclude' },
      reputation: { evidence: 'content' },
    });
    const quarantined: string[] = [];
    const model = new Uint8Array(Buffer.concat(parts));
    const onRound = ({ reputation }: { reputation: { isQuarantined(c: string): boolean } }) => {
      quarantined.push(...[...clients.keys()].filter((client) => reputation.isQuarantined(client)));
    };
    await trial({ config, clients, model, onRound }, ({ events, failed }) => {
      expect(failed).toBe(0);
      expect(quarantined).toEqual([]);
      // 1 % of all updates at most.
      const held = bodiesOf(events, 'client.penalised');
      expect(held.length).toBeLessThanOrEqual((CLIENTS * ROUNDS) / 100);
    });
  }, 120_000);
});
