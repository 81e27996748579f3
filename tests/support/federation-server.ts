/** A run behind a socket on this machine, and clients that speak the protocol with nothing but fetch. */

import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { parseConfig } from '../../src/federation/config.ts';
import { Coordinator, type CoordinatorOptions } from '../../src/federation/coordinator.ts';
import type { Pace } from '../../src/federation/http/body.ts';
import type { ServerTls } from '../../src/federation/http/certificate.ts';
import { FederationServer } from '../../src/federation/http/server.ts';
import { Identity, possessionToSign } from '../../src/federation/identity.ts';
import { merkleRootOf } from '../../src/federation/merkle.ts';
import type { RunConfig, RunConfigInput } from '../../src/federation/run-config.ts';
import { type Statement, signStatement } from '../../src/federation/statement.ts';
import type { LoggedEvent } from '../../src/federation/store/chain.ts';
import type { OnStep } from '../../src/federation/store/faults.ts';
import { sha256 } from '../../src/federation/store/sha256.ts';
import { openStore, type Store } from '../../src/federation/store/store.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readSafetensorsHeader, writeSafetensors } from '../../src/formats/safetensors.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { hex } from '../../src/secagg/suite.ts';

/** Entries of the model's two tensors. */
export const MODEL_COLS = 7;

/** A model file in F32: `a` of 2×3 and `b` of 1; with `more`, also `c` of so many zeros. */
export async function modelFile(values: readonly number[], more = 0): Promise<Uint8Array> {
  const all = Float32Array.from(values);
  const bytes = (from: number, to: number) => [new Uint8Array(all.slice(from, to).buffer)];
  const parts: Uint8Array[] = [];
  await writeSafetensors(
    async (piece) => {
      parts.push(piece.slice());
    },
    [
      { name: 'a', dtype: 'F32', shape: [2, 3], data: bytes(0, 6) },
      { name: 'b', dtype: 'F32', shape: [1], data: bytes(6, 7) },
      ...(more > 0
        ? ([{ name: 'c', dtype: 'F32', shape: [more], data: [new Uint8Array(4 * more)] }] as const)
        : []),
    ],
  );
  // A Buffer's slices share its memory.
  return new Uint8Array(Buffer.concat(parts));
}

/** The values of a model or update of {@link modelFile}'s shape. */
export async function valuesIn(file: Uint8Array): Promise<number[]> {
  const { tensors } = await readSafetensorsHeader(bytesSource('model', file));
  return ['a', 'b'].flatMap((name) => {
    const { from, to } = tensors.get(name)!;
    return [...new Float32Array(file.slice(from, to).buffer)];
  });
}

/** A run of two rounds by the mean, open to anybody. */
export function configOf(changes: Partial<RunConfigInput> = {}): RunConfigInput {
  return {
    model: 'model.safetensors',
    rule: 'mean',
    rounds: 2,
    enrolment: { kind: 'open' },
    round: { wanted: 2, quorum: 2 },
    ...changes,
  };
}

/** What a run under test is told. */
export interface RunOptions {
  readonly folder: string;
  readonly config?: RunConfigInput;
  readonly mode?: 'create' | 'resume';
  readonly onStep?: OnStep;
  readonly onEvent?: (event: LoggedEvent) => void;
  readonly pace?: Pace;
  readonly now?: () => number;
  readonly model?: Uint8Array;
  readonly enrolment?: CoordinatorOptions['enrolment'];
  readonly port?: number;
  readonly retryMs?: number;
  readonly origins?: readonly string[];
  readonly logTo?: { write(line: string): void };
  readonly tls?: ServerTls;
}

let sharedCrypto: Promise<CryptoProvider> | undefined;

/** One provider for all tests of a file. */
export function nodeCrypto(): Promise<CryptoProvider> {
  sharedCrypto ??= createNodeCrypto({ threads: 0 });
  return sharedCrypto;
}

/** What a served run stands on. */
interface Parts {
  readonly store: Store;
  readonly backend: Backend;
  readonly crypto: CryptoProvider;
  readonly config: RunConfig;
  readonly events: LoggedEvent[];
}

/** A run that is served. */
export class ServedRun {
  readonly store: Store;
  readonly coordinator: Coordinator;
  readonly server: FederationServer;
  readonly events: LoggedEvent[];
  readonly #close: () => Promise<void>;

