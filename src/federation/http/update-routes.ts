/**
 * Updates over HTTP: declared, sent in chunks, committed. Chunks go from the connection to their place in a
 * file as they come.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { show } from '../../core/assert.ts';
import type { Coordinator } from '../coordinator.ts';
import { HEX_32 } from '../identity.ts';
import { chunkRange } from '../merkle.ts';
import type { DeclaredUpdate } from '../outcomes.ts';
import { ChunkMemory } from '../store/chunk-memory.ts';
import type { ChunkOptions } from '../store/upload.ts';
import { BATCH_BYTES, batches, type Pace } from './body.ts';
import { type Call, goneSignal, granted, jsonIn, longBodyOf, sent } from './calls.ts';
import { Credit } from './credit.ts';
import { Lanes, tooSlow } from './lanes.ts';
import { Problem, problemOf } from './problems.ts';
import { statementRequest } from './schemas.ts';
import { StraightBody } from './straight-body.ts';

/** What these routes are served with. */
export interface UpdateRoutesOptions {
  readonly coordinator: Coordinator;
  /** How slow bodies may be. */
  readonly pace: Pace;
  /** Told of bytes that were taken in. */
  readonly onTaken: (bytes: number) => void;
}

/** Longest that a chunk waits for credit, in milliseconds. */
const CREDIT_MS = 10_000;
/** How often it is looked at whether a chunk that is taken in whole comes fast enough, in milliseconds. */
const LANE_MS = 100;
/** How long its first byte may take, in milliseconds. */
const FIRST_MS = 250;

/** Routes of updates. */
export class UpdateRoutes {
  readonly #options: UpdateRoutesOptions;
  readonly #credit: Credit;
  readonly #lanes = new Lanes(ChunkMemory.PLACES);

  constructor(options: UpdateRoutesOptions) {
    this.#options = options;
    const { limits } = options.coordinator.config;
    this.#credit = new Credit({ each: limits.creditBytesEach, all: limits.creditBytes });
  }

  /** Bytes of chunks that are in flight. */
  get inFlight(): number {
    return this.#credit.used;
  }

