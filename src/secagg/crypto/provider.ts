/**
 * What SAGG1 needs of cryptography, whoever does it: portable code, Node's OpenSSL or a browser.
 * Interfaces only.
 *
 * Hashes and boxes are small and come at once. What takes a curve is asked for in batches and comes
 * later, so that it may run elsewhere.
 *
 * @module
 */

/** An agreement that is asked for: one's own secret and the other's public key. */
export interface KeyPairing {
  /** 32 bytes. A secret that agrees with many keys is best the same array in all its pairings. */
  readonly secret: Uint8Array;
  /** 32 bytes, from whoever: any bytes. */
  readonly publicKey: Uint8Array;
}

/** A signature that is doubted. */
export interface Claim {
  /** 32 bytes, from whoever. */
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  /** 64 bytes, from whoever. */
  readonly signature: Uint8Array;
}

/** A box: who may open it, and what else must be the same. */
export interface BoxOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 24 bytes; of a key, each serves once. */
  readonly nonce: Uint8Array;
  /** What is authenticated beside the content. */
  readonly associated: Uint8Array;
}

/** A primitive that has an implementation of its own. */
export type Primitive = 'sha256' | 'hkdf' | 'boxes' | 'agreement' | 'signatures';

/** By whom a primitive may be done: portable code, Node's OpenSSL, a browser's Web Cryptography. */
export type Implementation = 'noble' | 'node' | 'web';

/** By whom each primitive is done. */
export type Admitted = Readonly<Record<Primitive, Implementation>>;

/**
 * Primitives of suite 0x0001. Arguments of a wrong length are `TypeError`s that do not quote them;
 * bytes that an attacker chose are never an exception.
 */
export interface CryptoProvider {
  /** For people: `noble`, or which primitives another implementation was admitted for. */
  readonly name: string;
  /** By whom each primitive is done; what did not pass its known answers is not here. */
  readonly admitted: Admitted;
  /** From the platform's CSPRNG. */
  randomBytes(length: number): Uint8Array;
  /** SHA-256 of the parts, one after the other. 32 bytes */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** HKDF-SHA256 (RFC 5869), 32 bytes of output. */
  hkdf(secret: Uint8Array, options: { salt: Uint8Array; info: Uint8Array }): Uint8Array;
  /** XChaCha20-Poly1305: the content encrypted, and 16 bytes of tag. */
  seal(content: Uint8Array, options: BoxOptions): Uint8Array;
  /** The content, or `undefined` for a box that was not sealed so. */
  open(sealed: Uint8Array, options: BoxOptions): Uint8Array | undefined;
  /** X25519 (RFC 7748) public keys of secrets. */
  agreementKeys(secrets: readonly Uint8Array[]): Promise<Uint8Array[]>;
  /** X25519 shared secrets; `undefined` where the public key is of low order. */
  sharedSecrets(pairings: readonly KeyPairing[]): Promise<(Uint8Array | undefined)[]>;
  /** Ed25519 (RFC 8032) public key of a secret of 32 bytes. */
  signingKey(secret: Uint8Array): Promise<Uint8Array>;
  /** Ed25519 signature. 64 bytes */
  sign(message: Uint8Array, secret: Uint8Array): Promise<Uint8Array>;
  /** Which signatures hold, strictly by RFC 8032: nothing that is not canonical passes. */
  verifyAll(claims: readonly Claim[]): Promise<boolean[]>;
  /** Ends threads, if there are any. What is asked for then or later is done on this thread. */
  close(): Promise<void>;
}
