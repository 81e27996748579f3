/**
 * Cryptography for studies of secure aggregation: it remembers what was asked before, draws from a
 * seed, and tells who watches what goes into boxes.
 *
 * Everything remembered is a function of what was asked, so that nothing comes out otherwise than from
 * the provider beneath; only sooner, where the same clients are asked thousands of times.
 *
 * @module
 */

import type { Claim, CryptoProvider } from '../../secagg/crypto/provider.ts';

/** What a study sees and decides. */
export interface StudyOptions {
  readonly randomBytes: (length: number) => Uint8Array;
  /** Hears of every box before it is sealed: its content, and what it is bound to. */
  readonly onSeal?: (content: Uint8Array, associated: Uint8Array) => void;
  /** Hears of secrets whose public keys are asked for. */
  readonly onSecrets?: (secrets: readonly Uint8Array[]) => void;
}

/** Signatures, agreements and verdicts that are kept of each kind. */
const KEPT = 20_000;

/** What several providers of one study remember together. */
export interface Memory {
  readonly agreed: Map<string, Uint8Array | undefined>;
  readonly signed: Map<string, Uint8Array>;
  readonly verified: Map<string, boolean>;
}

/** A memory that is empty. */
export function blankMemory(): Memory {
  return { agreed: new Map(), signed: new Map(), verified: new Map() };
}

/** A provider for one party of a study. */
export function studyCrypto(
  crypto: CryptoProvider,
  memory: Memory,
  { randomBytes, onSeal, onSecrets }: StudyOptions,
): CryptoProvider {
  return {
    name: `${crypto.name}, from a seed`,
    admitted: crypto.admitted,
    randomBytes,
    sha256: (...parts) => crypto.sha256(...parts),
    hkdf: (secret, options) => crypto.hkdf(secret, options),
    seal(content, options) {
      onSeal?.(content.slice(), options.associated);
      return crypto.seal(content, options);
    },
    open: (sealed, options) => crypto.open(sealed, options),
    agreementKeys(secrets) {
      onSecrets?.(secrets.map((secret) => secret.slice()));
      return crypto.agreementKeys(secrets);
    },
    async sharedSecrets(pairings) {
      const found = await remembered(pairings, {
        kept: memory.agreed,
        nameOf: ({ secret, publicKey }) => nameOf(secret, publicKey),
        compute: (missing) => crypto.sharedSecrets(missing),
      });
      // Whoever gets one overwrites it.
      return found.map((secret) => secret?.slice());
    },
    signingKey: (secret) => crypto.signingKey(secret),
    async sign(message, secret) {
      const [signature] = await remembered([{ message, secret }], {
        kept: memory.signed,
        nameOf: (asked) => nameOf(asked.secret, asked.message),
        compute: async ([asked]) => [await crypto.sign(asked!.message, asked!.secret)],
      });
      return signature!.slice();
    },
    verifyAll: (claims) =>
      remembered<Claim, boolean>(claims, {
        kept: memory.verified,
        nameOf: ({ publicKey, message, signature }) => nameOf(publicKey, signature, message),
        compute: (missing) => crypto.verifyAll(missing),
      }),
    close: () => crypto.close(),
  };
}

/** Answers from what is kept, and the rest in one batch. */
async function remembered<T, U>(
  asked: readonly T[],
  {
    kept,
    nameOf: name,
    compute,
  }: {
    readonly kept: Map<string, U>;
    readonly nameOf: (one: T) => string;
    readonly compute: (missing: readonly T[]) => Promise<readonly U[]>;
  },
): Promise<U[]> {
  const names = asked.map(name);
  if (kept.size + names.length > KEPT) kept.clear();
  const missing = new Map<string, T>();
  for (const [i, one] of asked.entries()) if (!kept.has(names[i]!)) missing.set(names[i]!, one);
  if (missing.size > 0) {
    const computed = await compute([...missing.values()]);
    for (const [i, one] of [...missing.keys()].entries()) kept.set(one, computed[i]!);
  }
  return names.map((one) => kept.get(one)!);
}

/** Bytes as a key of a map; the last part may be of any length, those before it are of fixed ones. */
function nameOf(...parts: readonly Uint8Array[]): string {
  return parts.map((part) => String.fromCharCode(...part)).join('');
}
