/**
 * A client of the digits task: trains the network that the server sends on its own examples. Or attacks: as
 * one of several clients that collude and know what all others will send.
 *
 * @module
 */

import { type Attack, rowsSent } from '../attacks/attack.ts';
import type { Backend } from '../backend/kernels.ts';
import { assertInteger } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { Tensors } from '../federation/client/model.ts';
import type { Train } from '../federation/client/train.ts';
import { addProximalGradient } from '../federation/optimizers/fed-prox.ts';
import { correctGradient, type ScaffoldClient } from '../federation/optimizers/scaffold-client.ts';
import { quote } from '../formats/quote.ts';
import { showShape } from '../formats/safetensors.ts';
import { ControlMemory } from './control-memory.ts';
import { type Dataset, takeExamples } from './dataset.ts';
import { type LocalTraining, localUpdate, type Mlp, mlp } from './model.ts';
import { dirichletPartition } from './partition.ts';
import { streamOf } from './sampling.ts';

/** The examples of all clients, and which of them this one is. */
export interface DigitsClientOptions {
  /** Of all clients together. */
  readonly data: Dataset;
  /** This client, from 1 on. */
  readonly part: number;
  /** Clients that the examples are dealt out to. */
  readonly parts: number;
  /** Parameter of the Dirichlet partition: how alike clients are. Above 0 */
  readonly alpha: number;
  /** Fixes partition and batches: the same for all clients of a run. */
  readonly seed: number;
  readonly attack?: DigitsAttack | undefined;
}

/** What a coalition sends. */
export interface DigitsAttack {
  readonly attack: Attack;
  /** The first so many parts attack; this client is one of them. */
  readonly attackers: number;
  /** Where the attack is computed. Stays open. */
  readonly backend: Backend;
}

/** What a server may ask for; anything else is more than a demonstration. */
const MOST = { batch: 65_536, epochs: 1000, learningRate: 1e6 } as const;
const DEFAULTS = { batch: 32, epochs: 2, learningRate: 0.1 } as const;

/** How the server wants models trained. `mu` is FedProx's. */
type Wishes = { readonly [K in keyof typeof DEFAULTS | 'mu']: number };

/**
 * Trains in rounds of a federation. The same options give the same update to the same model in the same
 * round: what was begun before a crash is gone on with.
 *
 * @throws {TypeError | RangeError} if an option is outside its range.
 */
export function digitsTrainer(options: DigitsClientOptions): Train {
  const { data, parts, alpha, seed, attack } = options;
  assertInteger('parts', parts, 1, data.size);
  const own = assertInteger('part', options.part, 1, parts) - 1;
  if (attack !== undefined) {
    assertInteger('attackers', attack.attackers, options.part, Math.max(options.part, parts - 1));
  }
  const random = streamOf(seed, 'partition');
  const members = dirichletPartition(data.labels, { clients: parts, alpha, random });
  const memory = new ControlMemory();
  return async (task) => {
    const { model, round, terms, signal, committed } = task;
    const network = networkOf(model.tensors, data);
    const parameters = flat(network, valuesOf(model.tensors));
    const wishes = wishesOf(terms.training);
    const { learningRate } = wishes;
    const control = task.control && flat(network, task.control);
    const variates = control && { control, own: memory.own(control.length, committed) };
    const batches = (part: number): number[][] =>
      batchesOf(members[part]!.length, wishes, streamOf(seed, `batches-${part}-${round}`));
    const train = (part: number): Float32Array => {
      signal.throwIfAborted();
      return localUpdate(network, parameters, {
        data: takeExamples(data, members[part]!),
        batches: batches(part),
        learningRate,
        // What the others' variates are is not known here.
        correct: correction(parameters, wishes, part === own ? variates : undefined),
      });
    };
    const delta =
      attack === undefined
        ? train(own)
        : await crafted(attack, { round, own, honest: honestOf(attack, parts).map(train) });
    const samples = members[own]!.length;
    const steps = batches(own).length;
    const change = control && memory.propose({ round, control, delta, steps, learningRate });
    const examples = (): Dataset => takeExamples(data, members[own]!);
    return {
      difference: named(network, delta),
      samples,
      steps,
      ...(terms.claims.includes('loss') && { loss: network.evaluate(parameters, examples()).loss }),
      ...(change && { control: named(network, change) }),
    };
  };
}

