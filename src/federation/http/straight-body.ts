/**
 * A body that comes straight from its connection, past the parser of HTTP: bytes are put where they belong by
 * the system itself. To whoever reads it, it is a stream as a request is, with `data`, `end` and `close`; a
 * connection that breaks closes it.
 *
 * @module
 */

import { EventEmitter } from 'node:events';

/** What a connection lends to a body. */
export interface StraightLine {
  pause(): void;
  resume(): void;
  /** Whether bytes may still be put into this memory. */
  mayWrite(memory: Uint8Array): boolean;
  /** Told once that may have changed. */
  whenRearmed(done: () => void): void;
}

/** A body of so many bytes, some of which may have come before. */
export class StraightBody extends EventEmitter {
  /**
   * Set by whoever reads: where the next bytes belong. A piece that lies there needs no copy; any other is
   * memory of its own.
   */
  room: (() => Uint8Array | undefined) | undefined;
  #readableEnded = false;
  #destroyed = false;
  #isFlowing = false;
  #left: number;
  #before: Uint8Array | undefined;
  readonly #line: StraightLine;

  constructor(line: StraightLine, length: number, before?: Uint8Array) {
    super();
    this.#line = line;
    this.#left = length;
    this.#before = before;
  }

  /** Whether all of it has come. */
  get readableEnded(): boolean {
    return this.#readableEnded;
  }

  /** Whether no more of it will come. */
  get destroyed(): boolean {
    return this.#destroyed;
  }

  pause(): this {
    this.#isFlowing = false;
    if (!this.#destroyed) this.#line.pause();
    return this;
  }

  resume(): this {
    if (this.#destroyed) return this;
    this.#isFlowing = true;
    if (this.#before === undefined) this.#line.resume();
    else process.nextTick(() => this.#begin());
    return this;
  }

  /** Calls `done` once nothing of this body is put into that memory any more. */
  released(memory: Uint8Array, done: () => void): void {
    if (this.#line.mayWrite(memory)) this.#line.whenRearmed(() => this.released(memory, done));
    else done();
  }

  /** Where the next bytes go, if somebody has said it. @internal */
  next(): Uint8Array | undefined {
    const room = this.#left > 0 ? this.room?.() : undefined;
    return room === undefined || room.length === 0 ? undefined : room.subarray(0, this.#left);
  }

  /** How many bytes are to come. @internal */
  get left(): number {
    return this.#left;
  }

  /** Takes what has come. With the last of it this is over, and the connection may go on at once. @internal */
  take(own: Uint8Array): void {
    this.#left -= own.length;
    const room = this.room?.();
    const isThere = room?.buffer === own.buffer && room.byteOffset === own.byteOffset;
    // The `slice` of a Buffer would be the same memory.
    this.emit('data', isThere ? own : Uint8Array.prototype.slice.call(own));
    if (this.#left === 0) this.#end();
  }

  /** The connection is closed. @internal */
  close(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.emit('close');
  }

  #begin(): void {
    const before = this.#before;
    if (!this.#isFlowing || before === undefined) return;
    this.#before = undefined;
    this.take(before);
    if (this.#isFlowing && !this.#destroyed) this.#line.resume();
  }

  #end(): void {
    this.#readableEnded = true;
    this.emit('end');
    this.close();
  }
}
