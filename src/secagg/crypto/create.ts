/**
 * The provider for browsers, and for wherever else there is the Web Cryptography API.
 *
 * @module
 */

import { admit } from './admit.ts';
import { webPrimitives } from './native-web.ts';
import type { CryptoProvider } from './provider.ts';
import { providerOf } from './provider-of.ts';
import { systemRandom } from './system-random.ts';

/**
 * Examines what the platform has and takes what is right, noble for the rest. Takes a tenth of a
 * second.
 *
 * @throws {SecureError} `unavailable` if there are no random bytes, or noble itself is wrong here.
 */
export async function createCrypto(): Promise<CryptoProvider> {
  const randomBytes = systemRandom();
  const { primitives, admitted } = await admit({ by: 'web', primitives: webPrimitives() });
  return providerOf(primitives, { admitted, randomBytes });
}
