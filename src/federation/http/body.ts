/**
 * Bodies of requests as they come: in batches that are worth a write, and only as long as they keep
 * moving. Nothing of a body is read that nobody has asked for.
 *
 * @module
 */

import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { bodyAsRead } from './connection.ts';
import { Problem } from './problems.ts';
import { StraightBody } from './straight-body.ts';

/** How slow a body may be. */
export interface Pace {
  /** Longest pause, in milliseconds; also the time over which the rate counts. */
  readonly stallMs: number;
  /** Fewest bytes a second. */
  readonly leastRate: number;
}

/** Ten seconds, and 1 KiB a second. */
export const PACE: Pace = { stallMs: 10_000, leastRate: 1024 };

/**
 * Bytes that are handed on at one time: a system call for each is dear. While they are worked on, the
 * sender waits: with many at once it is for their turn anyhow, and memory is for as many more.
 */
export const BATCH_BYTES: number = 128 * 1024;
/** What is read past of a body that nobody wants, in bytes and milliseconds. */
const MOST_PAST = 64 * 2 ** 20;
const MOST_PAST_MS = 30_000;

/** A body was cut off: it stood still, or crept. */
export class Stalled extends Error {
  override readonly name = 'Stalled';
}

/** How a body is read. */
export interface BatchOptions {
  readonly pace?: Pace;
  /** Bytes after which a batch is full. */
  readonly bytes?: number;
  /** Memory for as many bytes, where a batch is put together. Default: pieces stay where they are. */
  readonly into?: Uint8Array | undefined;
  /** What becomes of batches that are not full soon. */
  readonly eager?: Eager;
}

/** How fast a batch must become full, however large. */
export interface Eager {
  /** How often it is looked at, in milliseconds. */
  readonly ms: number;
  /** How long the first byte may take: whoever was asked to send is as far away as that. Default: `ms`. */
  readonly firstMs?: number;
  /** Whether so many bytes a second, since the first came, are too few. */
  readonly isSlow: (rate: number) => boolean;
  /**
   * Called once if the body is slower, with the bytes that have come: from the next on, its batches are of
   * {@link BATCH_BYTES} at most. Memory that it was put together in is not touched any more.
   */
  readonly onSlow: (held: number) => void;
}

/**
 * The pieces of a body, some at a time; while one batch is worked on, the sender waits. Whoever ends
 * early leaves the rest unread, and the connection as it is.
 *
 * @throws {Stalled} if nothing comes for `stallMs`, or less than `leastRate` over that time, not counting
 *   what the receiver takes.
 * @throws whatever the stream fails with.
 */
export async function* batches(
  body: Readable | StraightBody,
  { pace = PACE, ...options }: BatchOptions = {},
): AsyncGenerator<readonly Uint8Array[], void> {
  const gathering = new Gathering(body, options);
  try {
    for (;;) {
      await gathering.full(pace);
      const batch = gathering.take();
      if (batch.length === 0) return;
      yield batch;
    }
  } finally {
    gathering.end();
  }
}

