/**
 * A real `aggregis serve` that is killed at points of its store and taken up again, with clients that
 * are cut off at random: what comes of the run, and whether it is what an undisturbed one gives.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../src/core/random.ts';
import { createRandom } from '../../src/core/random.ts';
import { Identity } from '../../src/federation/identity.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import { openStore, type Store } from '../../src/federation/store/store.ts';
import { modelFile, nodeCrypto, TestClient } from './federation-server.ts';
import type { KillAt } from './kill-point.ts';
import { RawHttp } from './raw-http.ts';
import { ServedProcess } from './served-process.ts';

/** Without noise, or with noise at the server. */
export type Mode = 'plain' | 'private';

/** What is run. */
export interface CrashOptions {
  /** A new folder. */
  readonly folder: string;
  readonly mode: Mode;
  readonly rounds: number;
  /** The same for runs that are compared: rows are ordered by the names of clients. */
  readonly identities: readonly Identity[];
  /** One after another, each in a process of its own. */
  readonly kills: readonly KillAt[];
  /** How often clients are cut off, of the chunks that they send. */
  readonly cutRate?: number;
  readonly seed?: number;
}

/** What came of it. */
export interface CrashOutcome {
  /** Servers that were killed where they should be. */
  readonly killed: number;
  /** Clients that were cut off. */
  readonly cut: number;
  /** The last model, by its name. */
  readonly model: string;
  /** Updates that were answered with 200. */
  readonly acknowledged: number;
  readonly epsilon: number | undefined;
  /** What should not be; empty where all is right. */
  readonly faults: readonly string[];
}

/** What a client was told. */
interface Told {
  readonly receipts: { client: string; round: number; root: string; event: number }[];
  /** Models that were said to be those that rounds begin with. */
  readonly models: Map<number, Set<string>>;
  cut: number;
}

const CLIENTS = 3;
/** Two chunks of 512 KiB. */
const MORE_COLS = 140_000;
const PRELOAD = join(import.meta.dirname, 'kill-at.ts');

/** Clients for runs that are compared. */
export async function crashIdentities(): Promise<Identity[]> {
  const crypto = await nodeCrypto();
  return Promise.all(Array.from({ length: CLIENTS }, () => Identity.create(crypto)));
}

function configOf({ mode, rounds }: CrashOptions): RunConfigInput {
  return {
    model: 'model.safetensors',
    rule: 'mean',
    optimizer: 'fed-avg-m',
    rounds,
    enrolment: { kind: 'open' },
    // A round opens once all are enrolled, whenever they were last heard of.
    selection: { scheme: 'everybody', from: 'enrolled' },
    round: { wanted: CLIENTS, quorum: CLIENTS, collectSeconds: 3600, processingSeconds: 3600 },
    wire: { chunkBytes: 512 * 1024 },
    limits: { requestsPerSecond: 1_000_000 },
    ...(mode === 'private' && {
      privacy: {
        kind: 'central',
        relation: 'zero-out',
        clipNorm: 1,
        noiseMultiplier: 4,
        epsilon: 10,
        delta: 1e-5,
        accountant: 'zcdp',
        noise: 'server',
      },
    }),
  };
}

/** Runs it to its end. */
export async function crashRun(options: CrashOptions): Promise<CrashOutcome> {
  const { folder, mode, kills } = options;
  const config = join(folder, 'config.json');
  const run = join(folder, 'run');
  await writeFile(config, JSON.stringify(configOf(options)));
  const first = await modelFile([1, 2, 3, 4, 5, 6, 7], MORE_COLS);
  await writeFile(join(folder, 'model.safetensors'), first);
  const told: Told = { receipts: [], models: new Map(), cut: 0 };
  const random = createRandom(options.seed ?? 1);
  let killed = 0;
  const plan: readonly (KillAt | undefined)[] = [...kills, undefined];
  for (const [attempt, at] of plan.entries()) {
    const words = [
      '--run',
      run,
      '--linger',
      '1',
      ...(attempt > 0 ? ['--resume'] : ['--config', config]),
    ];
    const server = await ServedProcess.tried(words, {
      before: PRELOAD,
      complaints: 'dropped',
      env: {
        ...(at && { AGGREGIS_KILL_AT: JSON.stringify(at) }),
        ...(mode === 'private' && { AGGREGIS_TEST_NOISE: '1' }),
      },
    });
    if (server !== undefined) {
      const stop = new AbortController();
      const served = server;
      void served.exit.then(() => stop.abort());
      await play({ url: served.url, options, told, random, stop: stop.signal });
      // The run is over, or the server dead: some points come after clients have heard the end.
      if ((await Promise.race([served.exit, later(20_000)])) === 'SIGKILL') killed++;
      await served.kill();
    } else if (at !== undefined) killed++;
  }
  await using store = await openStore(run, { mode: 'resume' });
  return {
    killed,
    cut: told.cut,
    acknowledged: told.receipts.length,
    ...(await judged(store, { told, options })),
  };
}

function later(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms).unref());
}

interface PlayOptions {
  readonly url: string;
  readonly options: CrashOptions;
  readonly told: Told;
  readonly random: Random;
  /** Aborted as the server ends. */
  readonly stop: AbortSignal;
}

