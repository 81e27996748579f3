/**
 * A cohort, a configuration and the graph that follows: what fault tests are played on. Keys are the same
 * in each round of a scene, and are computed once.
 *
 * @module
 */

import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { cohortOf, type SecureCohort } from '../../src/lab/secure/cohort.ts';
import {
  type SimulatedRound,
  type SimulationOptions,
  simulateRound,
} from '../../src/lab/secure/simulate-round.ts';
import type { Carried } from '../../src/lab/secure/transcript.ts';
import type { RoundConfig } from '../../src/secagg/config.ts';
import { contextOf } from '../../src/secagg/config.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { drawGraph, type Graph } from '../../src/secagg/graph.ts';
import {
  type MessageType,
  openMessage,
  parseEntry,
  parseRoster,
} from '../../src/secagg/messages.ts';
import type { Entry } from '../../src/secagg/roster.ts';
import { rememberedCrypto } from './remembered-crypto.ts';
import { roundConfig } from './secure-round.ts';

/** A stage for rounds. */
export interface Scene {
  readonly cohort: SecureCohort;
  readonly config: RoundConfig;
  readonly crypto: CryptoProvider;
  /** What devices that fail are made of. */
  readonly backend: Backend;
  /** Of the round without faults, and of each in which everybody advertises. */
  readonly graph: Graph;
  readonly root: Uint8Array;
  readonly entries: readonly Entry[];
  /** A client that faults go against. */
  readonly target: number;
  /** Its neighbours: those whom faults hit, the first first. */
  readonly victims: readonly number[];
  /** k − t, for each client. */
  readonly tolerated: number;
  /** The round without faults, and the round before it. */
  readonly clean: SimulatedRound;
  readonly earlier: SimulatedRound;
  play(options?: Partial<SimulationOptions>): Promise<SimulatedRound>;
}

const SEED = 5;

const scenes = new Map<string, Promise<Scene>>();

/** Eight clients, all neighbours: c = 2, t = 5, so that two may drop out. */
export function completeScene(): Promise<Scene> {
  return once('complete', () =>
    sceneOf({
      clients: 8,
      corrupt: 250_000,
      dropout: 250_000,
      // One word more than ⅔ of a block: masks are looked at as a whole.
      dimensions: 9,
      ringBits: 20,
      round: 2,
      minStart: 6,
      minSum: 5,
    }),
  );
}

/** 64 clients with 8 neighbours each: c = 2, t = 6, so that two may drop out around any. */
export function sparseScene(): Promise<Scene> {
  return once('harary', () =>
    sceneOf({
      clients: 64,
      corrupt: 35_000,
      dropout: 40_000,
      sigma: 80,
      dimensions: 9,
      round: 2,
      topology: 'harary',
      minStart: 62,
      minSum: 40,
    }),
  );
}

function once(name: string, make: () => Promise<Scene>): Promise<Scene> {
  const known = scenes.get(name) ?? make();
  scenes.set(name, known);
  return known;
}

async function sceneOf(terms: Parameters<typeof roundConfig>[0]): Promise<Scene> {
  const crypto = rememberedCrypto(await createNodeCrypto({ threads: 0 }));
  const config = roundConfig(terms);
  const cohort = await cohortOf(config.maxClients, { seed: SEED, crypto });
  const play = (options: Partial<SimulationOptions> = {}): Promise<SimulatedRound> =>
    simulateRound({ cohort, config, crypto, seed: SEED, ...options });
  const clean = await play();
  const earlier = await play({ config: { ...config, round: config.round - 1 } });
  const roster = parseRoster(
    openMessage(messageOf(clean, 'roster', 0))!.body,
    config.topology === 'complete',
  )!;
  const entries = cohort.clients.map(
    (_, client) => parseEntry(openMessage(messageOf(clean, 'advertise', client))!.body)!,
  );
  const seed = { context: contextOf(config, crypto), root: roster.root, beacon: config.beacon };
  const graph = drawGraph(config, config.maxClients, { seed, crypto });
  const target = config.maxClients - 1;
  const { degree, threshold } = graph.terms(target);
  return {
    cohort,
    config,
    crypto,
    backend: await createBackend('reference'),
    graph,
    root: roster.root,
    entries,
    target,
    victims: graph.neighbours(target),
    tolerated: degree - threshold,
    clean,
    earlier,
    play,
  };
}

/** The message of that type between the server and a client. */
export function messageOf(round: SimulatedRound, type: MessageType, client: number): Uint8Array {
  return carriedOf(round, type, client)!.message;
}

function carriedOf(
  { transcript }: SimulatedRound,
  type: MessageType,
  client: number,
): Carried | undefined {
  return transcript.carried.find(
    (one) => one.type === type && (one.from === client || one.to === client),
  );
}
