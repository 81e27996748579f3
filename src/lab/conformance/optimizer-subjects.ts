/**
 * Golden vectors of server optimisers: the model and what the optimiser remembers, after each of some
 * rounds of weighted averaging.
 *
 * @module
 */

import type { Backend } from '../../backend/kernels.ts';
import { arrayRow } from '../../backend/rows.ts';
import { FormatError } from '../../core/errors.ts';
import { fedAdagrad } from '../../federation/optimizers/fed-adagrad.ts';
import { fedAdam } from '../../federation/optimizers/fed-adam.ts';
import { fedAvg } from '../../federation/optimizers/fed-avg.ts';
import { fedAvgM } from '../../federation/optimizers/fed-avg-m.ts';
import { fedYogi } from '../../federation/optimizers/fed-yogi.ts';
import { initialState, type Optimizer } from '../../federation/optimizers/optimizer.ts';
import { type CaseKind, rowsIn } from './case.ts';
import { compareParts } from './compare.ts';
import type { Fields } from './fields.ts';
import { matrixShape } from './golden.ts';

/** An optimiser in the place of theirs. */
interface Peer {
  readonly optimizer: Optimizer;
  /** Their sign of the momentum: FedAvgM keeps that of −Δ. */
  readonly sign: 1 | -1;
}

const PEERS: Readonly<Record<string, (params: Fields) => Peer>> = {
  server_fedavgm(params) {
    const eta = params.number('server_learning_rate');
    const momentum = params.number('server_momentum');
    // Without momentum they remember nothing.
    if (momentum === 0) return { optimizer: fedAvg({ eta }), sign: -1 };
    return { optimizer: fedAvgM({ eta, momentum }), sign: -1 };
  },
  server_fedadagrad: (params) => ({ optimizer: fedAdagrad(ratesOf(params)), sign: 1 }),
  server_fedadam: (params) => ({
    optimizer: fedAdam({ ...ratesOf(params), ...decaysOf(params) }),
    sign: 1,
  }),
  server_fedyogi: (params) => ({
    optimizer: fedYogi({ ...ratesOf(params), ...decaysOf(params) }),
    sign: 1,
  }),
};

function ratesOf(params: Fields) {
  return { eta: params.number('eta'), tau: params.number('tau'), preset: 'flower' } as const;
}

function decaysOf(params: Fields) {
  return { beta1: params.number('beta_1'), beta2: params.number('beta_2') };
}

/** Where a case keeps each series, and what ours are called. */
const SERIES = [
  { name: 'model', expected: 'expected', tol: 'tol' },
  { name: 'momentum', expected: 'expected_m', tol: 'tol_m' },
  { name: 'second-moment', expected: 'expected_v', tol: 'tol_v' },
] as const;

/** Cases of optimisers. Their input is the model, and then what each client sent in each round. */
export const optimizerCases: CaseKind = {
  knows: (rule) => Object.hasOwn(PEERS, rule),
  read(golden, entry) {
    const { fields } = entry;
    const [rounds, d] = matrixShape(fields);
    const parts = golden.readParts(entry, {
      shape: [rounds, d],
      cols: d,
      parts: SERIES.map(({ name, expected, tol }) => {
        return { name, expected: fields.object(expected), tol: fields.object(tol) };
      }),
    });
    const params = fields.object('params');
    const n = fields.integer('n', 1);
    const { optimizer, sign } = PEERS[entry.rule]!(params);
    const examples = params.numberLists('num_examples');
    if (examples.length !== rounds || examples.some((counts) => counts.length !== n)) {
      const needed = `${rounds} lists of ${n}`;
      throw new FormatError('malformed', `${params.where}.num_examples must be ${needed}`);
    }
    return {
      input: fields.string('input'),
      async run({ input }, backend) {
        const [model, ...rows] = rowsIn(input, [1 + rounds * n, d]);
        const run = { backend, optimizer, model: model!, n };
        const series = await trained(run, rows, examples);
        const momentum = series.get('momentum')!.map((m) => sign * m);
        return compareParts(series.set('momentum', momentum), parts, input);
      },
    };
  },
};

interface Run {
  readonly backend: Backend;
  readonly optimizer: Optimizer;
  readonly model: Float32Array;
  /** Clients in each round. */
  readonly n: number;
}

/** All series, round after round; what the optimiser does not remember stays 0. */
async function trained(
  { backend, optimizer, model, n }: Run,
  rows: readonly Float32Array[],
  examples: readonly (readonly number[])[],
): Promise<Map<string, Float32Array>> {
  const d = model.length;
  const length = examples.length * d;
  const series = new Map(SERIES.map(({ name }) => [name as string, new Float32Array(length)]));
  let now = { model: arrayRow(model), state: initialState(optimizer, d) };
  for (const [t, counts] of examples.entries()) {
    const before = series.get('model')!.subarray((t - 1) * d, t * d);
    const base = t === 0 ? model : before;
    const delta = await aggregateOf(backend, {
      base,
      rows: rows.slice(t * n, (t + 1) * n),
      counts,
    });
    const next = optimizer.step({ ...now, delta: arrayRow(delta) });
    const kept = new Map([['model', next.model], ...next.state.rows]);
    for (const [name, row] of kept) {
      const place = series.get(name)!.subarray(t * d, (t + 1) * d);
      await row.read(0, d, place);
      kept.set(name, arrayRow(place));
    }
    const { model: after, ...state } = Object.fromEntries(kept);
    now = {
      model: after!,
      state: { steps: next.state.steps, rows: new Map(Object.entries(state)) },
    };
  }
  return series;
}

/** The example-weighted mean of the clients’ models, less the one that they began with. */
async function aggregateOf(
  backend: Backend,
  {
    base,
    rows,
    counts,
  }: { base: Float32Array; rows: readonly Float32Array[]; counts: readonly number[] },
): Promise<Float32Array> {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const weights = [...counts.map((count) => count / total), -1];
  const delta = backend.combine([weights], backend.matrix([...rows, base]));
  try {
    return await backend.read(delta);
  } finally {
    backend.release(delta);
  }
}
