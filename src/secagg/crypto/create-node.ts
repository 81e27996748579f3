/**
 * The provider for Node: OpenSSL where it answers rightly, noble for the rest.
 *
 * @module
 */

import { admit } from './admit.ts';
import { nodePrimitives } from './native-node.ts';
import type { CryptoProvider } from './provider.ts';
import { providerOf } from './provider-of.ts';
import { systemRandom } from './system-random.ts';

/**
 * Examines OpenSSL and takes it for what it does rightly, noble for the rest.
 *
 * @throws {SecureError} `unavailable` if there are no random bytes, or noble itself is wrong here.
 */
export async function createNodeCrypto(): Promise<CryptoProvider> {
  const randomBytes = systemRandom();
  const { primitives, admitted } = await admit({ by: 'node', primitives: nodePrimitives });
  return providerOf(primitives, { admitted, randomBytes });
}
