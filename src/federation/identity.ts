/**
 * Who a client is: an Ed25519 key, and a name that follows from its first key and stays when keys change.
 *
 * A client shows that it holds a key by signing what the server has just asked. The question carries
 * its own proof: a server remembers none of those that it asked, so that nobody can fill its memory.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { parsed, Writer } from '../secagg/bytes.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { hex, joined, KEY_BYTES, SIGNATURE_BYTES, sameBytes, u64le } from '../secagg/suite.ts';
import { type Answer, granted, refused } from './refusals.ts';
import { Transcript } from './transcript.ts';

/** Lower-case hex of 32 bytes: a public key or a hash. */
export const HEX_32: RegExp = /^[0-9a-f]{64}$/;
/** Names of clients. */
export const CLIENT_ID: RegExp = /^c-[0-9a-f]{32}$/;

const ID_BYTES = 16;
const MAGIC = new TextEncoder().encode('aggregis identity 1\n');
/** Magic, secret, first public key, whether a next secret, that secret. */
const CONTENT_BYTES = MAGIC.length + 2 * KEY_BYTES + 1 + KEY_BYTES;

/** The name of the client whose first public key this is: `c-` and 32 hexadecimal digits. */
export function clientIdOf(firstKey: Uint8Array, crypto: Pick<CryptoProvider, 'sha256'>): string {
  const bytes = new Transcript('aggregis/client/v1').bytes('firstKey', firstKey, KEY_BYTES).end();
  return `c-${hex(crypto.sha256(bytes).subarray(0, ID_BYTES))}`;
}

interface Keys {
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly firstKey: Uint8Array;
  readonly next?: { readonly secret: Uint8Array; readonly publicKey: Uint8Array };
}

/** A client's own keys. What is printed of it holds no secret. */
export class Identity {
  /** The client's name. */
  readonly id: string;
  /** The key that counts now. 32 bytes */
  readonly publicKey: Uint8Array;
  /** The key that the name is of. 32 bytes */
  readonly firstKey: Uint8Array;
  readonly #keys: Keys;
  readonly #crypto: CryptoProvider;

  private constructor(keys: Keys, crypto: CryptoProvider) {
    this.id = clientIdOf(keys.firstKey, crypto);
    this.publicKey = keys.publicKey;
    this.firstKey = keys.firstKey;
    this.#keys = keys;
    this.#crypto = crypto;
  }

  /** A new client. */
  static async create(crypto: CryptoProvider): Promise<Identity> {
    const secret = crypto.randomBytes(KEY_BYTES);
    const publicKey = await crypto.signingKey(secret);
    return new Identity({ secret, publicKey, firstKey: publicKey }, crypto);
  }

  /**
   * What {@link Identity.export} gave.
   *
   * @throws {SecureError} `malformed` if the bytes are no identity.
   */
  static async restore(bytes: Uint8Array, crypto: CryptoProvider): Promise<Identity> {
    const found = parsed(bytes, (reader) => {
      const content = reader.view(CONTENT_BYTES);
      return sameBytes(reader.view(KEY_BYTES), crypto.sha256(content)) ? content : undefined;
    });
    const keys =
      found &&
      parsed(found, (reader) => {
        const isIdentity = sameBytes(reader.view(MAGIC.length), MAGIC);
        const [secret, firstKey] = [reader.bytes(KEY_BYTES), reader.bytes(KEY_BYTES)];
        const hasNext = reader.u8() === 1;
        const next = reader.bytes(KEY_BYTES);
        return isIdentity ? { secret, firstKey, next: hasNext ? next : undefined } : undefined;
      });
    if (keys === undefined) throw new SecureError('malformed', 'these bytes are no identity');
    const { secret, firstKey, next } = keys;
    const withNext = next && { secret: next, publicKey: await crypto.signingKey(next) };
    const publicKey = await crypto.signingKey(secret);
    return new Identity(
      { secret, publicKey, firstKey, ...(withNext && { next: withNext }) },
      crypto,
    );
  }

