/**
 * Who masks with whom: a graph over the roster that nobody chose. It is drawn from the context, the root
 * and the beacon, so that each client can compute its own neighbours.
 *
 * Harary. "The maximum connectivity of a graph", PNAS 1962: a ring in random order, each client joined
 * to the k/2 on either side.
 *
 * @module
 */

import { createRandom, shuffle } from '../core/random.ts';
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
  /** Clients whose inputs go into one sum, ascending: one set, or one for each group. Made when asked for. */
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
  switch (config.topology) {
    case 'complete':
      return completeGraph(config, clients);
    case 'harary':
      return hararyGraph(config, clients, () => orderOf(clients, seed, crypto));
    case 'groups':
      return groupGraph(config, clients, () => orderOf(clients, seed, crypto));
  }
}

/** A uniformly random order of the clients, in four bytes each. */
function orderOf(clients: number, seed: GraphSeed, crypto: CryptoProvider): Uint32Array {
  const bytes = crypto.sha256(label('graph'), seed.context, seed.root, seed.beacon);
  const order = new Uint32Array(clients);
  for (let i = 0; i < clients; i++) order[i] = i;
  return shuffle(order, createRandom(bytes));
}

function everybody(clients: number): number[] {
  return Array.from({ length: clients }, (_, i) => i);
}

/** What is made when it is first asked for. */
function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function completeGraph(config: RoundConfig, clients: number): Graph {
  const terms = graphTerms(config, { clients, graph: 'complete' });
  const cohorts = lazily(() => [everybody(clients)]);
  const isOther = (client: number, other: number): boolean =>
    other !== client && other >= 0 && other < clients;
  return {
    topology: 'complete',
    clients,
    neighbours: (client) => cohorts()[0]!.filter((other) => other !== client),
    rank: (client, other) => (isOther(client, other) ? other - Number(other > client) : -1),
    terms: () => terms,
    get cohorts() {
      return cohorts();
    },
    cohortOf: () => 0,
  };
}

function hararyGraph(config: RoundConfig, clients: number, draw: () => Uint32Array): Graph {
  const terms = graphTerms(config, { clients, graph: 'harary' });
  const order = draw();
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
  const cohorts = lazily(() => [everybody(clients)]);
  return {
    topology: 'harary',
    clients,
    neighbours,
    rank: (client, other) => neighbours(client).indexOf(other),
    terms: () => terms,
    get cohorts() {
      return cohorts();
    },
    cohortOf: () => 0,
  };
}

function groupGraph(config: RoundConfig, clients: number, draw: () => Uint32Array): Graph {
  const bySize = groupTerms(config, clients);
  const order = draw();
  const count = Math.floor(clients / config.groupSize);
  const home = new Uint32Array(clients);
  const starts = Array.from({ length: count + 1 }, (_, g) => Math.floor((g * clients) / count));
  for (let g = 0; g < count; g++) {
    for (let at = starts[g]!; at < starts[g + 1]!; at++) home[order[at]!] = g;
  }
  const known = new Map<number, readonly number[]>();
  const membersOf = (g: number): readonly number[] => {
    const before = known.get(g);
    if (before !== undefined) return before;
    const members = [...order.subarray(starts[g], starts[g + 1])].sort((a, b) => a - b);
    known.set(g, members);
    return members;
  };
  const cohortOf = (client: number): number => home[client]!;
  const cohorts = lazily(() => Array.from({ length: count }, (_, g) => membersOf(g)));
  return {
    topology: 'groups',
    clients,
    neighbours: (client) => membersOf(cohortOf(client)).filter((other) => other !== client),
    rank: (client, other) => {
      const at = membersOf(cohortOf(client)).indexOf(other);
      return client === other ? -1 : at - Number(other > client && at >= 0);
    },
    terms: (client) => {
      const g = cohortOf(client);
      return bySize.get(starts[g + 1]! - starts[g]!)!;
    },
    get cohorts() {
      return cohorts();
    },
    cohortOf,
  };
}

function inverse(order: Uint32Array): Uint32Array {
  const place = new Uint32Array(order.length);
  for (const [at, client] of order.entries()) place[client] = at;
  return place;
}
