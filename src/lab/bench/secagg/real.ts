/**
 * Real clients in a measured round, and where their time goes.
 *
 * @module
 */

import { type Identity, SecureClient } from '../../../secagg/client.ts';
import type { RoundConfig } from '../../../secagg/config.ts';
import type { CryptoProvider } from '../../../secagg/crypto/provider.ts';
import type { Enrolment } from '../../../secagg/enrolment.ts';
import { memoryJournal } from '../../../secagg/journal.ts';
import type { Masks } from '../../../secagg/masks.ts';
import type { MessageType } from '../../../secagg/messages.ts';
import { hex, KEY_BYTES } from '../../../secagg/suite.ts';
import type { Inputs } from './inputs.ts';
import { Ledger, type Part, timedCrypto, timedMasks } from './ledger.ts';
import { type Player, typeOf } from './players.ts';

/** What a client is made of. */
export interface RealClient {
  readonly identity: Identity;
  readonly config: RoundConfig;
  readonly serverKey: Uint8Array;
  readonly enrolment: Enrolment;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  readonly inputs: Inputs;
  /** Whether its input will be in the sum. */
  readonly counts?: boolean;
}

/** What a client spends its time on between cryptography and masks, by the message that it answers. */
const BETWEEN: Readonly<Partial<Record<MessageType, Part>>> = {
  roster: 'sharing',
  boxes: 'inputs',
};

/** A client, and the ledger of its time. */
export interface TimedPlayer extends Player {
  readonly ledger: Ledger;
}

/** A real client as a player. */
export function realPlayer({ counts = true, ...parts }: RealClient): TimedPlayer {
  const { identity, config, serverKey, enrolment, inputs } = parts;
  const ledger = new Ledger();
  const crypto = timedCrypto(parts.crypto, ledger);
  const { federation, model, dimensions } = config;
  const client = new SecureClient({
    identity,
    crypto,
    masks: timedMasks(parts.masks, ledger),
    journal: memoryJournal(),
    policy: { serverKey, federation, model, dimensions, enrolment, minSum: config.minSum },
    input({ canary }) {
      const key = crypto.randomBytes(KEY_BYTES);
      const words = ledger.part('encoding', 1, () => inputs.encoded(key, canary));
      if (counts) ledger.outside(() => inputs.add(words));
      return words;
    },
    onFailure(error) {
      throw error;
    },
  });
  return {
    name: hex(identity.publicKey),
    ledger,
    async handle(message) {
      const between = BETWEEN[typeOf(message)] ?? 'messages';
      const { reply } = await ledger.whole(between, () => client.handle(message, 0));
      return reply;
    },
  };
}
