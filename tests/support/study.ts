/**
 * What studies of hostile servers run on: the protocol as it is, and native cryptography that keeps
 * the keys it signs with, which a client must not.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { Protocol } from '../../src/lab/secure/hostile-world.ts';
import { forkForStudy, SecureClient } from '../../src/secagg/client.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { drawGraph } from '../../src/secagg/graph.ts';
import { hex } from '../../src/secagg/suite.ts';

/** What stands before an Ed25519 secret in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The protocol of `src`. */
export const realProtocol: Protocol = { SecureClient, forkForStudy, drawGraph };

/** Cryptography for many signatures by few keys. */
export async function cryptoForStudy(): Promise<CryptoProvider> {
  const crypto = await createNodeCrypto({ threads: 0 });
  const keys = new Map<string, KeyObject>();
  const keyOf = (secret: Uint8Array): KeyObject => {
    const name = hex(secret);
    const key =
      keys.get(name) ??
      createPrivateKey({ key: Buffer.concat([PKCS8, secret]), format: 'der', type: 'pkcs8' });
    keys.set(name, key);
    return key;
  };
  return {
    ...crypto,
    sign: async (message, secret) => Uint8Array.from(sign(null, message, keyOf(secret))),
  };
}
