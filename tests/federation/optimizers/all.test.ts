/** What every server optimiser promises, and how SPECs, claims and states are held to it. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostRow } from '../../../src/backend/kernels.ts';
import { arrayRow } from '../../../src/backend/rows.ts';
import {
  boundClaims,
  type HidingMode,
  refusalUnder,
} from '../../../src/federation/optimizers/client-scalars.ts';
import { addProximalGradient, proximalLoss } from '../../../src/federation/optimizers/fed-prox.ts';
import { joinRows, splitRow } from '../../../src/federation/optimizers/joined-rows.ts';
import { optimizers } from '../../../src/federation/optimizers/list.ts';
import {
  initialState,
  type Optimizer,
  type OptimizerRound,
} from '../../../src/federation/optimizers/optimizer.ts';
import { parseOptimizer } from '../../../src/federation/optimizers/spec.ts';
import {
  readOptimizerState,
  writeOptimizerState,
} from '../../../src/federation/optimizers/state-file.ts';
import { bytesSource } from '../../../src/formats/byte-source.ts';
import type { TensorFile } from '../../../src/formats/safetensors.ts';
import { bytesOf, f32, open, sameBits, sink, tensorFile } from '../../formats/support.ts';
import { rowOf, settled, trace, valuesOf } from './support.ts';

const made = optimizers.map((entry) => [entry.name, entry.make(entry.sample)] as const);

/** A round that has what any optimiser asks for. */
const ROUND: OptimizerRound = {
  clients: [
    { steps: 3, loss: 1, norm: 2 },
    { steps: 5, loss: 2, norm: 1, weight: 2 },
  ],
  population: 7,
};

/** The same row for all lengths: no two neighbours alike, of both signs. */
function pattern(cols: number, scale: number): Float32Array {
  return Float32Array.from({ length: cols }, (_, j) => scale * Math.sin(1 + j * j));
}

function start(optimizer: Optimizer, cols: number) {
  return {
    model: arrayRow(pattern(cols, 3)),
    delta: arrayRow(pattern(optimizer.parts * cols, 0.5)),
    state: initialState(optimizer, cols),
  };
}

