/**
 * Requests that should be refused, by kind, from a client that is enrolled: each on a connection that is
 * kept, with the answers that the protocol allows for its kind.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto';
import { PROBLEMS } from '../../src/federation/http/problems.ts';
import { Identity } from '../../src/federation/identity.ts';
import { leafHash, merkleRootOf } from '../../src/federation/merkle.ts';
import { type Statement, signStatement } from '../../src/federation/statement.ts';
import { sha256 } from '../../src/federation/store/sha256.ts';
import { hex } from '../../src/secagg/suite.ts';
import { nodeCrypto, type TestClient } from './federation-server.ts';
import { jsonIn, RawHttp, type RawReply } from './raw-http.ts';

/** What a kind of request may be answered with: `status code`, or `closed` for the connection. */
export interface Hostile {
  readonly kind: string;
  readonly wanted: readonly string[];
  send(at: Scene): Promise<string>;
}

/** An update that is declared and never whole, by a client that is a member of the round. */
export interface Scene {
  readonly client: TestClient;
  /** A client that begins sessions, of which each may have but a few. */
  readonly spare: TestClient;
  readonly port: number;
  readonly file: Uint8Array;
  readonly round: { readonly round: number; readonly model: string };
  readonly update: string;
  /** Where what keeps its connection goes; opened anew if it was closed. */
  line(): Promise<RawHttp>;
}

const CHUNK = 512 * 1024;

/** The status and code of an answer that the protocol knows. @throws if it does not. */
export function wordOf(reply: RawReply): string {
  const { status } = reply;
  if (status < 400) return String(status);
  const { code, message } = jsonIn(reply).error;
  const known = PROBLEMS[code as keyof typeof PROBLEMS];
  if (known !== status || typeof message !== 'string') throw new Error(`${status} ${code}`);
  return `${status} ${code}`;
}

/** A scene on a run whose round is open; which other members keep open. */
export async function sceneOf(
  client: TestClient,
  { file, spare }: Pick<Scene, 'file' | 'spare'>,
): Promise<Scene> {
  const round = (await client.current()).body;
  const { body } = await client.declare(statementOf(client, { file, round }));
  const port = Number(new URL(client.url).port);
  await client.chunk(body.update, 0, file.subarray(0, CHUNK));
  let kept: RawHttp | undefined;
  return {
    client,
    spare,
    port,
    file,
    round,
    update: body.update,
    async line() {
      if (kept?.isOpen !== true) kept = await RawHttp.connect(port);
      return kept;
    },
  };
}

/** A fixed expiry: the same statement each time. */
const EXPIRES = Date.now() + 6 * 3_600_000;

function statementOf(
  client: TestClient,
  { file, round }: Pick<Scene, 'file' | 'round'>,
  changes: Partial<Statement> = {},
): Statement {
  const root = hex(merkleRootOf(file, CHUNK, sha256));
  return client.statement(file, round, { chunkSize: CHUNK, root, expires: EXPIRES, ...changes });
}

/** Declares a statement with fields changed, signed as they are or as they were. */
async function declared(
  scene: Scene,
  { changes = {}, after = {} }: { changes?: Partial<Statement>; after?: object },
): Promise<string> {
  const { client } = scene;
  const statement = statementOf(client, scene, changes);
  const { signature } = await signStatement(statement, client.identity);
  const { model, ...rest } = statement;
  const json = { ...rest, baseModel: model, signature: hex(signature), ...after };
  const line = await scene.line();
  return wordOf(await line.post(`/v1/rounds/${statement.round}/updates`, json, bearer(client)));
}

function bearer({ token }: TestClient): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Sends a chunk with headers as told. */
async function chunk(
  scene: Scene,
  k: number | string,
  { bytes, headers }: { bytes: Uint8Array; headers: Record<string, string> },
): Promise<string> {
  const path = `/v1/updates/${scene.update}/chunks/${k}`;
  const all = { ...bearer(scene.client), ...headers };
  const line = await scene.line();
  return wordOf(await line.send({ method: 'PUT', path, headers: all, body: [bytes] }));
}

