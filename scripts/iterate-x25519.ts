/**
 * The test of RFC 7748, section 5.2, that takes minutes: X25519 applied to its own results a million
 * times, by each provider.
 *
 *     npx tsx scripts/iterate-x25519.ts [noble|node|web]…
 *
 * @module
 */

import { createCrypto } from '../src/secagg/crypto/create.ts';
import { createNodeCrypto } from '../src/secagg/crypto/create-node.ts';
import { nobleCrypto } from '../src/secagg/crypto/noble.ts';
import type { CryptoProvider } from '../src/secagg/crypto/provider.ts';
import { hex } from '../src/secagg/suite.ts';

const ITERATIONS = 1_000_000;
const WANTED = '7c3911e0ab2586fd864497297e575e6f3bc601c0883c30df5f4dd2d24f665424';

const PROVIDERS: Readonly<Record<string, () => CryptoProvider | Promise<CryptoProvider>>> = {
  noble: nobleCrypto,
  node: createNodeCrypto,
  web: createCrypto,
};

async function iterated(crypto: CryptoProvider): Promise<string> {
  let [secret, publicKey] = [new Uint8Array(32), new Uint8Array(32)];
  secret[0] = publicKey[0] = 9;
  for (let i = 0; i < ITERATIONS; i++) {
    const [shared] = await crypto.sharedSecrets([{ secret, publicKey }]);
    publicKey = secret;
    secret = shared as Uint8Array<ArrayBuffer>;
  }
  return hex(secret);
}

const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(PROVIDERS)) {
  const create = PROVIDERS[name];
  if (create === undefined) throw new Error(`there is no provider ${name}`);
  const result = await iterated(await create());
  const isRight = result === WANTED;
  console.log(`${name}: ${result}, which is ${isRight ? 'right' : 'wrong'}`);
  if (!isRight) process.exitCode = 1;
}