describe.each(made)('%s', (_, optimizer) => {
  it('gives the same bits whole and in pieces, across the borders of its tiles', async () => {
    const cols = 2 ** 16 + 5;
    const { model, state } = optimizer.step(start(optimizer, cols), ROUND);
    for (const row of [model, ...state.rows.values()]) {
      const whole = new Float32Array(cols);
      await row.read(0, cols, whole);
      const pieces = new Float32Array(cols);
      const ends = [0, 1, 1000, 2 ** 16 - 1, 2 ** 16 + 1, cols];
      for (const [i, to] of ends.slice(1).entries()) {
        await row.read(ends[i]!, to, pieces.subarray(ends[i]!, to));
      }
      expect(sameBits(whole, pieces)).toBe(true);
    }
  });

  it('is pure: it changes no row that it is given, and says the same twice', async () => {
    const input = start(optimizer, 9);
    const before = await Promise.all([input.model, input.delta].map(valuesOf));
    const once = optimizer.step(input, ROUND);
    const first = await valuesOf(once.model);
    expect(await valuesOf(once.model)).toEqual(first);
    expect(await valuesOf(optimizer.step(input, ROUND).model)).toEqual(first);
    expect(await Promise.all([input.model, input.delta].map(valuesOf))).toEqual(before);
    expect(input.state.steps).toBe(0);
    expect(once.state.steps).toBe(1);
  });

  it('moves nothing for an aggregate of 0 from its start', async () => {
    const cols = 5;
    const input = {
      ...start(optimizer, cols),
      delta: rowOf(...Array(optimizer.parts * cols).fill(0)),
    };
    const { model } = optimizer.step(input, ROUND);
    expect(await valuesOf(model)).toEqual(await valuesOf(input.model));
  });

  it('goes on from a state that was written and read back as if it had not been', async () => {
    const cols = 6;
    const input = start(optimizer, cols);
    const first = optimizer.step(input, ROUND);
    const model = rowOf(...(await valuesOf(first.model)));
    const file = await stateFile(optimizer, first.state);
    const restored = readOptimizerState(file, optimizer, cols);
    expect(restored.steps).toBe(1);
    const { delta } = input;
    const away = optimizer.step({ model, delta, state: restored }, ROUND);
    const here = optimizer.step({ model, delta, state: await settled(first.state) }, ROUND);
    expect(away.state.steps).toBe(2);
    expect(await valuesOf(away.model)).toEqual(await valuesOf(here.model));
    for (const { name } of optimizer.slots) {
      expect(await valuesOf(away.state.rows.get(name)!)).toEqual(
        await valuesOf(here.state.rows.get(name)!),
      );
    }
  });

  it('refuses rows of other lengths, and slots that are missing or not its own', () => {
    const input = start(optimizer, 4);
    const short = { ...input, delta: rowOf(1) };
    expect(() => optimizer.step(short, ROUND)).toThrow(
      new RangeError(`delta of ${optimizer.name} must have ${4 * optimizer.parts} entries, got 1`),
    );
    const stray = { steps: 0, rows: new Map([...input.state.rows, ['other', rowOf(1)]]) };
    expect(() => optimizer.step({ ...input, state: stray }, ROUND)).toThrow(/no row but its slots/);
    const [slot] = optimizer.slots;
    if (slot === undefined) return;
    const none = { steps: 0, rows: new Map() };
    expect(() => optimizer.step({ ...input, state: none }, ROUND)).toThrow(
      `must have the row ${slot.name}`,
    );
    const long = { steps: 0, rows: new Map(input.state.rows).set(slot.name, rowOf(1)) };
    expect(() => optimizer.step({ ...input, state: long }, ROUND)).toThrow(
      `${slot.name} of ${optimizer.name} must have 4 entries, got 1`,
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('stops at an aggregate of %s', async (wrong) => {
    const cols = 3;
    const delta = pattern(optimizer.parts * cols, 1);
    delta[1] = wrong;
    const step = optimizer.step({ ...start(optimizer, cols), delta: arrayRow(delta) }, ROUND);
    await expect(valuesOf(step.model)).rejects.toMatchObject({
      code: 'no-convergence',
      message: expect.stringMatching(
        new RegExp(`^${optimizer.name}: entry 1 of .* the aggregate there is ${wrong}`),
      ),
    });
    // What stands before it can be read: the model and the state are of one mind about each entry.
    await expect(step.model.read(0, 1, new Float32Array(1))).resolves.toBeUndefined();
  });
});

describe('a step that leaves the range of f32', () => {
  it('is refused, whether model or state does, and names the place', async () => {
    const { optimizer } = parseOptimizer('fed-avg:eta=1e300');
    const [model] = [rowOf(0, 1)];
    const step = optimizer.step({ model, delta: rowOf(0, 1), state: initialState(optimizer, 2) });
    await expect(valuesOf(step.model)).rejects.toThrow(
      'fed-avg: entry 1 of the model would be Infinity, the aggregate there is 1',
    );
    // (2e19)² does not fit the second moment, though the model would barely move.
    const adam = parseOptimizer('fed-adam:eta=0.1').optimizer;
    const far = adam.step({ model, delta: rowOf(2e20, 0), state: initialState(adam, 2) });
    await expect(valuesOf(far.model)).rejects.toThrow('entry 0 of second-moment would be Infinity');
  });
});

describe('SPECs', () => {
  it('name every optimiser, by the name that it has', () => {
    for (const entry of optimizers) {
      const options = Object.entries(entry.sample).map(([key, value]) => `${key}=${value}`);
      const spec = options.length === 0 ? entry.name : `${entry.name}:${options.join(',')}`;
      const parsed = parseOptimizer(spec);
      expect(parsed.optimizer.name).toBe(entry.name);
      expect(parsed.entry).toBe(entry);
    }
  });

  it('set options', async () => {
    const { optimizer } = parseOptimizer('fed-adam:eta=2,tau=1,beta1=0.5,beta2=0.5,preset=flower');
    const [step] = await trace(optimizer, { model: [0], deltas: [[4]] });
    expect(step!.state).toEqual({ momentum: [2], 'second-moment': [8] });
  });

  it.each([
    ['fed-adm:eta=1', 'no optimiser is called "fed-adm"; did you mean fed-adam?'],
    ['fed-adam', 'fed-adam needs the option eta (server learning rate)'],
    ['fed-adam:eta=0', 'fed-adam: eta must be above 0, got 0'],
    ['fed-adam:eta=1,beta2=1', 'fed-adam: beta2 must be in [0, 1), got 1'],
    ['fed-adam:eta=1,tau=0', 'fed-adam: tau must be above 0, got 0'],
    ['fed-yogi:eta=1,beta1=-0.1', 'fed-yogi: beta1 must be in [0, 1), got -0.1'],
    ['fed-adagrad:eta=1,beta2=0.5', 'fed-adagrad has no option "beta2"'],
    ['fed-adagrad:eta=1,preset=tff', 'option preset of fed-adagrad must be one of paper, flower'],
    ['fed-avg-m:momentum=1', 'fed-avg-m: momentum must be in [0, 1), got 1'],
    ['fed-nova', 'fed-nova needs the option maxSteps'],
    ['fed-nova:maxSteps=0', 'fed-nova: maxSteps must be at least 1, got 0'],
    ['q-fed-avg:q=-1,lipschitz=1,maxLoss=1', 'q-fed-avg: q must be at least 0, got -1'],
    ['q-fed-avg:q=1,lipschitz=1,maxLoss=1,minLoss=2', 'minLoss must be at most maxLoss = 1, got 2'],
    ['scaffold:controlScale=0', 'scaffold: controlScale must be above 0, got 0'],
    ['fed-avg+fed-avg-m', 'an optimiser has one part, got "fed-avg+fed-avg-m"'],
  ])('%s is refused', (spec, message) => {
    expect(() => parseOptimizer(spec)).toThrow(
      expect.objectContaining({ code: 'bad-spec', message: expect.stringContaining(message) }),
    );
  });
});

describe('what clients claim', () => {
  const { clientScalars: steps } = parseOptimizer('fed-nova:maxSteps=50').optimizer;
  const q = parseOptimizer('q-fed-avg:q=1,lipschitz=1,maxLoss=8,minLoss=0.5').optimizer;

  it('is asked for by FedNova and q-FedAvg alone, as their entries say', () => {
    const asked = optimizers.filter(({ clientScalars }) => clientScalars.length > 0);
    expect(asked.map(({ name }) => name)).toEqual(['fed-nova', 'q-fed-avg']);
    for (const [name, { clientScalars }] of made) {
      const entry = optimizers.find((one) => one.name === name)!;
      expect(clientScalars.map((scalar) => scalar.name)).toEqual(entry.clientScalars);
    }
  });

  it('is refused where single clients are hidden, with the reason', () => {
    const modes: HidingMode[] = ['central-dp', 'local-dp', 'secure-aggregation'];
    for (const mode of modes) {
      const refused = optimizers.filter((entry) => refusalUnder(mode, entry) !== undefined);
      expect(refused.map(({ name }) => name)).toEqual(['fed-nova', 'q-fed-avg']);
    }
    const nova = optimizers.find(({ name }) => name === 'fed-nova')!;
    expect(refusalUnder('secure-aggregation', nova)).toBe(
      'fed-nova asks every client for steps; under secure-aggregation they tell of single clients ' +
        'what the sum is to hide',
    );
  });

  it('counts within its bounds: too many steps cost the row', () => {
    expect(boundClaims(steps, { steps: 50, loss: 3 })).toEqual({ scalars: { steps: 50 } });
    for (const wrong of [51, 0, -1, 1.5, Number.NaN, '3', null, undefined]) {
      expect(boundClaims(steps, { steps: wrong })).toEqual({
        refused: expect.stringMatching(/^steps must be an integer in \[1, 50\], got /),
      });
    }
    expect(boundClaims(steps, Object.create({ steps: 3 }))).toHaveProperty('refused');
  });

  it('counts within its bounds: a loss is brought to the nearer one', () => {
    const bound = (loss: unknown) => boundClaims(q.clientScalars, { loss });
    expect([0, 2, 1e30].map(bound)).toEqual([0.5, 2, 8].map((loss) => ({ scalars: { loss } })));
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '2', undefined]) {
      expect(bound(wrong)).toEqual({
        refused: expect.stringMatching(/^loss must be a number, at/),
      });
    }
  });

  it('never lengthens a row, and no step takes one that was not bounded', () => {
    const nova = parseOptimizer('fed-nova:maxSteps=50,momentum=0.9').optimizer;
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (stepsClaim, lossClaim) => {
        for (const optimizer of [nova, q]) {
          const bounded = boundClaims(optimizer.clientScalars, {
            steps: stepsClaim,
            loss: lossClaim,
          });
          if ('refused' in bounded) continue;
          const factor = optimizer.rowFactor(bounded.scalars);
          expect(factor).toBeGreaterThan(0);
          expect(factor).toBeLessThanOrEqual(1);
        }
      }),
    );
    expect(() => nova.rowFactor({ steps: 51 })).toThrow(RangeError);
    expect(() => nova.rowFactor({})).toThrow(TypeError);
    expect(() => q.rowFactor({ loss: 9 })).toThrow(RangeError);
    expect(() => q.rowFactor({ loss: Number.NaN })).toThrow(TypeError);
  });

  it('is missing from a round: the step says what', () => {
    const nova = parseOptimizer('fed-nova:maxSteps=50').optimizer;
    const refuse = (optimizer: Optimizer, round: OptimizerRound, words: RegExp) =>
      expect(() => optimizer.step(start(optimizer, 1), round)).toThrow(words);
    refuse(nova, {}, /fed-nova needs the clients of the round/);
    refuse(nova, { clients: [] }, /fed-nova needs the clients of the round/);
    refuse(
      nova,
      { clients: [{ steps: 1, weight: -1 }] },
      /weight of a client must not be negative/,
    );
    refuse(nova, { clients: [{ steps: 1, weight: 0 }] }, /sum of the weights .* must be above 0/);
    refuse(q, { clients: [{ loss: 1 }] }, /norm of a client’s update must be a finite number/);
    const scaffold = parseOptimizer('scaffold').optimizer;
    refuse(scaffold, {}, /population must be an integer/);
    refuse(scaffold, { population: 4 }, /participants must be an integer/);
    refuse(scaffold, { population: 4, participants: 5 }, /participants must be in \[1, 4\], got 5/);
  });
});

