/**
 * Load on a served run: many clients, each with an update and a connection of its own, all at once,
 * against a real server process. Updates are made beforehand, and share all bytes but those of their
 * first piece, so that what is measured is the server.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Identity, possessionToSign } from '../../src/federation/identity.ts';
import { chunkRange, LEAF_PREFIX, merkleRoot } from '../../src/federation/merkle.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import { type Statement, signStatement } from '../../src/federation/statement.ts';
import { Blobs } from '../../src/federation/store/blobs.ts';
import { sha256 } from '../../src/federation/store/sha256.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { hex } from '../../src/secagg/suite.ts';
import { nodeCrypto } from './federation-server.ts';
import { jsonIn, RawHttp, type RawReply } from './raw-http.ts';
import { ServedProcess } from './served-process.ts';

/** What is asked of the server. */
export interface LoadOptions {
  /** A new folder for the run and what it needs. */
  readonly folder: string;
  readonly clients: number;
  /** Entries of the model, in F32. */
  readonly cols: number;
  /** Bytes in flight that the server grants. Default: its own. */
  readonly creditBytes?: number;
  /** Threads of the server that write and sync. Default: Node's own, four. */
  readonly threads?: number;
  /** Told what goes on. */
  readonly say?: (what: string) => void;
}

/** What came of it. */
export interface LoadFigures {
  readonly clients: number;
  readonly committed: number;
  /** Of all updates. */
  readonly bytes: number;
  /** From the first statement to the last answer to a commit. */
  readonly seconds: number;
  /** Answers of 429 on the way. */
  readonly deferred: number;
  /** The window of bytes in flight. */
  readonly credit: number;
  /** The server's memory as the clients stood ready, and the most that it had until all was in. */
  readonly memory: { readonly before: number; readonly peak: number };
  /** Of the server, and of all clients together, while updates came. */
  readonly processorSeconds: { readonly server: number; readonly clients: number };
  /** Blobs that were read back and are what their clients sent. */
  readonly verified: number;
}

/** Entries that differ from client to client. */
const OWN_BYTES = 4096;

/** Bytes of an update in pieces that clients share, but for the first. */
interface Body {
  readonly head: Uint8Array;
  readonly rest: Uint8Array;
}

/** A client, ready to send. */
interface Ready {
  readonly port: number;
  line: RawHttp;
  readonly identity: Identity;
  readonly token: string;
  readonly index: number;
}

/** The file of an update, and what is known of it without looking again. */
class Updates {
  readonly length: number;
  readonly chunkSize: number;
  readonly #file: Uint8Array;
  readonly #leaves: Uint8Array[];

  constructor(file: Uint8Array, chunkSize: number) {
    this.#file = file;
    this.length = file.length;
    this.chunkSize = chunkSize;
    const chunks = Array.from({ length: Math.ceil(file.length / chunkSize) }, (_, k) =>
      this.#chunk(k),
    );
    this.#leaves = chunks.map((chunk) => sha256(LEAF_PREFIX, chunk));
  }

  get chunks(): number {
    return this.#leaves.length;
  }

  /** The end of the file that is a client's own. */
  own(index: number): Uint8Array {
    const own = this.#file.slice(0, OWN_BYTES);
    const view = new DataView(own.buffer);
    for (let at = OWN_BYTES - 256; at < OWN_BYTES; at += 4) view.setFloat32(at, index / 1024, true);
    return own;
  }

  body(k: number, own: Uint8Array): Body {
    const chunk = this.#chunk(k);
    return k === 0
      ? { head: own, rest: chunk.subarray(own.length) }
      : { head: chunk.subarray(0, 0), rest: chunk };
  }

