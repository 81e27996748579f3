/**
 * What went over the wire of a simulated round, and what became of it.
 *
 * @module
 */

import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { type MessageType, openMessage } from '../../secagg/messages.ts';
import { hex } from '../../secagg/suite.ts';

/** The server, or a client by its number. */
export type Party = 'server' | number;

/** A message as it left the wire. */
export interface Carried {
  readonly from: Party;
  readonly to: Party;
  /** `undefined` for bytes that are no message. */
  readonly type: MessageType | undefined;
  readonly message: Uint8Array;
  /** Milliseconds of virtual time. */
  readonly sentAt: number;
  /** When it comes; `undefined` if it got lost. */
  readonly comesAt: number | undefined;
}

/** All messages of a round in the order of their sending. */
export interface Transcript {
  readonly carried: readonly Carried[];
  /** Bytes that parties sent, lost ones too. */
  readonly sentBytes: { readonly byServer: number; readonly byClients: number };
  /** SHA-256 over all of it in hexadecimal digits: the same for the same seed. */
  digest(): string;
}

/** A transcript that is still written. */
export class Recorder implements Transcript {
  readonly carried: Carried[] = [];
  readonly #crypto: Pick<CryptoProvider, 'sha256'>;

  constructor(crypto: Pick<CryptoProvider, 'sha256'>) {
    this.#crypto = crypto;
  }

  record(entry: Omit<Carried, 'type'>): void {
    this.carried.push({ ...entry, type: openMessage(entry.message)?.type });
  }

  get sentBytes(): { readonly byServer: number; readonly byClients: number } {
    const bytesBy = (isSender: (from: Party) => boolean): number =>
      this.carried.reduce(
        (sum, { from, message }) => sum + (isSender(from) ? message.length : 0),
        0,
      );
    return {
      byServer: bytesBy((from) => from === 'server'),
      byClients: bytesBy((from) => from !== 'server'),
    };
  }

  digest(): string {
    const text = new TextEncoder();
    const parts = this.carried.flatMap(({ from, to, message, sentAt, comesAt }) => [
      text.encode(`${from} ${to} ${sentAt} ${comesAt} ${message.length};`),
      message,
    ]);
    return hex(this.#crypto.sha256(...parts));
  }
}