/** A state as a file in memory. */
async function stateFile(
  optimizer: Optimizer,
  state: Parameters<typeof writeOptimizerState>[2],
): Promise<TensorFile> {
  const { append, bytes } = sink();
  await writeOptimizerState(append, optimizer, state);
  return open(bytesSource('state', bytes()));
}

describe('a state in a file', () => {
  const { optimizer } = parseOptimizer('fed-adam:eta=1');
  const metadata = new Map([
    ['format', 'aggregis/optimizer/v1'],
    ['optimizer', 'fed-adam'],
    ['steps', '3'],
  ]);
  const vector = ['F32', [2], f32(1, 2)] as const;
  const tensors = { momentum: vector, 'second-moment': vector };

  it('is a vector for each slot, in f32', async () => {
    const state = {
      steps: 3,
      rows: new Map(optimizer.slots.map(({ name }) => [name, rowOf(1, 2)])),
    };
    const { header } = await stateFile(optimizer, state);
    expect(header.metadata).toEqual(metadata);
    expect([...header.tensors.keys()]).toEqual(['momentum', 'second-moment']);
    const file = await tensorFile('state', tensors, metadata);
    expect(readOptimizerState(file, optimizer, 2).steps).toBe(3);
  });

  it.each<[string, Parameters<typeof tensorFile>[1], Record<string, string>, string]>([
    [
      'of another optimiser',
      tensors,
      { optimizer: 'fed-yogi' },
      'is a state of "fed-yogi", not of',
    ],
    ['of another format', tensors, { format: 'pt' }, 'is no state of an optimiser'],
    ['that counts no steps', tensors, { steps: '' }, 'must count its steps, got ""'],
    ['of less than no steps', tensors, { steps: '-1' }, 'must count its steps'],
    ['with a slot too few', { momentum: vector }, {}, 'lacks tensor "second-moment"'],
    ['with a tensor too many', { ...tensors, x: vector }, {}, 'has tensor "x", which fed-adam'],
    [
      'of a shorter model',
      { ...tensors, momentum: ['F32', [1], f32(1)] },
      {},
      'tensor "momentum" must be F32 [2], is F32 [1]',
    ],
    [
      'of another shape',
      { ...tensors, momentum: ['F32', [1, 2], f32(1, 2)] },
      {},
      'must be F32 [2], is F32 [1, 2]',
    ],
    [
      'of another type',
      { ...tensors, momentum: ['F16', [2], bytesOf(Uint16Array.of(1, 2))] },
      {},
      'must be F32 [2], is F16 [2]',
    ],
  ])('is refused where it is one %s', async (_, content, change, message) => {
    const changed = new Map([...metadata, ...Object.entries(change)]);
    const file = await tensorFile('state', content, changed);
    expect(() => readOptimizerState(file, optimizer, 2)).toThrow(
      expect.objectContaining({ name: 'FormatError', message: expect.stringContaining(message) }),
    );
  });

  it('with a NaN, or a second moment below 0, stops the next step', async () => {
    for (const wrong of [Number.NaN, -4]) {
      const broken = { ...tensors, 'second-moment': ['F32', [2], f32(1, wrong)] as const };
      const state = readOptimizerState(await tensorFile('s', broken, metadata), optimizer, 2);
      const step = optimizer.step({ model: rowOf(0, 0), delta: rowOf(1, 1), state });
      await expect(valuesOf(step.model)).rejects.toMatchObject({ code: 'no-convergence' });
    }
  });
});