  private constructor(
    parts: Pick<ServedRun, 'store' | 'coordinator' | 'server' | 'events'>,
    close: () => Promise<void>,
  ) {
    this.store = parts.store;
    this.coordinator = parts.coordinator;
    this.server = parts.server;
    this.events = parts.events;
    this.#close = close;
  }

  static async start(options: RunOptions): Promise<ServedRun> {
    const { folder, mode = 'create', onStep, now = Date.now } = options;
    const crypto = await nodeCrypto();
    const backend = await createBackend('reference');
    const { config } = parseConfig(options.config ?? configOf());
    const store = await openStore(folder, {
      ...(mode === 'create'
        ? { mode, now: now(), config: JSON.parse(JSON.stringify(config)) }
        : { mode }),
      ...(onStep && { onStep }),
    });
    const events: LoggedEvent[] = [];
    try {
      return await ServedRun.#serve(options, { store, backend, crypto, config, events });
    } catch (error) {
      await store.close();
      await backend.close();
      throw error;
    }
  }

  static async #serve(
    options: RunOptions,
    { store, backend, crypto, config, events }: Parts,
  ): Promise<ServedRun> {
    const { mode = 'create', pace, now = Date.now, port = 0 } = options;
    let server: FederationServer | undefined;
    const coordinator = await Coordinator.open({
      store,
      config,
      crypto,
      backend,
      enrolment: options.enrolment ?? { kind: 'open' },
      now,
      ...(options.retryMs !== undefined && { retryMs: options.retryMs }),
      onEvent: (event) => {
        events.push(event);
        server?.happened(event);
        options.onEvent?.(event);
      },
      ...(mode === 'create' && {
        model: options.model ?? (await modelFile([1, 2, 3, 4, 5, 6, 7])),
      }),
    });
    const log = pino(
      { level: options.logTo ? 'debug' : 'silent' },
      options.logTo ?? process.stderr,
    );
    server = await FederationServer.start({
      coordinator,
      crypto,
      log,
      port,
      version: '0.0.0-test',
      ...(options.origins && { origins: options.origins }),
      ...(pace && { pace }),
      ...(options.tls && { tls: options.tls }),
    });
    return new ServedRun({ store, coordinator, server, events }, async () => {
      await server.stop(100);
      await coordinator.close();
      await store.close();
      await backend.close();
    });
  }

  get url(): string {
    return this.server.url;
  }

  /** Types of what was logged since the start. */
  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

/** A folder that goes when the test is over. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'aggregis-serve-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** An answer, read. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what came.
  readonly body: any;
}

/** The code of a refusal. */
export function codeOf({ status, body }: Reply): string {
  return `${status} ${body?.error?.code}`;
}

/** A client that does what it is told, right or wrong. */
export class TestClient {
  readonly url: string;
  readonly run: string;
  readonly identity: Identity;
  token = '';
  /** The page that it says it is. */
  origin: string | undefined;

  private constructor(parts: { url: string; run: string; identity: Identity }) {
    this.url = parts.url;
    this.run = parts.run;
    this.identity = parts.identity;
  }

  /** A client with a new key, not enrolled yet. */
  static async create(url: string, identity?: Identity): Promise<TestClient> {
    const { run } = (await (await fetch(`${url}/v1/run`)).json()) as { run: string };
    return new TestClient({
      url,
      run,
      identity: identity ?? (await Identity.create(await nodeCrypto())),
    });
  }

  /** A client that is enrolled and has a session. */
  static async joined(url: string, identity?: Identity): Promise<TestClient> {
    const client = await TestClient.create(url, identity);
    await client.enrol();
    await client.begin();
    return client;
  }

  /** The same at another address. */
  at(url: string): TestClient {
    return new TestClient({ url, run: this.run, identity: this.identity });
  }

  get key(): string {
    return hex(this.identity.publicKey);
  }

