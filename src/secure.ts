/**
 * Secure aggregation: the entry `aggregis/secure`, the same in Node and in browsers.
 *
 * @module
 */

export { SecureError, type SecureErrorCode } from './core/errors.ts';
export type { BoxOptions, Claim, CryptoProvider, KeyPairing } from './secagg/crypto/provider.ts';
