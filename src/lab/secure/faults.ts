/**
 * What may go wrong on purpose: on the wire, where a {@link Tamper} sees every message and says what
 * comes of it, and in parties, which crash and may come back.
 *
 * A hostile server is an honest one whose messages are tampered with: whoever simulates holds its key.
 *
 * @module
 */

import type { MessageType } from '../../secagg/messages.ts';
import type { Party } from './transcript.ts';

/** A message that was just sent. */
export interface InFlight {
  readonly from: Party;
  readonly to: Party;
  /** `undefined` for bytes that are no message. */
  readonly type: MessageType | undefined;
  readonly message: Uint8Array;
  /** Milliseconds of virtual time. */
  readonly sentAt: number;
}

/** What is to come of a message. */
export interface Delivery {
  readonly message: Uint8Array;
  /** Beyond what the network takes. Default 0. */
  readonly delayMs?: number;
}

/** What comes instead of a message: nothing, one, or many; `undefined` where it is let pass. */
export type Tamper = (
  sent: InFlight,
) => readonly Delivery[] | undefined | Promise<readonly Delivery[] | undefined>;

/** A party that stops without a word. */
export interface Crash {
  readonly party: Party;
  /**
   * The type of the message that it stops at: of those that come, before it is looked at; of those that a
   * client sends, when everything is done but the sending.
   */
  readonly at: MessageType;
  /** Which of those messages, from 1. Default the first. */
  readonly nth?: number;
  /**
   * When it comes back: a client with its journal and nothing else, the server from its last checkpoint.
   * Default never.
   */
  readonly restartAfterMs?: number;
}

/** Stages at which clients may drop out: the messages that they owe. */
export const STAGES = ['advertise', 'shares', 'masked', 'consent', 'unmask'] as const;
/** One of {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** Clients that say nothing from a stage on: their messages get lost. */
export function silent(clients: Iterable<number>, from: Stage): Tamper {
  const mute = new Set(clients);
  const early = STAGES.slice(0, STAGES.indexOf(from)) as readonly string[];
  return ({ from: sender, type }) =>
    sender !== 'server' && mute.has(sender) && !early.includes(type ?? '') ? [] : undefined;
}

/** Clients that drop out, by stage. */
export function dropouts(byStage: Partial<Record<Stage, readonly number[]>>): Tamper {
  return inTurn(...STAGES.map((stage) => silent(byStage[stage] ?? [], stage)));
}

/** The first of them that does not let a message pass decides. */
export function inTurn(...tampers: readonly Tamper[]): Tamper {
  return async (sent) => {
    for (const tamper of tampers) {
      const deliveries = await tamper(sent);
      if (deliveries !== undefined) return deliveries;
    }
    return undefined;
  };
}