  /** All of it, to be kept in secret. */
  export(): Uint8Array {
    const { secret, firstKey, next } = this.#keys;
    const content = new Writer(CONTENT_BYTES)
      .bytes(MAGIC)
      .bytes(secret)
      .bytes(firstKey)
      .u8(next === undefined ? 0 : 1)
      .bytes(next?.secret ?? new Uint8Array(KEY_BYTES))
      .end();
    return joined(content, this.#crypto.sha256(content));
  }

  /** The key that is to replace this one, once the server has taken it. */
  get nextKey(): Uint8Array | undefined {
    return this.#keys.next?.publicKey;
  }

  /** Signature of the key that counts. 64 bytes */
  sign(message: Uint8Array): Promise<Uint8Array> {
    return this.#crypto.sign(message, this.#keys.secret);
  }

  /** Signature of the next key. @throws {SecureError} `aborted` if there is none. */
  signWithNext(message: Uint8Array): Promise<Uint8Array> {
    return this.#crypto.sign(message, this.#next().secret);
  }

  /**
   * The same with a key to come, which is kept before it is sent: a client that loses it between the
   * server's word and its own disk would be locked out.
   */
  async withNext(): Promise<Identity> {
    if (this.#keys.next !== undefined) return this;
    const secret = this.#crypto.randomBytes(KEY_BYTES);
    const next = { secret, publicKey: await this.#crypto.signingKey(secret) };
    return new Identity({ ...this.#keys, next }, this.#crypto);
  }

  /** The same after the server has taken the next key. @throws {SecureError} `aborted` if there is none. */
  rotated(): Identity {
    const { secret, publicKey } = this.#next();
    return new Identity({ secret, publicKey, firstKey: this.firstKey }, this.#crypto);
  }

  /**
   * The key pair that counts, for SAGG1, whose secrets are hedged with the key: see `secagg/client.ts`. The secret
   * is a copy.
   */
  keyPair(): { readonly secret: Uint8Array; readonly publicKey: Uint8Array } {
    return { secret: this.#keys.secret.slice(), publicKey: this.publicKey };
  }

  /** Nothing secret. */
  toJSON(): { readonly id: string; readonly publicKey: string } {
    return { id: this.id, publicKey: hex(this.publicKey) };
  }

  #next(): NonNullable<Keys['next']> {
    const { next } = this.#keys;
    if (next === undefined) throw new SecureError('aborted', 'this identity has no next key');
    return next;
  }
}

/** What possession of a key is shown for. */
export type Purpose = 'registration' | 'session';

const CHALLENGE_NONCE_BYTES = 16;
/** When it was set, a nonce, and the server's tag. */
const CHALLENGE_BYTES = 8 + CHALLENGE_NONCE_BYTES + KEY_BYTES;

/** Who asks, and when. */
export interface ChallengeOptions {
  /** Of this server alone. 32 random bytes; new ones at each start do. */
  readonly secret: Uint8Array;
  readonly purpose: Purpose;
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly crypto: CryptoProvider;
}

/** How long a challenge may take to be answered, in milliseconds. */
export const CHALLENGE_MS = 60_000;

/** A question that only this server can have asked. 56 bytes */
export function issueChallenge(options: ChallengeOptions): Uint8Array {
  const { crypto, now } = options;
  const question = joined(
    u64le(assertInteger('now', now, 0)),
    crypto.randomBytes(CHALLENGE_NONCE_BYTES),
  );
  return joined(question, tagOf(question, options));
}

/** Whether this server asked it, for this purpose, at most {@link CHALLENGE_MS} ago. */
export function isFresh(challenge: Uint8Array, options: ChallengeOptions): boolean {
  const askedAt = parsed(challenge, (reader) => {
    const question = reader.bytes(CHALLENGE_BYTES - KEY_BYTES);
    const tag = reader.bytes(KEY_BYTES);
    return differences(tag, tagOf(question, options)) === 0
      ? parsed(question.subarray(0, 8), (fields) => fields.u64())
      : undefined;
  });
  return askedAt !== undefined && askedAt <= options.now && options.now - askedAt <= CHALLENGE_MS;
}

function tagOf(
  question: Uint8Array,
  { secret, purpose, run, crypto }: ChallengeOptions,
): Uint8Array {
  const info = new Transcript('aggregis/challenge/v1').text('purpose', purpose).text('run', run);
  return crypto.hkdf(secret, { salt: question, info: info.end() });
}

/** In the same time wherever the first difference is. */
function differences(a: Uint8Array, b: Uint8Array): number {
  let seen = 0;
  for (let i = 0; i < b.length; i++) seen |= a[i]! ^ b[i]!;
  return seen;
}

/** What a client signs to show that it holds a key. */
export interface Possession {
  readonly purpose: Purpose;
  readonly run: string;
  readonly challenge: Uint8Array;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** The bytes of it. */
export function possessionToSign({ purpose, run, challenge, key }: Possession): Uint8Array {
  return new Transcript('aggregis/possession/v1')
    .text('purpose', purpose)
    .text('run', run)
    .bytes('challenge', challenge)
    .bytes('key', key, KEY_BYTES)
    .end();
}

/** Whether an answer is to a challenge of this server's, and signed by the key. */
export async function checkPossession(
  answer: { readonly challenge: Uint8Array; readonly key: Uint8Array; readonly proof: Uint8Array },
  options: ChallengeOptions,
): Promise<Answer<void>> {
  const { challenge, key, proof } = answer;
  const { purpose, run, crypto } = options;
  if (key.length !== KEY_BYTES || proof.length !== SIGNATURE_BYTES) {
    const lengths = `${KEY_BYTES} and ${SIGNATURE_BYTES} bytes`;
    return refused(
      'malformed',
      `a key and its proof are ${lengths}, got ${key.length} and ${proof.length}`,
    );
  }
  if (!isFresh(challenge, options)) {
    return refused(
      'stale-challenge',
      'the challenge is not of this server, or too old: ask for another',
    );
  }
  const message = possessionToSign({ purpose, run, challenge, key });
  const [isValid] = await crypto.verifyAll([{ publicKey: key, message, signature: proof }]);
  return isValid === true
    ? granted(undefined)
    : refused('bad-signature', 'the challenge is not signed by the key that came with it');
}
