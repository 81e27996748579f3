/**
 * Aggregis, secure aggregation (SAGG1): the server learns sums of updates and nothing else of them, though
 * it may lie and clients may drop out. The entry `aggregis/secure` in browsers.
 *
 * @module
 */

export { createCrypto } from './secagg/crypto/create.ts';
export * from './secure-portable.ts';
