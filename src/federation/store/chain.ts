/**
 * The chain of a run's events: each has the hash of the one before it, and is hashed with it.
 *
 * @module
 */

import { canonicalJson, type Json } from '../../core/canonical-json.ts';
import { hex, sameBytes } from '../../secagg/suite.ts';
import type { Sha256 } from '../merkle.ts';
import { Transcript } from '../transcript.ts';

/** What happened, before it is in the log. */
export interface NewEvent {
  /** A word, a dot, a word: `update.committed`. */
  readonly type: string;
  readonly body: { readonly [key: string]: Json | undefined };
}

/** An event of the log. */
export interface LoggedEvent {
  /** Its place, from 1. */
  readonly seq: number;
  /** Milliseconds since 1970, by the clock of who wrote it. */
  readonly time: number;
  readonly type: string;
  readonly body: { readonly [key: string]: Json };
}

/** Where a log ends. */
export interface ChainHead {
  /** Of the last event; 0 if there is none. */
  readonly seq: number;
  /** Of the last event; zeros if there is none. 32 bytes */
  readonly hash: Uint8Array;
}

/** An event as it is kept: its body in the spelling that is hashed. */
export interface ChainedEvent {
  readonly seq: number;
  readonly time: number;
  readonly type: string;
  readonly text: string;
  readonly prev: Uint8Array;
  readonly hash: Uint8Array;
}

/** The head of a log without events. */
export const CHAIN_START: ChainHead = { seq: 0, hash: new Uint8Array(32) };

const TYPE = /^[a-z][a-z-]*(\.[a-z][a-z-]*)+$/;

/** What all events of a chain share. */
export interface ChainOptions {
  /** The run's id. */
  readonly run: string;
  readonly sha256: Sha256;
}

/**
 * The next event of a chain.
 *
 * @throws {TypeError | RangeError} if its type is no type, its body no JSON object, or its time no time.
 */
export function chained(
  event: NewEvent & { readonly time: number },
  { seq, hash }: ChainHead,
  options: ChainOptions,
): ChainedEvent {
  const link = { seq: seq + 1, time: event.time, type: event.type, ...spelt(event), prev: hash };
  return { ...link, hash: hashOf(link, options) };
}

/** The body of an event in canonical JSON. @throws {TypeError} if the event is none. */
export function spelt({ type, body }: NewEvent): { readonly text: string } {
  if (!TYPE.test(type)) throw new TypeError(`type must be words with a dot, got ${type}`);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new TypeError(`the body of ${type} must be an object`);
  }
  return { text: canonicalJson(body) };
}

/** What is wrong with an event that should follow `head`, or `undefined` if nothing is. */
export function breakAt(
  event: ChainedEvent,
  head: ChainHead,
  options: ChainOptions,
): string | undefined {
  const { seq, prev, hash } = event;
  if (seq !== head.seq + 1) return `event ${head.seq + 1} is missing`;
  if (!sameBytes(prev, head.hash)) return `event ${seq} does not follow event ${head.seq}`;
  // Fields that the transcript does not take were never written by us.
  const own = safely(() => hashOf(event, options));
  if (own === undefined || !sameBytes(own, hash)) {
    return `event ${seq} is not what was written: its hash is ${hex(hash)}, its content's ${own === undefined ? 'none' : hex(own)}`;
  }
  return undefined;
}

function hashOf(link: Omit<ChainedEvent, 'hash'>, { run, sha256 }: ChainOptions): Uint8Array {
  const { seq, time, type, text, prev } = link;
  const transcript = new Transcript('aggregis/event/v1')
    .text('run', run)
    .integer('seq', seq)
    .integer('time', time)
    .text('type', type)
    .text('body', text)
    .bytes('prev', prev, 32);
  return sha256(transcript.end());
}

function safely<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
