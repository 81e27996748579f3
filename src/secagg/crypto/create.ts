/**
 * The provider for browsers, and for wherever else there is the Web Cryptography API.
 *
 * @module
 */

import { assertInteger, assertOptions } from '../../core/assert.ts';
import { browserSpawner } from '../../core/spawn-browser.ts';
import { admit } from './admit.ts';
import { webPrimitives } from './native-web.ts';
import type { CryptoProvider } from './provider.ts';
import { providerOf } from './provider-of.ts';
import { systemRandom } from './system-random.ts';
import { Team, teamed } from './team.ts';

/** Options of {@link createCrypto}. */
export interface CryptoOptions {
  /**
   * Largest number of threads for curves, where this platform has none of its own for them; 0 for
   * none. Default: as many as there are cores.
   */
  readonly threads?: number;
}

/** More threads than that are more than any machine has. */
export const MAX_THREADS = 1024;

/**
 * Examines what the platform has and takes what is right, noble for the rest. Takes a tenth of a
 * second. Threads start with the first large batch.
 *
 * @throws {SecureError} `unavailable` if there are no random bytes, or noble itself is wrong here.
 */
export async function createCrypto(options: CryptoOptions = {}): Promise<CryptoProvider> {
  const { threads = cores() } = assertOptions(options, { threads: true });
  assertInteger('threads', threads, 0, MAX_THREADS);
  const randomBytes = systemRandom();
  const { primitives, admitted } = await admit({ by: 'web', primitives: webPrimitives() });
  const script = async (): Promise<string> => (await import('./team-worker.gen.ts')).workerScript;
  const team = new Team({ threads, spawner: browserSpawner, script });
  return providerOf(teamed(primitives, admitted, team), {
    admitted,
    randomBytes,
    close: () => team.close(),
  });
}

/** None where there are no workers. */
function cores(): number {
  return typeof Worker === 'function' ? (navigator.hardwareConcurrency ?? 1) : 0;
}
