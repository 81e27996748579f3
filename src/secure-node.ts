/**
 * Aggregis, secure aggregation (SAGG1): the entry `aggregis/secure` under Node. All that browsers have,
 * with cryptography by OpenSSL; masks by it too, and journals in files.
 *
 * @module
 */

export { createNodeCrypto as createCrypto } from './secagg/crypto/create-node.ts';
export { fileJournal } from './secagg/file-journal.ts';
export { nativeMasks } from './secagg/masks-node.ts';
export * from './secure-portable.ts';