describe('FedProx', () => {
  const term = { parameters: Float32Array.of(3, 4), global: Float32Array.of(0, 0), mu: 0.5 };

  it('adds (μ/2)·‖w − w_t‖², squared, and its gradient', () => {
    // ½ · ½ · 25; a peer’s example added the norm itself, which would be 1¼.
    expect(proximalLoss(term)).toBe(6.25);
    const gradient = Float32Array.of(1, 1);
    addProximalGradient(gradient, term);
    expect([...gradient]).toEqual([2.5, 3]);
  });

  it('is not always 0: only where the client has not moved', () => {
    expect(proximalLoss({ ...term, parameters: term.global })).toBe(0);
  });

  it('refuses rows of different lengths and a negative μ', () => {
    expect(() => proximalLoss({ ...term, mu: -1 })).toThrow('mu must be at least 0, got -1');
    expect(() => proximalLoss({ ...term, global: Float32Array.of(1) })).toThrow(RangeError);
    expect(() => addProximalGradient(Float32Array.of(1), term)).toThrow(
      'gradient must have 2 entries, got 1',
    );
  });
});

describe('rows one behind the other', () => {
  const read = async (row: HostRow, from: number, to: number): Promise<number[]> => {
    const into = new Float32Array(to - from);
    await row.read(from, to, into);
    return [...into];
  };

  it('are read across their borders, and come apart again', async () => {
    const joined = joinRows([rowOf(1, 2, 3), rowOf(), rowOf(4, 5, 6)]);
    expect(joined.cols).toBe(6);
    const all = [1, 2, 3, 4, 5, 6];
    for (let from = 0; from <= 6; from++) {
      for (let to = from; to <= 6; to++) {
        expect(await read(joined, from, to)).toEqual(all.slice(from, to));
      }
    }
    const [delta, change] = splitRow(joined, 2);
    expect(await valuesOf(delta!)).toEqual([1, 2, 3]);
    expect(await read(change!, 1, 3)).toEqual([5, 6]);
  });

  it('end where they end', async () => {
    await expect(read(joinRows([rowOf(1)]), 0, 2)).rejects.toThrow(RangeError);
    const [first] = splitRow(rowOf(1, 2), 2);
    await expect(read(first!, 0, 2)).rejects.toThrow(RangeError);
    expect(() => splitRow(rowOf(1, 2, 3), 2)).toThrow('must be a multiple, got 3');
  });
});