function digestOf(bytes: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
}

/** Sends bytes on a connection of its own and ends it: what came, or `closed`. */
async function alone(port: number, bytes: Uint8Array): Promise<string> {
  const line = await RawHttp.connect(port);
  const answer = line.exchange([bytes]).then(
    ({ status }) => String(status),
    () => 'closed',
  );
  line.socket.end();
  const word = await answer;
  line.close();
  return word;
}

/** All kinds. */
export const HOSTILE: readonly Hostile[] = [
  {
    kind: 'oversize JSON',
    wanted: ['413 too-large'],
    async send({ client, line }) {
      const text = 'x'.repeat(80_000);
      const reply = await (await line()).post('/v1/rounds/1/updates', { text }, bearer(client));
      return wordOf(reply);
    },
  },
  {
    kind: 'oversize update',
    wanted: ['413 too-large'],
    send: (scene) => declared(scene, { changes: { length: 2 ** 40 } }),
  },
  {
    kind: 'oversize chunk',
    wanted: ['400 wrong-length'],
    send: (scene) => {
      const bytes = new Uint8Array(CHUNK + 1);
      return chunk(scene, 0, { bytes, headers: { 'content-digest': digestOf(bytes) } });
    },
  },
  {
    kind: 'truncated chunk',
    wanted: ['400 wrong-length'],
    send: (scene) => {
      const bytes = scene.file.subarray(0, 1000);
      return chunk(scene, 0, { bytes, headers: { 'content-digest': digestOf(bytes) } });
    },
  },
  {
    kind: 'wrong digest',
    // Another connection may send the same chunk.
    wanted: ['400 wrong-digest', '409 superseded'],
    send: (scene) => {
      const bytes = scene.file.subarray(CHUNK);
      const headers = { 'content-digest': digestOf(randomBytes(8)) };
      return chunk(scene, 1, { bytes, headers });
    },
  },
  {
    kind: 'wrong leaf',
    // Another connection may send the same chunk.
    wanted: ['400 wrong-digest', '409 superseded'],
    send: (scene) => {
      const headers = { 'merkle-leaf': randomBytes(32).toString('hex') };
      return chunk(scene, 1, { bytes: scene.file.subarray(CHUNK), headers });
    },
  },
  {
    kind: 'no digest',
    wanted: ['400 malformed'],
    send: (scene) =>
      chunk(scene, 1, {
        bytes: scene.file.subarray(CHUNK),
        headers: { 'content-digest': 'md5=1' },
      }),
  },
  {
    kind: 'duplicate chunk',
    wanted: ['204'],
    send: (scene) => {
      const bytes = scene.file.subarray(0, CHUNK);
      return chunk(scene, 0, { bytes, headers: { 'merkle-leaf': hex(leafHash(bytes, sha256)) } });
    },
  },
  {
    kind: 'other content',
    wanted: ['409 other-content'],
    send: (scene) => {
      const bytes = new Uint8Array(CHUNK);
      return chunk(scene, 0, { bytes, headers: { 'content-digest': digestOf(bytes) } });
    },
  },
  {
    kind: 'no such chunk',
    wanted: ['400 malformed'],
    send: (scene) => {
      const bytes = randomBytes(20);
      const headers = { 'content-digest': digestOf(bytes) };
      return chunk(scene, 2 + (bytes[0]! % 9), { bytes, headers });
    },
  },
  {
    kind: 'incomplete commit',
    wanted: ['409 incomplete'],
    async send({ client, update, line }) {
      const path = `/v1/updates/${update}/commit`;
      return wordOf(await (await line()).send({ method: 'POST', path, headers: bearer(client) }));
    },
  },
  {
    kind: "another's update",
    wanted: ['404 no-such-update'],
    async send({ client, line }) {
      const path = `/v1/updates/${randomBytes(32).toString('hex')}/commit`;
      return wordOf(await (await line()).send({ method: 'POST', path, headers: bearer(client) }));
    },
  },
  {
    kind: 'wrong signature',
    wanted: ['403 wrong-signature'],
    send: (scene) => declared(scene, { after: { signature: randomBytes(64).toString('hex') } }),
  },
  {
    kind: 'inflated weight',
    wanted: ['403 wrong-signature'],
    send: (scene) => declared(scene, { after: { samples: 10_000 } }),
  },
  {
    kind: 'wrong round',
    wanted: ['409 wrong-round'],
    send: (scene) => declared(scene, { changes: { round: scene.round.round + 1 } }),
  },
  {
    kind: 'wrong run',
    wanted: ['409 wrong-run'],
    send: (scene) => declared(scene, { changes: { run: 'another' } }),
  },
  {
    kind: 'wrong base model',
    wanted: ['422 wrong-base-model'],
    send: (scene) => declared(scene, { changes: { model: randomBytes(32).toString('hex') } }),
  },
  {
    kind: 'expired',
    wanted: ['422 expired'],
    send: (scene) => declared(scene, { changes: { expires: 1 } }),
  },
  {
    kind: 'wrong token',
    wanted: ['401 no-session'],
    async send({ line }) {
      const authorization = `Bearer ${randomBytes(32).toString('base64url')}`;
      const headers = { authorization };
      return wordOf(
        await (await line()).send({ method: 'GET', path: '/v1/rounds/current', headers }),
      );
    },
  },
  {
    kind: 'chunk without a session',
    wanted: ['401 no-session'],
    send: (scene) =>
      chunk(scene, 0, { bytes: scene.file.subarray(0, CHUNK), headers: { authorization: 'none' } }),
  },
  {
    kind: 'stranger',
    wanted: ['401 wrong-proof', '401 stale-challenge'],
    async send({ line }) {
      const stranger = await Identity.create(await nodeCrypto());
      const json = {
        publicKey: hex(stranger.publicKey),
        challenge: randomBytes(56).toString('hex'),
        proof: randomBytes(64).toString('hex'),
      };
      return wordOf(await (await line()).post('/v1/session', json));
    },
  },
  {
    kind: 'replayed proof',
    wanted: ['401 stale-challenge'],
    async send({ spare, line }) {
      const json = await spare.proof('session');
      await (await line()).post('/v1/session', json);
      return wordOf(await (await line()).post('/v1/session', json));
    },
  },
  {
    kind: 'random JSON',
    wanted: ['400 malformed'],
    async send({ client, line }) {
      const json = { [randomBytes(3).toString('hex')]: randomBytes(20).toString('hex') };
      return wordOf(await (await line()).post('/v1/rounds/1/updates', json, bearer(client)));
    },
  },
  {
    kind: 'random path',
    wanted: ['404 no-such-path'],
    async send({ line }) {
      const path = `/v1/${randomBytes(6).toString('hex')}`;
      return wordOf(await (await line()).send({ method: 'POST', path, body: [randomBytes(500)] }));
    },
  },
  {
    kind: 'random bytes',
    wanted: ['closed', '400', '431'],
    send: ({ port }) => alone(port, randomBytes(1 + (randomBytes(1)[0]! << 2))),
  },
  {
    kind: 'truncated request',
    wanted: ['closed', '400'],
    send: ({ port, client, update, file }) => {
      const head =
        `PUT /v1/updates/${update}/chunks/1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${client.token}\r\n` +
        `content-length: ${file.length - CHUNK}\r\nmerkle-leaf: ${'00'.repeat(32)}\r\n\r\n`;
      const all = Buffer.concat([Buffer.from(head), file.subarray(CHUNK)]);
      return alone(port, all.subarray(0, randomBytes(4).readUInt32LE() % (all.length - 1)));
    },
  },
];