  leaf(k: number, own: Uint8Array): string {
    if (k > 0) return hex(this.#leaves[k]!);
    const { head, rest } = this.body(0, own);
    return hex(sha256(LEAF_PREFIX, head, rest));
  }

  root(own: Uint8Array): string {
    const { head, rest } = this.body(0, own);
    const first = sha256(LEAF_PREFIX, head, rest);
    return hex(merkleRoot([first, ...this.#leaves.slice(1)], sha256));
  }

  #chunk(k: number): Uint8Array {
    const { from, to } = chunkRange(this, k);
    return this.#file.subarray(from, to);
  }
}

/** Runs it. @throws if a single update is not taken. */
export async function federationLoad(options: LoadOptions): Promise<LoadFigures> {
  const { folder, clients, cols, threads, say = () => {} } = options;
  const values = Float32Array.from({ length: cols }, (_, i) => ((i * 2654435761) % 2001) / 1e6);
  const file = await modelOf(values);
  const config = configOf(options);
  await writeFile(join(folder, 'model.safetensors'), await modelOf(new Float32Array(cols)));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const run = join(folder, 'run');
  const server = await ServedProcess.start(
    ['--config', join(folder, 'config.json'), '--run', run],
    {
      ...(threads !== undefined && { env: { UV_THREADPOOL_SIZE: String(threads) } }),
    },
  );
  try {
    say(`${clients} clients enrol`);
    const { chunkSize, id, credit } = await runOf(server.port);
    const updates = new Updates(file, chunkSize);
    const all = await ready({ port: server.port, run: id, clients });
    const round = await roundOf(all[0]!);
    say('statements are signed');
    const sendings = await Promise.all(
      all.map(async (client) => {
        const own = updates.own(client.index);
        const statement = statementOf(client, { run: id, round, updates, own });
        const { signature } = await signStatement(statement, client.identity);
        const { model, ...rest } = statement;
        const json = { ...rest, baseModel: model, signature: hex(signature) };
        return new Sending(client, { updates, own, json });
      }),
    );
    say('updates are sent');
    const before = server.memory().now;
    server.forgetPeak();
    const serverTime = server.processorTime();
    const ownTime = process.cpuUsage();
    const begun = performance.now();
    const names = await Promise.all(sendings.map((sending) => sending.run()));
    const seconds = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(ownTime);
    const figures = {
      clients,
      committed: names.length,
      bytes: clients * file.length,
      seconds,
      deferred: sendings.reduce((sum, { deferred }) => sum + deferred, 0),
      credit,
      memory: { before, peak: server.memory().peak },
      processorSeconds: {
        server: server.processorTime() - serverTime,
        clients: (user + system) / 1e6,
      },
    };
    for (const { line } of all) line.close();
    await server.kill();
    say('what is on disk is read back');
    const wanted = sendings.map(({ own }) => updates.root(own));
    if (wanted.some((name, i) => name !== names[i])) throw new Error('a receipt is of other bytes');
    return {
      ...figures,
      verified: await verify(join(run, 'blobs'), { wanted: new Set(wanted), chunkSize }),
    };
  } finally {
    await server.kill();
  }
}

function configOf({ clients, creditBytes }: LoadOptions): RunConfigInput {
  return {
    model: 'model.safetensors',
    rule: 'mean',
    rounds: 1,
    enrolment: { kind: 'open' },
    selection: { scheme: 'everybody', from: 'enrolled' },
    round: { wanted: clients, quorum: clients, collectSeconds: 3600 },
    // All clients come from one address.
    limits: {
      requestsPerSecond: 1_000_000,
      ...(creditBytes !== undefined && { creditBytes, creditBytesEach: 4 * 2 ** 20 }),
    },
  };
}

async function modelOf(values: Float32Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const data = [new Uint8Array(values.buffer)];
  await writeSafetensors(
    async (piece) => {
      parts.push(piece.slice());
    },
    [{ name: 'w', dtype: 'F32', shape: [values.length], data }],
  );
  return new Uint8Array(Buffer.concat(parts));
}

async function runOf(port: number): Promise<{ id: string; chunkSize: number; credit: number }> {
  const line = await RawHttp.connect(port);
  const { run, chunkSize, limits } = jsonIn(await line.send({ method: 'GET', path: '/v1/run' }));
  line.close();
  return { id: run, chunkSize, credit: limits.creditBytes };
}

/** Clients that are enrolled, each with a session and an open connection. */
async function ready({
  port,
  run,
  clients,
}: {
  readonly port: number;
  readonly run: string;
  readonly clients: number;
}): Promise<Ready[]> {
  const crypto = await nodeCrypto();
  const all: Ready[] = [];
  const lane = async (): Promise<void> => {
    while (all.length < clients) {
      const index = all.push(undefined as never) - 1;
      const identity = await Identity.create(crypto);
      const line = await RawHttp.connect(port);
      const prove = async (purpose: 'registration' | 'session'): Promise<object> => {
        const publicKey = hex(identity.publicKey);
        const asked = await line.post('/v1/challenge', { publicKey, purpose });
        const { challenge } = jsonIn(asked);
        const bytes = new Uint8Array(Buffer.from(challenge, 'hex'));
        const message = possessionToSign({
          purpose,
          run,
          challenge: bytes,
          key: identity.publicKey,
        });
        return { publicKey, challenge, proof: hex(await identity.sign(message)) };
      };
      await line.post('/v1/clients', await prove('registration'));
      const { token } = jsonIn(await line.post('/v1/session', await prove('session')));
      all[index] = { port, line, identity, token, index };
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  return all;
}

async function roundOf({ line, token }: Ready): Promise<{ round: number; model: string }> {
  const path = '/v1/rounds/current?after=0&wait=60';
  return jsonIn(
    await line.send({ method: 'GET', path, headers: { authorization: `Bearer ${token}` } }),
  );
}

function statementOf(
  { identity }: Ready,
  {
    run,
    round,
    updates,
    own,
  }: {
    readonly run: string;
    readonly round: { readonly round: number; readonly model: string };
    readonly updates: Updates;
    readonly own: Uint8Array;
  },
): Statement {
  return {
    run,
    round: round.round,
    model: round.model,
    client: identity.id,
    dtype: 'F32',
    length: updates.length,
    chunkSize: updates.chunkSize,
    root: updates.root(own),
    samples: 10,
    expires: Date.now() + 3_600_000,
  };
}

/** An update on its way. */
class Sending {
  readonly own: Uint8Array;
  deferred = 0;
  readonly #client: Ready;
  readonly #updates: Updates;
  readonly #json: { readonly round: number };
  readonly #leaves: readonly string[];

  constructor(
    client: Ready,
    parts: {
      readonly updates: Updates;
      readonly own: Uint8Array;
      readonly json: { round: number };
    },
  ) {
    this.#client = client;
    this.#updates = parts.updates;
    this.own = parts.own;
    this.#json = parts.json;
    const { updates } = parts;
    this.#leaves = Array.from({ length: updates.chunks }, (_, k) => updates.leaf(k, this.own));
  }

  /** The name of the blob that it became. */
  async run(): Promise<string> {
    const authorization = `Bearer ${this.#client.token}`;
    const path = `/v1/rounds/${this.#json.round}/updates`;
    const declared = await this.#asked((line) => line.post(path, this.#json, { authorization }));
    const { update } = jsonIn(declared);
    for (let k = 0; k < this.#updates.chunks; k++) {
      const { head, rest } = this.#updates.body(k, this.own);
      const headers = { authorization, 'merkle-leaf': this.#leaves[k]! };
      const chunk = `/v1/updates/${update}/chunks/${k}`;
      await this.#asked((line) =>
        line.send({ method: 'PUT', path: chunk, headers, body: [head, rest], expects: true }),
      );
    }
    const commit = `/v1/updates/${update}/commit`;
    const answer = await this.#asked((line) =>
      line.send({ method: 'POST', path: commit, headers: { authorization } }),
    );
    return jsonIn(answer).root;
  }

  async #asked(send: (line: RawHttp) => Promise<RawReply>): Promise<RawReply> {
    const client = this.#client;
    for (;;) {
      // A server that did not want a body ends the connection.
      if (!client.line.isOpen) client.line = await RawHttp.connect(client.port);
      const reply = await send(client.line);
      if (reply.status < 300) return reply;
      if (reply.status !== 429) throw new Error(`${reply.status} ${reply.body.toString('utf8')}`);
      this.deferred++;
      const seconds = Number(reply.headers.get('retry-after'));
      await new Promise((done) => setTimeout(done, 1000 * seconds));
    }
  }
}

/** Reads all blobs: how many are there and what their names say. */
async function verify(
  folder: string,
  { wanted, chunkSize }: { readonly wanted: ReadonlySet<string>; readonly chunkSize: number },
): Promise<number> {
  const blobs = new Blobs(folder, () => {});
  let right = 0;
  for (const name of await blobs.names()) {
    if (!wanted.has(name)) continue;
    await blobs.verify(name, { chunkSize });
    right++;
  }
  return right;
}
