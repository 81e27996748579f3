/** Factors of clients on their rows, on the road that updates take. */

import { describe, expect, it } from 'vitest';
import { arrayRow } from '../../../src/backend/rows.ts';
import { fedNova } from '../../../src/federation/optimizers/fed-nova.ts';
import { initialState } from '../../../src/federation/optimizers/optimizer.ts';
import { participantRows } from '../../../src/federation/optimizers/participants.ts';
import { aggregate } from '../../../src/index.ts';
import { mean } from '../../../src/rules/mean.ts';
import { pipeline } from '../../../src/rules/pipeline.ts';
import { rowOf, valuesOf } from './support.ts';

const backend = 'reference';

describe('a stage of factors', () => {
  it('follows its clients past whom the screen excludes: FedNova from updates to model', async () => {
    const nova = fedNova({ maxSteps: 10 });
    const steps = new Map([
      ['a', 1],
      ['b', 9],
      ['c', 3],
    ]);
    const factors = new Map(
      [...steps].map(([id, count]) => [id, nova.rowFactor({ steps: count })]),
    );
    const updates = [
      { client: 'c', row: Float32Array.of(6) },
      { client: 'b', row: Float32Array.of(Number.NaN) },
      { client: 'a', row: Float32Array.of(1) },
    ];
    const rule = pipeline(participantRows(factors), mean());
    const { value, clients } = await aggregate(updates, rule, { backend });
    // 1 and 6/3.
    expect([...value]).toEqual([1.5]);
    const admitted = clients.filter(({ weight }) => weight !== 0);
    expect(admitted.map(({ client }) => client)).toEqual(['a', 'c']);
    const round = { clients: admitted.map(({ client }) => ({ steps: steps.get(client)! })) };
    const state = initialState(nova, 1);
    const next = nova.step({ model: rowOf(0), delta: arrayRow(value), state }, round);
    // τ_eff = 2
    expect(await valuesOf(next.model)).toEqual([3]);
  });

  it('must know whose rows they are, and a factor for each', async () => {
    const updates = [{ client: 'a', row: Float32Array.of(6) }];
    const rule = pipeline(participantRows(new Map()), mean());
    await expect(aggregate(updates, rule, { backend })).rejects.toThrow(
      'client a must have a factor',
    );
    await expect(aggregate([Float32Array.of(1)], rule, { backend })).rejects.toThrow(
      /must (know whose rows|have a factor)/,
    );
  });

  it.each([0, -1, 2, Number.NaN])('takes no factor of %s', (factor) => {
    expect(() => participantRows(new Map([['a', factor]]))).toThrow(/factor of a client must be/);
  });
});