/** What changes the gradients of local steps: FedProx's term, SCAFFOLD's variates. */
function correction(
  global: Float32Array,
  { mu }: Wishes,
  variates: ScaffoldClient | undefined,
): LocalTraining['correct'] {
  if (mu === 0 && variates === undefined) return undefined;
  return (gradient, parameters) => {
    if (mu > 0) addProximalGradient(gradient, { parameters, global, mu });
    if (variates !== undefined) correctGradient(gradient, variates);
  };
}

/** Whoever does not attack; a client that is alone knows only its own. */
function honestOf({ attackers }: DigitsAttack, parts: number): number[] {
  if (attackers >= parts) return [parts - 1];
  return Array.from({ length: parts - attackers }, (_, i) => attackers + i);
}

async function crafted(
  { attack, attackers, backend }: DigitsAttack,
  options: { readonly round: number; readonly own: number; readonly honest: Float32Array[] },
): Promise<Float32Array> {
  const { round, own, honest } = options;
  const context = { attackers, round };
  const known = backend.matrix(honest);
  const made = await attack.craft(known, backend, context);
  const row = await backend.read(backend.select(rowsSent(made, backend, context), [own]));
  backend.release(known);
  return row;
}

/** The network whose parameters these are. @throws {FormatError} `mismatch`. */
function networkOf(tensors: Tensors, { features, classes }: Dataset): Mlp {
  const hidden = tensors.get('hidden.bias')?.shape[0] ?? 1;
  const outputs = tensors.get('output.bias')?.shape[0] ?? 0;
  const network = mlp({ features, hidden, classes: Math.max(2, outputs) });
  if (outputs < classes) {
    const message = `the model tells ${outputs} classes apart, the data has ${classes}`;
    throw new FormatError('mismatch', message);
  }
  for (const { name, shape } of network.tensors) {
    const came = tensors.get(name)?.shape;
    if (came !== undefined && showShape(came) === showShape(shape)) continue;
    const needed = `data with ${features} features needs ${quote(name)} of shape ${showShape(shape)}`;
    throw new FormatError(
      'mismatch',
      `${needed}, the model has ${came ? showShape(came) : 'none'}`,
    );
  }
  if (tensors.size > network.tensors.length) {
    throw new FormatError('mismatch', 'the model has more tensors than this task knows');
  }
  return network;
}

function valuesOf(tensors: Tensors): Map<string, Float32Array> {
  return new Map([...tensors].map(([name, { values }]) => [name, values]));
}

function flat(
  { tensors, parameterCount }: Mlp,
  values: ReadonlyMap<string, Float32Array>,
): Float32Array {
  const parameters = new Float32Array(parameterCount);
  for (const { name, offset } of tensors) parameters.set(values.get(name)!, offset);
  return parameters;
}

function named({ tensors }: Mlp, row: Float32Array): Map<string, Float32Array> {
  return new Map(
    tensors.map(({ name, shape, offset }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, row.slice(offset, offset + length)];
    }),
  );
}

/** @throws {FormatError} `mismatch` if the server wishes what no client would do. */
function wishesOf(training: Readonly<Record<string, unknown>>): Wishes {
  const wish = (name: keyof typeof DEFAULTS): number => {
    const value = training[name] ?? DEFAULTS[name];
    const isFit = typeof value === 'number' && value > 0 && value <= MOST[name];
    if (isFit && (name === 'learningRate' || Number.isInteger(value))) return value;
    const message = `training.${name} must be above 0 and at most ${MOST[name]}, got ${String(value)}`;
    throw new FormatError('mismatch', message);
  };
  const mu = training.mu ?? 0;
  if (typeof mu !== 'number' || !(mu >= 0 && mu <= MOST.learningRate)) {
    const message = `training.mu must be at least 0 and at most ${MOST.learningRate}`;
    throw new FormatError('mismatch', `${message}, got ${String(mu)}`);
  }
  return { batch: wish('batch'), epochs: wish('epochs'), learningRate: wish('learningRate'), mu };
}

/** All examples in another order in each epoch, batch by batch. */
function batchesOf(size: number, { batch, epochs }: Wishes, random: Random): number[][] {
  return Array.from({ length: epochs }, () => random.permutation(size)).flatMap((order) =>
    Array.from({ length: Math.ceil(size / batch) }, (_, i) =>
      order.slice(i * batch, (i + 1) * batch),
    ),
  );
}