/** All clients take part until the run is over, or the server dead. */
async function play(game: PlayOptions): Promise<void> {
  await Promise.all(
    game.options.identities.map(async (identity, index) => {
      while (!game.stop.aborted) {
        try {
          if (await life(game, { identity, index })) return;
        } catch (error) {
          if (!(error instanceof TypeError) && !(error instanceof Cut)) throw error;
          // A connection that broke: the server is dead, or about to be.
          await new Promise((done) => setTimeout(done, 10));
        }
      }
    }),
  );
}

/** A client that ended in the middle of something. */
class Cut extends Error {}

/** One life of a client: whether the run is over. */
async function life(
  { url, options, told, random }: PlayOptions,
  { identity, index }: { readonly identity: Identity; readonly index: number },
): Promise<boolean> {
  const { cutRate = 0 } = options;
  const client = await TestClient.joined(url, identity);
  for (;;) {
    const now = await client.due();
    if (now === undefined) return true;
    noteModel(told, now);
    const file = await modelFile(valuesOf(now.round, index), MORE_COLS);
    if (random.uniform() < cutRate) {
      await breakOff(client, { file, round: now });
      told.cut++;
      throw new Cut();
    }
    const { status, body } = await client.submit(file, now, { expires: EXPIRES });
    if (status !== 200) continue;
    const { root, event } = body;
    told.receipts.push({ client: identity.id, round: now.round, root, event });
  }
}

/** The same statement for the same update, however often a client begins anew. */
const EXPIRES = Date.now() + 12 * 3_600_000;

/** A client that dies while it sends a chunk. */
async function breakOff(
  client: TestClient,
  { file, round }: { readonly file: Uint8Array; readonly round: { round: number; model: string } },
): Promise<void> {
  const { status, body } = await client.declare(
    client.statement(file, round, { expires: EXPIRES }),
  );
  if (status >= 300) return;
  const line = await RawHttp.connect(Number(new URL(client.url).port)).catch(() => undefined);
  const head = [
    `PUT /v1/updates/${body.update}/chunks/0 HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Bearer ${client.token}`,
    `content-length: ${512 * 1024}`,
    `merkle-leaf: ${'00'.repeat(32)}`,
  ];
  void line
    ?.exchange([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), file.subarray(0, 200_000)])
    .catch(() => {});
  await new Promise((done) => setTimeout(done, 5));
  line?.close();
}

/** What a client sends in a round: numbers whose sums depend on their order. */
function valuesOf(round: number, index: number): number[] {
  const random = createRandom(1000 * round + index);
  return Array.from({ length: 7 }, () => 0.2 * (random.uniform() - 0.5));
}

function noteModel({ models }: Told, { round, model }: { round: number; model: string }): void {
  models.set(round, (models.get(round) ?? new Set()).add(model));
}

/** Holds what clients were told, and what is logged, against what must be. */
async function judged(
  store: Store,
  { told, options }: { readonly told: Told; readonly options: CrashOptions },
): Promise<Pick<CrashOutcome, 'model' | 'epsilon' | 'faults'>> {
  const faults: string[] = [];
  const committed = new Map<number, unknown>();
  /** Model that each round leaves, and what was released under each charge. */
  const published = new Map<number, string>();
  const released = new Map<number, string>();
  const base = new Map<number, string>();
  const opened: string[] = [];
  let model = '';
  let epsilon: number | undefined;
  // Opening the store has verified the chain.
  for await (const { seq, type, body } of store.events()) {
    const round = Number(body.round);
    if (type === 'update.committed')
      committed.set(seq, { client: body.client, round, root: body.blob });
    if (type === 'run.opened') model = String(body.model);
    if (type === 'round.opened') {
      opened.push(String(round));
      base.set(round, model);
    }
    if (type === 'privacy.reserved') {
      if (epsilon !== undefined && Number(body.epsilon) < epsilon)
        faults.push(`ε fell to ${body.epsilon}`);
      epsilon = Number(body.epsilon);
    }
    if (type === 'round.aggregated' && body.charge !== undefined) {
      const charge = Number(body.charge);
      if (released.has(charge)) faults.push(`two outputs under charge ${charge}`);
      released.set(charge, String(body.blob));
    }
    if (type === 'round.published') {
      if (published.has(round)) faults.push(`round ${round} was published twice`);
      model = String(body.model);
      published.set(round, model);
    }
    if (type === 'round.failed') faults.push(`round ${round} failed: ${body.code}: ${body.reason}`);
  }
  if (published.size !== options.rounds) faults.push(`${published.size} rounds were published`);
  for (const { client, round, root, event } of told.receipts) {
    const found = JSON.stringify(committed.get(event));
    if (found !== JSON.stringify({ client, round, root }))
      faults.push(`event ${event} is ${found}`);
  }
  for (const [round, names] of told.models) {
    if ([...names].some((name) => name !== base.get(round)))
      faults.push(`round ${round} began twice`);
  }
  await store.blobs.verify(model);
  return { model, epsilon, faults };
}
