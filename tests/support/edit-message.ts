/**
 * Messages of SAGG1 with something wrong about them.
 *
 * @module
 */

import type { Identity } from '../../src/secagg/client.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import {
  HEADER_BYTES,
  type MessageType,
  openMessage,
  TYPES,
  unmaskToVerify,
} from '../../src/secagg/messages.ts';
import { joined, SIGNATURE_BYTES } from '../../src/secagg/suite.ts';

/** Where fields of the header stand. */
const TYPE_AT = 5;
const CONTEXT_AT = 8;
const SENDER_AT = 40;
const LENGTH_AT = 44;

/** Without its last `bytes`. */
export function truncated(message: Uint8Array, bytes = 1): Uint8Array {
  return message.slice(0, message.length - bytes);
}

/** With bit `bit` of the byte at `place` turned over; places below 0 count from the end. */
export function flipped(message: Uint8Array, place: number, bit = 0): Uint8Array {
  const changed = message.slice();
  const at = place < 0 ? message.length + place : place;
  changed[at]! ^= 1 << bit;
  return changed;
}

/** Under another context. */
export function ofOtherContext(message: Uint8Array): Uint8Array {
  return flipped(message, CONTEXT_AT);
}

/** As if it were of another type. */
export function asType(message: Uint8Array, type: MessageType): Uint8Array {
  const changed = message.slice();
  changed[TYPE_AT] = TYPES[type];
  return changed;
}

/** As if it came from another. */
export function asFrom(message: Uint8Array, sender: number): Uint8Array {
  const changed = message.slice();
  new DataView(changed.buffer).setUint32(SENDER_AT, sender, true);
  return changed;
}

/** With more at the end of its body, and a header that says so. */
export function extended(message: Uint8Array, more: Uint8Array): Uint8Array {
  return withLength(joined(message, more));
}

/** With a byte behind its end that no header speaks of. */
export function trailed(message: Uint8Array): Uint8Array {
  return joined(message, new Uint8Array(1));
}

/** Without the bytes from `place` of the body on, and with a header that says so. */
export function without(message: Uint8Array, place: number, bytes: number): Uint8Array {
  const at = HEADER_BYTES + place;
  return withLength(joined(message.subarray(0, at), message.subarray(at + bytes)));
}

/** An `unmask` whose sender revealed other shares, and signed them. */
export async function withShares(
  message: Uint8Array,
  { view, identity, crypto }: { view: Uint8Array; identity: Identity; crypto: CryptoProvider },
  change: (shares: Uint8Array) => void,
): Promise<Uint8Array> {
  const { header, body } = openMessage(message)!;
  const content = body.slice(0, -SIGNATURE_BYTES);
  change(content);
  const toSign = unmaskToVerify(header, { view, content }, crypto);
  return joined(header, content, await crypto.sign(toSign, identity.secret));
}

function withLength(message: Uint8Array): Uint8Array {
  new DataView(message.buffer).setUint32(LENGTH_AT, message.length - HEADER_BYTES, true);
  return message;
}
