/**
 * What cryptography takes, one by one: so that a server's time by another provider can be told without
 * waiting for it.
 *
 * @module
 */

import type { CryptoProvider } from '../../../secagg/crypto/provider.ts';
import { KEY_BYTES } from '../../../secagg/suite.ts';

/** Seconds of one agreement, one verification, one derivation and one hashed byte. */
export type CryptoRates = Readonly<
  Record<'agreement' | 'signatures' | 'derivation' | 'hashing', number>
>;

const OPERATIONS = 64;
const DERIVATIONS = 1024;
const HASHED_BYTES = 2 ** 22;

/** Samples a provider. */
export async function sampleCrypto(crypto: CryptoProvider): Promise<CryptoRates> {
  const secret = crypto.randomBytes(KEY_BYTES);
  const [publicKey] = await crypto.agreementKeys([crypto.randomBytes(KEY_BYTES)]);
  const pairings = Array.from({ length: OPERATIONS }, () => ({ secret, publicKey: publicKey! }));
  const message = crypto.randomBytes(KEY_BYTES);
  const claim = {
    publicKey: await crypto.signingKey(secret),
    message,
    signature: await crypto.sign(message, secret),
  };
  const claims = Array.from({ length: OPERATIONS }, () => claim);
  const bytes = new Uint8Array(HASHED_BYTES);
  const options = { salt: message, info: message };
  const derive = async (): Promise<void> => {
    for (let i = 0; i < DERIVATIONS; i++) crypto.hkdf(secret, options);
  };
  return {
    agreement: (await secondsOf(() => crypto.sharedSecrets(pairings))) / OPERATIONS,
    signatures: (await secondsOf(() => crypto.verifyAll(claims))) / OPERATIONS,
    derivation: (await secondsOf(derive)) / DERIVATIONS,
    hashing: (await secondsOf(async () => crypto.sha256(bytes))) / HASHED_BYTES,
  };
}

/** The second time: the first compiles. */
async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  await work();
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