/** A body, listened to. */
class Gathering {
  readonly #body: Readable | StraightBody;
  #bytes: number;
  #eager: Eager | undefined;
  #into: Buffer | undefined;
  #pieces: Uint8Array[] = [];
  #held = 0;
  #firstAt: number | undefined;
  /** Bytes since somebody last looked, and when the last ones came. */
  #arrived = 0;
  #lastAt = 0;
  #isOver = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(
    body: Readable | StraightBody,
    { bytes = BATCH_BYTES, into, eager }: Omit<BatchOptions, 'pace'>,
  ) {
    this.#body = body;
    this.#bytes = bytes;
    this.#into = into && Buffer.from(into.buffer, into.byteOffset, into.length);
    this.#eager = eager;
    const events: EventEmitter = body;
    events.on('data', this.#onData).once('end', this.#onEnd).on('error', this.#onError);
    events.once('close', this.#onClose);
    if (body instanceof StraightBody) body.room = () => this.#into?.subarray(this.#held);
    if (body.readableEnded) this.#onEnd();
    else if (body.destroyed) this.#onClose();
  }

  /** When a batch is full, or all has come. @throws {Stalled} */
  async full({ stallMs, leastRate }: Pace): Promise<void> {
    const begunAt = performance.now();
    let windowAt = begunAt;
    this.#lastAt = windowAt;
    this.#arrived = 0;
    const timer = setInterval(() => {
      const now = performance.now();
      if (now - this.#lastAt >= stallMs)
        this.#onError(new Stalled(`no byte came for ${stallMs} ms`));
      const elapsed = now - windowAt;
      if (elapsed < stallMs) return;
      if (this.#arrived < (leastRate * elapsed) / 1000) {
        this.#onError(new Stalled(`${this.#arrived} bytes came in ${Math.round(elapsed)} ms`));
      }
      windowAt = now;
      this.#arrived = 0;
    }, stallMs / 4);
    const eager = this.#eager && setInterval(() => this.#hurry(begunAt), this.#eager.ms);
    try {
      while (this.#held < this.#bytes && !this.#isOver && this.#failure === undefined) {
        this.#body.resume();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearInterval(timer);
      clearInterval(eager);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  take(): readonly Uint8Array[] {
    const pieces =
      this.#into && this.#held > 0 ? [this.#into.subarray(0, this.#held)] : this.#pieces;
    // Whoever has the memory now is at work in it, and nothing of this batch is late any more.
    this.#into = undefined;
    this.#eager = undefined;
    this.#pieces = [];
    this.#held = 0;
    return pieces;
  }

  end(): void {
    const body = this.#body;
    const events: EventEmitter = body.pause();
    if (body instanceof StraightBody) body.room = undefined;
    events.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    // A connection that breaks later is nobody's business.
    events.off('error', this.#onError).on('error', () => {});
  }

  #hurry(begunAt: number): void {
    if (this.#eager === undefined) return;
    const { ms, firstMs = ms, isSlow } = this.#eager;
    const now = performance.now();
    const isLate =
      this.#firstAt === undefined
        ? now - begunAt >= firstMs
        : isSlow((1000 * this.#held) / (now - this.#firstAt));
    if (isLate) this.#slowDown();
  }

  /** Goes on in batches of the common size. */
  #slowDown(): void {
    this.#bytes = Math.min(this.#bytes, BATCH_BYTES);
    this.#leaveMemory();
    this.#eager?.onSlow(this.#held);
    this.#eager = undefined;
    this.#handOnIfFull();
  }

  /** What was put together in memory that is lent becomes a piece. */
  #leaveMemory(): void {
    if (this.#into === undefined) return;
    if (this.#held > 0) this.#pieces = [Uint8Array.from(this.#into.subarray(0, this.#held))];
    this.#into = undefined;
  }

  #handOnIfFull(): void {
    if (this.#held < this.#bytes) return;
    this.#body.pause();
    this.#wake?.();
  }

  readonly #onData = (piece: Uint8Array): void => {
    if (this.#into !== undefined && piece.length > this.#into.length - this.#held) {
      this.#leaveMemory();
    }
    if (this.#into === undefined) this.#pieces.push(piece);
    // `set` copies to memory that is shared byte by byte.
    else if (!this.#isInPlace(piece)) {
      this.#into.fill(piece, this.#held, this.#held + piece.length);
    }
    this.#held += piece.length;
    this.#arrived += piece.length;
    this.#lastAt = performance.now();
    this.#firstAt ??= this.#lastAt;
    this.#handOnIfFull();
  };

  /** Whether a piece was put where it belongs by whoever read it. */
  #isInPlace(piece: Uint8Array): boolean {
    const into = this.#into;
    return piece.buffer === into?.buffer && piece.byteOffset === into.byteOffset + this.#held;
  }

  readonly #onEnd = (): void => {
    this.#isOver = true;
    this.#wake?.();
  };

  readonly #onError = (error: Error): void => {
    this.#failure ??= error;
    this.#wake?.();
  };

  readonly #onClose = (): void => {
    if (!this.#isOver) this.#onError(new Stalled('the connection was closed'));
  };
}

/** All of a short body. @throws {Problem} `too-large`. @throws as {@link batches}. */
export async function shortBody(
  body: Readable,
  { most, pace = PACE }: { readonly most: number; readonly pace?: Pace },
): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  let length = 0;
  for await (const batch of batches(body, { pace, bytes: most + 1 })) {
    length += batch.reduce((sum, piece) => sum + piece.length, 0);
    if (length > most) {
      throw new Problem('too-large', `a request of this kind has ${most} bytes at most`);
    }
    all.push(...batch);
  }
  return new Uint8Array(Buffer.concat(all));
}

/**
 * Reads past what is left of a body once its request is answered, so that the connection serves the next
 * one; a body too long or too slow for that ends with its connection.
 */
export async function readPast(request: IncomingMessage, pace: Pace = PACE): Promise<void> {
  const body = bodyAsRead(request);
  if (body.readableEnded || body.destroyed) return;
  const end = performance.now() + MOST_PAST_MS;
  let bytes = 0;
  try {
    for await (const batch of batches(body, { pace })) {
      bytes += batch.reduce((sum, piece) => sum + piece.length, 0);
      if (bytes > MOST_PAST || performance.now() > end) break;
    }
  } catch {
    // Nobody is left to be told.
  }
  if (!body.readableEnded) request.socket.destroy();
}
