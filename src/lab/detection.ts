/**
 * How often detection is wrong: rounds of a federated training whose clients differ as much as clients
 * may, with and without attackers, each round inspected as a server would.
 *
 * The model follows the mean of the honest clients in every run, so that what is seen of an attack does
 * not depend on how much harm it has done.
 *
 * @module
 */

import { type ClientInspection, inspectWith } from '../analysis/inspect.ts';
import type { ClientMemory } from '../analysis/memory.ts';
import { rowsSent } from '../attacks/attack.ts';
import { parseAttack } from '../attacks/list.ts';
import type { Backend } from '../backend/kernels.ts';
import { createCohort, type Training } from './cohort.ts';
import type { Dataset } from './dataset.ts';
import { localUpdate } from './model.ts';
import { streamOf } from './sampling.ts';

// Every call brings its backend, so the laboratory knows no platform that could make one.
const inspect = inspectWith(() => Promise.reject(new TypeError('backend must be given')));

/** A training whose rounds are inspected. */
export interface DetectionOptions {
  readonly data: Dataset;
  /** All clients, attackers among them. */
  readonly clients: number;
  /** The first so many clients attack. */
  readonly attackers: number;
  /** SPEC of what they send, or `none`. */
  readonly attack: string;
  /** The first round in which they attack; before it they are honest. Default 1. */
  readonly from?: number;
  readonly rounds: number;
  /** Fixes partition, first model, batches and sketch. */
  readonly seed: number;
  readonly training?: Partial<Training>;
  /** Example numbers of each client; see `createCohort`. */
  readonly parts?: readonly (readonly number[])[];
  /** Examples of the server's own, for a root update. */
  readonly root?: Dataset;
  /** Stays open. */
  readonly backend: Backend;
}

/** One client in one round. */
export interface Sighting {
  readonly round: number;
  readonly attacks: boolean;
  readonly inspection: ClientInspection;
}

/** Runs the training, and tells of every client in every round. */
export async function* sightings(options: DetectionOptions): AsyncGenerator<Sighting> {
  const { data, attackers, attack, rounds, seed, backend, from = 1 } = options;
  const cohort = createCohort(data, options);
  const parameters = cohort.initialParameters.slice();
  const memories = new Map<string, ClientMemory>();
  const ofRoot = streamOf(seed, 'root');
  let step: Float32Array | undefined;
  for (let round = 1; round <= rounds; round++) {
    const batches = cohort.drawBatches();
    const all = cohort.names.map((_, i) => cohort.update(i, parameters, batches));
    const count = attack !== 'none' && round >= from ? attackers : 0;
    const honest = all.slice(count);
    const forged = count === 0 ? [] : await forge(honest, { attack, count, round, backend });
    const root = options.root && rootUpdate(options.root);
    const updates = new Map([...forged, ...honest].map((row, i) => [cohort.names[i]!, row]));
    const inspection = await inspect(updates, {
      backend,
      memories,
      sketch: { seed },
      ...(step && { step }),
      ...(root && { root }),
    });
    for (const [i, found] of inspection.clients.entries()) {
      yield { round, attacks: i < count, inspection: found };
    }
    for (const [client, memory] of inspection.memories!) memories.set(client, memory);
    step = meanOf(honest);
    for (let j = 0; j < parameters.length; j++) parameters[j]! += step[j]!;
  }

  function rootUpdate(own: Dataset): Float32Array {
    const { localSteps, batchSize, learningRate } = cohort.training;
    const batches = Array.from({ length: localSteps }, () =>
      Array.from({ length: batchSize }, () => ofRoot.below(own.size)),
    );
    return localUpdate(cohort.model, parameters, { data: own, batches, learningRate });
  }
}

async function forge(
  honest: readonly Float32Array[],
  {
    attack,
    count,
    round,
    backend,
  }: { attack: string; count: number; round: number; backend: Backend },
): Promise<Float32Array[]> {
  const known = backend.matrix(honest);
  const context = { attackers: count, round };
  const crafted = await parseAttack(attack).craft(known, backend, context);
  const rows = await backend.read(rowsSent(crafted, backend, context));
  backend.release(known);
  const { cols } = known;
  return Array.from({ length: count }, (_, i) => rows.slice(i * cols, (i + 1) * cols));
}

function meanOf(rows: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(rows[0]!.length);
  for (const row of rows) for (let j = 0; j < sum.length; j++) sum[j]! += row[j]! / rows.length;
  return Float32Array.from(sum);
}

/** What detection came to, over some trainings. */
export interface Rates {
  /** Honest updates, and how many of them were suspected. */
  readonly honest: number;
  readonly falseAlarms: number;
  /** Updates of attackers, and how many of them were suspected or excluded by the screen. */
  readonly hostile: number;
  readonly found: number;
  /** Most rounds in which one honest client was suspected, as share of its rounds. */
  readonly worst: number;
}

/** The rates over trainings with several seeds and sizes. */
export async function ratesOver(trainings: Iterable<DetectionOptions>): Promise<Rates> {
  let [honest, falseAlarms, hostile, found, worst] = [0, 0, 0, 0, 0];
  for (const options of trainings) {
    const alarms = new Map<string, number>();
    for await (const { attacks, inspection } of sightings(options)) {
      const { client, suspected, verdict } = inspection;
      if (attacks) {
        hostile++;
        if (suspected || verdict === 'excluded') found++;
      } else {
        honest++;
        if (suspected) alarms.set(client, (alarms.get(client) ?? 0) + 1);
      }
    }
    falseAlarms += [...alarms.values()].reduce((sum, count) => sum + count, 0);
    worst = Math.max(worst, ...[...alarms.values()].map((count) => count / options.rounds));
  }
  return { honest, falseAlarms, hostile, found, worst };
}
