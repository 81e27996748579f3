/**
 * What an operator may ask of a server that runs: over a socket of its own, of this machine alone, with a
 * word that stands in the folder of the run and that nobody else may read. It ends with the process.
 *
 * @module
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { StoreError } from '../../core/errors.ts';
import type { Coordinator } from '../coordinator.ts';
import { MAX_REASON } from '../events.ts';
import { CLIENT_ID } from '../identity.ts';
import { isOver } from '../run-state.ts';
import { shortBody } from './body.ts';
import { Problem } from './problems.ts';

/** Where the word stands, in the folder of a run. */
export const ADMIN_FILE = 'admin.json';

/** What that file holds. */
export const adminFile: z.ZodType<{ readonly url: string; readonly token: string }> =
  z.strictObject({
    url: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/),
    token: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  });

/** What an operator asks for. */
export type AdminAction = 'status' | 'pause' | 'unpause' | 'cancel' | 'revoke';

const reason = z.string().min(1).max(MAX_REASON);
const REQUESTS = {
  status: z.strictObject({}),
  pause: z.strictObject({}),
  unpause: z.strictObject({}),
  cancel: z.strictObject({ reason }),
  revoke: z.strictObject({ client: z.string().regex(CLIENT_ID), reason }),
} as const satisfies { readonly [A in AdminAction]: z.ZodType };

const MOST_BODY = 4096;

/** Listens to the operator. */
export class AdminServer {
  readonly #coordinator: Coordinator;
  readonly #server: Server;
  readonly #path: string;
  /** Of the word: it is compared, and never kept in the clear. */
  readonly #digest: Buffer;

  private constructor(coordinator: Coordinator, { path, token }: { path: string; token: string }) {
    this.#coordinator = coordinator;
    this.#path = path;
    this.#digest = digestOf(token);
    this.#server = createServer(
      { maxHeaderSize: 8192, requestTimeout: 10_000 },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = 16;
  }

  /** Listens, and leaves the word in the folder of the run. */
  static async start(coordinator: Coordinator): Promise<AdminServer> {
    const token = randomBytes(32).toString('base64url');
    const path = join(coordinator.store.folder, ADMIN_FILE);
    const own = new AdminServer(coordinator, { path, token });
    await new Promise<void>((resolve, reject) => {
      own.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    const { port } = own.#server.address() as AddressInfo;
    try {
      await writeSecret(path, JSON.stringify({ url: `http://127.0.0.1:${port}`, token }));
    } catch (error) {
      await own.stop();
      throw error;
    }
    return own;
  }

  /** Listens no more; the word is worth nothing from then on. */
  async stop(): Promise<void> {
    await rm(this.#path, { force: true });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await this.#answer(request).catch((error: unknown) => {
      if (error instanceof Problem) return [error.status, error.toJSON()] as const;
      const message = error instanceof StoreError ? error.message : 'the server failed on this';
      return [500, { error: { code: 'failed', message } }] as const;
    });
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  async #answer(request: IncomingMessage): Promise<readonly [number, object]> {
    this.#requireWord(request);
    const action = (request.url ?? '').slice(1);
    if (request.method !== 'POST' || !Object.hasOwn(REQUESTS, action)) {
      throw new Problem('no-such-path', `there is no ${request.method} ${request.url}`);
    }
    const schema: z.ZodType = REQUESTS[action as AdminAction];
    const asked = schema.safeParse(parsedJson(await shortBody(request, { most: MOST_BODY })));
    if (!asked.success) {
      const { path, message } = asked.error.issues[0]!;
      throw new Problem('malformed', [...path.map(String), message].join(': '));
    }
    await this.#do(action as AdminAction, asked.data as { client: string; reason: string });
    return [200, this.#status()];
  }

  async #do(
    action: AdminAction,
    { client, reason: why }: { readonly client: string; readonly reason: string },
  ): Promise<void> {
    const coordinator = this.#coordinator;
    const { round } = coordinator.state;
    switch (action) {
      case 'pause':
        return coordinator.pause();
      case 'unpause':
        return coordinator.unpause();
      case 'cancel':
        if (round === undefined || isOver(round)) {
          throw new Problem('round-closed', 'no round is open');
        }
        return coordinator.cancel(why);
      case 'revoke': {
        const outcome = await coordinator.revoke(client, why);
        if (!outcome.ok) throw new Problem('not-enrolled', outcome.message);
        return;
      }
      case 'status':
        return;
      default:
        return action satisfies never;
    }
  }

  #status(): object {
    const { state, isPaused, waitingFor, store } = this.#coordinator;
    const { round, published, finished } = state;
    return {
      run: store.run,
      round: round?.round ?? 0,
      phase: finished === undefined ? (round?.phase ?? 'idle') : 'finished',
      published,
      paused: isPaused,
      waitingFor,
      clients: state.clients.size,
    };
  }

  #requireWord({ headers }: IncomingMessage): void {
    const [, token = ''] = /^Bearer (\S{1,128})$/.exec(headers.authorization ?? '') ?? [];
    if (timingSafeEqual(digestOf(token), this.#digest)) return;
    throw new Problem('no-session', `the word of ${ADMIN_FILE} is needed`);
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** There whole, for its owner alone, or not at all. */
async function writeSecret(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Problem('malformed', 'the body is no JSON');
  }
}