  /** `POST /v1/rounds/:round/updates`: takes a signed statement. */
  async declare(c: Call, client: string): Promise<Response> {
    const { coordinator, pace } = this.#options;
    const { signature, baseModel, clipNorm, ...rest } = await jsonIn(c, statementRequest, pace);
    const place = c.req.param('round');
    if (place !== String(rest.round)) {
      throw new Problem(
        'malformed',
        `the statement is of round ${rest.round}, the path of ${place}`,
      );
    }
    const statement = {
      ...rest,
      model: baseModel,
      // 0 and null are no norm.
      ...(typeof clipNorm === 'number' && clipNorm > 0 && { clipNorm }),
    };
    const outcome = await coordinator.intake.declare(client, {
      statement,
      signature: hexToBytes(signature),
    });
    const round = coordinator.state.round?.round;
    const declared = granted(outcome, 'statement', round === undefined ? {} : { round });
    return sent(c, declared.repeated ? 200 : 201, this.#uploadState(declared));
  }

  /** `GET /v1/updates/:update`: which chunks are lacking. */
  async status(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    const update = updateIn(c);
    return c.json(
      this.#uploadState(granted(await coordinator.intake.uploadOf(client, update), 'chunk')),
    );
  }

  /**
   * `PUT /v1/updates/:update/chunks/:k`: takes a chunk. Everything that can be refused is refused before its
   * body is read.
   */
  async chunk(c: Call, client: string): Promise<Response> {
    const { coordinator, pace } = this.#options;
    const update = updateIn(c);
    const { upload } = granted(await coordinator.intake.uploadOf(client, update), 'chunk');
    if (upload === undefined) throw new Problem('replay', 'the update is committed already');
    const index = indexIn(c, upload.chunks);
    const { from, to } = chunkRange(upload.plan, index);
    const length = lengthIn(c);
    if (length !== to - from) {
      throw new Problem('wrong-length', `chunk ${index} has ${to - from} bytes, got ${length}`);
    }
    const hash = hashIn(c);
    const isBegun = upload.missing < upload.chunks;
    const giveBack =
      this.#credit.take(client, length) ??
      (await this.#credit.wait(client, length, {
        waitMs: CREDIT_MS,
        isBegun,
        signal: goneSignal(c.env.outgoing),
      }));
    if (giveBack === undefined) {
      const message = `${this.#credit.each} bytes may be in flight: wait for those that are`;
      throw new Problem('no-credit', message, { retryAfter: 1 });
    }
    const leaveLane = await this.#lanes.enter();
    const place = coordinator.store.uploads.memory.take();
    const body = longBodyOf(c);
    const leave = (): void => {
      leaveLane();
      if (place === undefined) return;
      if (body instanceof StraightBody) body.released(place.bytes, place.giveBack);
      else place.giveBack();
    };
    try {
      // Whoever is slow has a batch in memory, not all of its chunk: others need not wait for the rest.
      let isSlow = false;
      const onSlow = (held: number): void => {
        isSlow = true;
        leave();
        giveBack(Math.max(held, 2 * BATCH_BYTES));
      };
      const eager = { ms: LANE_MS, firstMs: FIRST_MS, isSlow: tooSlow(), onSlow };
      const pieces = followed(
        batches(body, { pace, bytes: length, into: place?.bytes, eager }),
        () => {
          // What came before it was slow is written.
          if (isSlow) giveBack(2 * BATCH_BYTES);
        },
      );
      const answer = await upload.write(index, pieces, hash);
      if (!answer.ok) throw problemOf(answer.refusal, 'chunk');
    } finally {
      leave();
      giveBack();
    }
    this.#options.onTaken(length);
    return sent(c, 204);
  }

  /** `POST /v1/updates/:update/commit`: takes an update in that is all there. */
  async commit(c: Call, client: string): Promise<Response> {
    const { coordinator } = this.#options;
    return sent(c, 200, granted(await coordinator.intake.commit(client, updateIn(c)), 'chunk'));
  }

  #uploadState({ update, upload, committed, chunks }: DeclaredUpdate): object {
    const missing = new Uint8Array(Math.ceil(chunks / 8));
    const arrived = upload?.arrived;
    for (let k = 0; k < chunks && !committed; k++) {
      if (((arrived?.[k >> 3] ?? 0) >> (k & 7)) & 1) continue;
      missing[k >> 3]! |= 1 << (k & 7);
    }
    return {
      update,
      state: committed ? 'committed' : 'open',
      chunks,
      missing: Buffer.from(missing).toString('base64'),
      credit: this.#credit.each,
    };
  }
}

/** The same; `done` is called whenever whoever takes it is done with one. */
async function* followed<T>(source: AsyncIterable<T>, done: () => void): AsyncGenerator<T, void> {
  for await (const one of source) {
    yield one;
    done();
  }
}

function updateIn(c: Call): string {
  const update = c.req.param('update') ?? '';
  if (HEX_32.test(update)) return update;
  throw new Problem('no-such-update', `there is no update ${show(update)}`);
}

function indexIn(c: Call, chunks: number): number {
  const text = c.req.param('k') ?? '';
  const index = Number(text);
  if (/^\d{1,9}$/.test(text) && index < chunks) return index;
  throw new Problem('malformed', `the update has chunks 0 to ${chunks - 1}, got ${show(text)}`);
}

function lengthIn(c: Call): number {
  const text = c.req.header('content-length') ?? '';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Problem('wrong-length', 'a chunk comes with its Content-Length');
}

/** What a chunk is said to hash to: its leaf of the tree, or its bytes by themselves. */
function hashIn(c: Call): ChunkOptions {
  const leaf = c.req.header('merkle-leaf');
  if (leaf !== undefined && HEX_32.test(leaf)) return { leaf: hexToBytes(leaf) };
  const text = c.req.header('content-digest') ?? '';
  const [, digest] = /^sha-256=:([A-Za-z0-9+/]{43}=):$/.exec(text) ?? [];
  if (leaf === undefined && digest !== undefined) {
    return { digest: new Uint8Array(Buffer.from(digest, 'base64')) };
  }
  const wanted = 'Content-Digest: sha-256=:…: or Merkle-Leaf: and 64 lower-case hex digits';
  throw new Problem('malformed', `a chunk comes with ${wanted}`);
}
