/**
 * The parts that a provider is put together from. Each may come from another implementation, so each
 * is checked and replaced alone. Arguments have their lengths already, whoever calls.
 *
 * @module
 */

import type { BoxOptions, Claim, KeyPairing } from './provider.ts';

/** HKDF's arguments beside the secret. */
export interface KeyDerivation {
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
}

/** SHA-256 of the parts, one after the other. */
export type Hash = (parts: readonly Uint8Array[]) => Uint8Array;

/** HKDF-SHA256 with 32 bytes of output. */
export type Derive = (secret: Uint8Array, options: KeyDerivation) => Uint8Array;

/** XChaCha20-Poly1305. */
export interface Boxes {
  seal(content: Uint8Array, options: BoxOptions): Uint8Array;
  open(sealed: Uint8Array, options: BoxOptions): Uint8Array | undefined;
}

/** X25519. What comes back has the order of what was asked. */
export interface Agreement {
  publicKeys(secrets: readonly Uint8Array[]): Promise<Uint8Array[]>;
  sharedSecrets(pairings: readonly KeyPairing[]): Promise<(Uint8Array | undefined)[]>;
}

/** Ed25519. */
export interface Signatures {
  publicKey(secret: Uint8Array): Promise<Uint8Array>;
  sign(message: Uint8Array, secret: Uint8Array): Promise<Uint8Array>;
  verifyAll(claims: readonly Claim[]): Promise<boolean[]>;
}

/** All that suite 0x0001 takes. */
export interface Primitives {
  readonly sha256: Hash;
  readonly hkdf: Derive;
  readonly boxes: Boxes;
  readonly agreement: Agreement;
  readonly signatures: Signatures;
}
