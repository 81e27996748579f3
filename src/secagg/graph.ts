/**
 * Who masks with whom: a graph over the roster that nobody chose. It is drawn from the context, the root
 * and the beacon, so that each client can compute its own neighbours.
 *
 * Harary. "The maximum connectivity of a graph", PNAS 1962: a ring in random order, each client joined
 * to the k/2 on either side.
 *
 * @module
 */

import { createRandom } from '../core/random.ts';
import type { RoundConfig, Topology } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { label } from './suite.ts';
import { graphTerms, groupTerms, type NeighbourhoodTerms } from './terms.ts';

/** A graph over n clients, by index. */
export interface Graph {
  readonly topology: Topology;
  readonly clients: number;
  /** Neighbours of a client, ascending. */
  neighbours(client: number): readonly number[];
  /** The place of a neighbour among them, from 0; −1 for others. */
  rank(client: number, neighbour: number): number;
  /** What holds in the neighbourhood of a client. */
  terms(client: number): NeighbourhoodTerms;
  /** Clients whose inputs go into one sum, ascending: one set, or one for each group. */
  readonly cohorts: readonly (readonly number[])[];
  /** The number of a client's cohort. */
  cohortOf(client: number): number;
}

/** What a graph is drawn from. */
export interface GraphSeed {
  readonly context: Uint8Array;
  readonly root: Uint8Array;
  /** 32 bytes; zeros where there is no beacon. */
  readonly beacon: Uint8Array;
}

/**
 * The graph of a round.
 *
 * @throws {SecureError} `infeasible` if no threshold does for so many clients, or if the configuration
 *   states a degree or a threshold that is weaker than what follows.
 */
export function drawGraph(
  config: RoundConfig,
  clients: number,
  { seed, crypto }: { seed: GraphSeed; crypto: CryptoProvider },
): Graph {
  const bytes = crypto.sha256(label('graph'), seed.context, seed.root, seed.beacon);
  const order = createRandom(bytes).permutation(clients);
  switch (config.topology) {
    case 'complete':
      return completeGraph(config, clients);
    case 'harary':
      return hararyGraph(config, order);
    case 'groups':
      return groupGraph(config, order);
  }
}

function completeGraph(config: RoundConfig, clients: number): Graph {
  const terms = graphTerms(config, { clients, graph: 'complete' });
  const all = Array.from({ length: clients }, (_, i) => i);
  const isOther = (client: number, other: number): boolean =>
    other !== client && other >= 0 && other < clients;
  return {
    topology: 'complete',
    clients,
    neighbours: (client) => all.filter((other) => other !== client),
    rank: (client, other) => (isOther(client, other) ? other - Number(other > client) : -1),
    terms: () => terms,
    cohorts: [all],
    cohortOf: () => 0,
  };
}

function hararyGraph(config: RoundConfig, order: readonly number[]): Graph {
  const clients = order.length;
  const terms = graphTerms(config, { clients, graph: 'harary' });
  const place = inverse(order);
  const reach = terms.degree / 2;
  const known = new Map<number, readonly number[]>();
  const neighbours = (client: number): readonly number[] => {
    const before = known.get(client);
    if (before !== undefined) return before;
    const at = place[client]!;
    const near: number[] = [];
    for (let step = 1; step <= reach; step++) {
      near.push(order[(at + step) % clients]!, order[(at - step + clients) % clients]!);
    }
    near.sort((a, b) => a - b);
    known.set(client, near);
    return near;
  };
  return {
    topology: 'harary',
    clients,
    neighbours,
    rank: (client, other) => neighbours(client).indexOf(other),
    terms: () => terms,
    cohorts: [Array.from({ length: clients }, (_, i) => i)],
    cohortOf: () => 0,
  };
}

function groupGraph(config: RoundConfig, order: readonly number[]): Graph {
  const clients = order.length;
  const bySize = groupTerms(config, clients);
  const count = Math.floor(clients / config.groupSize);
  const cohorts = Array.from({ length: count }, (_, g) =>
    order
      .slice(Math.floor((g * clients) / count), Math.floor(((g + 1) * clients) / count))
      .sort((a, b) => a - b),
  );
  const terms = cohorts.map(({ length }) => bySize.get(length)!);
  const home = new Uint32Array(clients);
  for (const [g, members] of cohorts.entries()) {
    for (const client of members) home[client] = g;
  }
  const cohortOf = (client: number): number => home[client]!;
  return {
    topology: 'groups',
    clients,
    neighbours: (client) => cohorts[cohortOf(client)]!.filter((other) => other !== client),
    rank: (client, other) => {
      const at = cohorts[cohortOf(client)]!.indexOf(other);
      return client === other ? -1 : at - Number(other > client && at >= 0);
    },
    terms: (client) => terms[cohortOf(client)]!,
    cohorts,
    cohortOf,
  };
}

function inverse(order: readonly number[]): Uint32Array {
  const place = new Uint32Array(order.length);
  for (const [at, client] of order.entries()) place[client] = at;
  return place;
}
