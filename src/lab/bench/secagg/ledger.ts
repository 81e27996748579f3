/**
 * Where the time of a party goes: cryptography and masks are timed as they are called, and what lies
 * between belongs to what the party is at. All parts together are the whole.
 *
 * @module
 */

import type { CryptoProvider } from '../../../secagg/crypto/provider.ts';
import type { Masks } from '../../../secagg/masks.ts';

/** What time is spent on. */
export type Part =
  /** X25519. */
  | 'agreement'
  /** Ed25519. */
  | 'signatures'
  /** SHA-256, of messages and of all else. */
  | 'hashing'
  /** HKDF. */
  | 'derivation'
  /** XChaCha20-Poly1305. */
  | 'boxes'
  /** Masks made and added. */
  | 'expansion'
  /** Shares gathered, and secrets restored from them. */
  | 'reconstruction'
  /** Secrets split, and messages written around the shares. */
  | 'sharing'
  /** Inputs packed or unpacked, and added up. */
  | 'inputs'
  /** An update made integers. */
  | 'encoding'
  /** Messages read and written, and whatever is in no other part. */
  | 'messages';

/** What a part did: signatures, keys or calls; of hashing, bytes. */
export type Counts = Readonly<Partial<Record<Part, number>>>;

/** Seconds of each part. */
export type Seconds = Readonly<Partial<Record<Part, number>>>;

/** Parts of one party's time, in seconds. One thing at a time. */
export class Ledger {
  readonly #seconds: Partial<Record<Part, number>> = {};
  readonly #counts: Partial<Record<Part, number>> = {};
  #between: Part = 'messages';
  /** When what was booked last ended; outside of a whole nothing is booked. */
  #last: number | undefined;

  /** Seconds of each part so far. */
  get seconds(): Seconds {
    return { ...this.#seconds };
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  /** Runs `work`, all of whose time is the party's; what is in no part goes to `between`. */
  async whole<T>(between: Part, work: () => Promise<T>): Promise<T> {
    this.#between = between;
    this.#last = performance.now();
    try {
      return await work();
    } finally {
      this.#lap(this.#between);
      this.#last = undefined;
    }
  }

  /** Runs a part of the work. */
  part<T>(part: Part, count: number, work: () => T): T {
    this.#begin(part, count);
    const result = work();
    this.#lap(part);
    return result;
  }

  /** The same for a part that ends later. */
  async later<T>(part: Part, count: number, work: () => Promise<T>): Promise<T> {
    this.#begin(part, count);
    const result = await work();
    this.#lap(part);
    return result;
  }

  /** Runs what is no work of the party. */
  outside<T>(work: () => T): T {
    this.#lap(this.#between);
    const result = work();
    if (this.#last !== undefined) this.#last = performance.now();
    return result;
  }

  #begin(part: Part, count: number): void {
    if (this.#last === undefined) return;
    this.#lap(this.#between);
    // Keys of masks are derived once the secrets are restored.
    if (part === 'derivation' && this.#between === 'reconstruction') this.#between = 'messages';
    this.#counts[part] = (this.#counts[part] ?? 0) + count;
  }

  #lap(part: Part): void {
    if (this.#last === undefined) return;
    const now = performance.now();
    this.#seconds[part] = (this.#seconds[part] ?? 0) + (now - this.#last) / 1000;
    this.#last = now;
  }
}

/** All parts together. */
export function totalOf(seconds: Seconds): number {
  return Object.values(seconds).reduce((sum, some) => sum + some, 0);
}

/** What came to `before` until `after`. */
export function since(before: Seconds, after: Seconds): Seconds {
  const parts = Object.entries(after) as [Part, number][];
  return Object.fromEntries(parts.map(([part, some]) => [part, some - (before[part] ?? 0)]));
}

/** Cryptography whose time is booked. */
export function timedCrypto(crypto: CryptoProvider, ledger: Ledger): CryptoProvider {
  return {
    name: crypto.name,
    admitted: crypto.admitted,
    randomBytes: (length) => crypto.randomBytes(length),
    sha256(...parts) {
      const bytes = parts.reduce((sum, { length }) => sum + length, 0);
      return ledger.part('hashing', bytes, () => crypto.sha256(...parts));
    },
    hkdf: (secret, options) => ledger.part('derivation', 1, () => crypto.hkdf(secret, options)),
    seal: (content, options) => ledger.part('boxes', 1, () => crypto.seal(content, options)),
    open: (sealed, options) => ledger.part('boxes', 1, () => crypto.open(sealed, options)),
    agreementKeys: (secrets) =>
      ledger.later('agreement', secrets.length, () => crypto.agreementKeys(secrets)),
    sharedSecrets: (pairings) =>
      ledger.later('agreement', pairings.length, () => crypto.sharedSecrets(pairings)),
    signingKey: (secret) => ledger.later('signatures', 1, () => crypto.signingKey(secret)),
    sign: (message, secret) => ledger.later('signatures', 1, () => crypto.sign(message, secret)),
    verifyAll: (claims) =>
      ledger.later('signatures', claims.length, () => crypto.verifyAll(claims)),
    close: () => crypto.close(),
  };
}

/** Masks whose time is booked. */
export function timedMasks(masks: Masks, ledger: Ledger): Masks {
  return {
    add: (words, given) => ledger.later('expansion', given.length, () => masks.add(words, given)),
  };
}