  async send(
    method: string,
    path: string,
    options: { json?: unknown; bytes?: Uint8Array; headers?: Record<string, string> } = {},
  ): Promise<Reply> {
    const { json, bytes, headers } = options;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.token !== '' && { authorization: `Bearer ${this.token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(this.origin !== undefined && { origin: this.origin }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(bytes !== undefined && { body: bytes as BodyInit }),
    });
    const text = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text.toString('utf8')) : new Uint8Array(text),
    };
  }

  /** A challenge, answered. */
  async proof(purpose: 'registration' | 'session'): Promise<Record<string, string>> {
    const { key: publicKey, run, identity } = this;
    const { body } = await this.send('POST', '/v1/challenge', { json: { publicKey, purpose } });
    const challenge = new Uint8Array(Buffer.from(body.challenge, 'hex'));
    const message = possessionToSign({ purpose, run, challenge, key: identity.publicKey });
    return { publicKey, challenge: body.challenge, proof: hex(await identity.sign(message)) };
  }

  async enrol(more: object = {}): Promise<Reply> {
    const json = { ...(await this.proof('registration')), ...more };
    return this.send('POST', '/v1/clients', { json });
  }

  async begin(): Promise<Reply> {
    const reply = await this.send('POST', '/v1/session', { json: await this.proof('session') });
    if (reply.status === 200) this.token = reply.body.token;
    return reply;
  }

  current(query = ''): Promise<Reply> {
    return this.send('GET', `/v1/rounds/current${query}`);
  }

  /** The round as soon as it wants an update of this client; `undefined` once the run is over. */
  async due(): Promise<Reply['body'] | undefined> {
    for (;;) {
      const { body: now } = await this.current();
      if (now.phase === 'finished') return undefined;
      if (now.phase === 'collect' && now.selected && !now.committed) return now;
      await this.current(`?after=${now.round}&wait=1`);
    }
  }

  /** The next round that this client is in. */
  async round(after = 0): Promise<Reply['body']> {
    for (;;) {
      const { body } = await this.current(`?after=${after}&wait=10`);
      if (body.phase === 'finished' || body.round > after) return body;
    }
  }

  /** The statement of an update of a round. */
  statement(
    file: Uint8Array,
    round: { round: number; model: string },
    changes: Partial<Statement> = {},
  ): Statement {
    const chunkSize = changes.chunkSize ?? 512 * 1024;
    return {
      run: this.run,
      round: round.round,
      model: round.model,
      client: this.identity.id,
      dtype: 'F32',
      length: file.length,
      chunkSize,
      root: hex(merkleRootOf(file, chunkSize, sha256)),
      samples: 10,
      expires: Date.now() + 60_000,
      ...changes,
    };
  }

  async declare(statement: Statement, changes: object = {}): Promise<Reply> {
    const { signature } = await signStatement(statement, this.identity);
    const { model, ...rest } = statement;
    return this.send('POST', `/v1/rounds/${statement.round}/updates`, {
      json: { ...rest, baseModel: model, signature: hex(signature), ...changes },
    });
  }

  chunk(
    update: string,
    k: number,
    bytes: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Reply> {
    const digest = createHash('sha256').update(bytes).digest('base64');
    return this.send('PUT', `/v1/updates/${update}/chunks/${k}`, {
      bytes,
      headers: { 'content-digest': `sha-256=:${digest}:`, ...headers },
    });
  }

  commit(update: string): Promise<Reply> {
    return this.send('POST', `/v1/updates/${update}/commit`);
  }

  /** All of it: declared, sent, committed. */
  async submit(
    file: Uint8Array,
    round: { round: number; model: string },
    changes: Partial<Statement> = {},
  ): Promise<Reply> {
    const statement = this.statement(file, round, changes);
    const declared = await this.declare(statement);
    if (declared.status >= 300) return declared;
    const { update, chunks } = declared.body;
    for (let k = 0; k < chunks; k++) {
      const { chunkSize } = statement;
      const sent = await this.chunk(update, k, file.subarray(k * chunkSize, (k + 1) * chunkSize));
      if (sent.status !== 204) return sent;
    }
    return this.commit(update);
  }

  /** An update of zeros but for its first entry, for a model that was downloaded. */
  async nudge(model: string, first: number): Promise<Uint8Array> {
    const { body } = await this.send('GET', `/v1/models/${model}`);
    const { tensors } = await readSafetensorsHeader(bytesSource('model', body));
    const start = Math.min(...[...tensors.values()].map(({ from }) => from));
    const file = body.slice();
    file.fill(0, start);
    new DataView(file.buffer).setFloat32(start, first, true);
    return file;
  }

  /** The values of a model. */
  async model(name: string): Promise<number[]> {
    const { body } = await this.send('GET', `/v1/models/${name}`);
    return valuesIn(body);
  }
}
