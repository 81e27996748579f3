/**
 * A process that uses threads for curves and closes nothing: it has to end by itself.
 *
 * @module
 */

import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';

const crypto = await createNodeCrypto({ threads: 2 });
const secret = new Uint8Array(32).fill(1);
const [publicKey] = await crypto.agreementKeys([secret]);
const pairings = Array.from({ length: 1100 }, () => ({ secret, publicKey: publicKey! }));
const shared = await crypto.sharedSecrets(pairings);
process.stdout.write(`${shared.length} secrets\n`);
