/**
 * The provider for Node: OpenSSL where it answers rightly, noble for the rest.
 *
 * @module
 */

import { assertInteger, assertOptions } from '../../core/assert.ts';
import { nodeSpawner } from '../../core/spawn-node.ts';
import { admit } from './admit.ts';
import { type CryptoOptions, MAX_THREADS } from './create.ts';
import { nodePrimitives } from './native-node.ts';
import type { CryptoProvider } from './provider.ts';
import { providerOf } from './provider-of.ts';
import { systemRandom } from './system-random.ts';
import { Team, teamed } from './team.ts';

/**
 * Examines OpenSSL and takes it for what it does rightly, noble for the rest. Threads start with the
 * first large batch, and hold the process only while they work.
 *
 * @throws {SecureError} `unavailable` if there are no random bytes, or noble itself is wrong here.
 */
export async function createNodeCrypto(options: CryptoOptions = {}): Promise<CryptoProvider> {
  const { threads = nodeSpawner.parallelism() ?? 1 } = assertOptions(options, { threads: true });
  assertInteger('threads', threads, 0, MAX_THREADS);
  const randomBytes = systemRandom();
  const { primitives, admitted } = await admit({ by: 'node', primitives: nodePrimitives });
  const script = async (): Promise<string> =>
    (await import('./team-worker-node.gen.ts')).workerScript;
  const team = new Team({ threads, spawner: nodeSpawner, script });
  return providerOf(teamed(primitives, admitted, team), {
    admitted,
    randomBytes,
    close: () => team.close(),
  });
}
