/**
 * Sessions: short-lived words that stand for a client. They save signatures and authorise nothing: what
 * counts is the signature on an update.
 *
 * They live in memory alone, by the hash of their token, and end with the process and with their key.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto';

/** A session. */
export interface Session {
  readonly client: string;
  /** The key that it was begun with, in hex. */
  readonly key: string;
  readonly expires: number;
}

/** How long a session lasts, in milliseconds. */
export const SESSION_MS: number = 15 * 60_000;
/** How long a proof that was used is remembered: as long as its challenge holds. */
const PROOF_MS = 61_000;
/** Sessions of one client at once; the oldest ends. */
const MOST_EACH = 8;

/** All sessions of a server. */
export class Sessions {
  readonly #byHash = new Map<string, Session>();
  readonly #byClient = new Map<string, string[]>();
  /** Proofs that were used, and until when they are remembered; oldest first. */
  readonly #proofs = new Map<string, number>();

  /** Begins a session; its token is said once. */
  begin(
    { client, key }: Pick<Session, 'client' | 'key'>,
    now: number,
  ): { readonly token: string; readonly expires: number } {
    const token = randomBytes(32).toString('base64url');
    const hash = hashOf(token);
    const expires = now + SESSION_MS;
    this.#byHash.set(hash, { client, key, expires });
    const own = [...(this.#byClient.get(client) ?? []), hash];
    while (own.length > MOST_EACH) this.#byHash.delete(own.shift()!);
    this.#byClient.set(client, own);
    return { token, expires };
  }

  /** The session of a token: `expired` if there was one. */
  find(token: string, now: number): Session | 'expired' | undefined {
    const session = this.#byHash.get(hashOf(token));
    if (session === undefined) return undefined;
    return session.expires <= now ? 'expired' : session;
  }

  /** Ends all sessions of a client, or those of other keys. */
  end(client: string, exceptKey?: string): void {
    const own = this.#byClient.get(client) ?? [];
    const kept = own.filter((hash) => this.#byHash.get(hash)?.key === exceptKey);
    for (const hash of own) if (!kept.includes(hash)) this.#byHash.delete(hash);
    this.#byClient.set(client, kept);
  }

  /** Whether a proof comes for the first time. */
  isFirstUse(proof: string, now: number): boolean {
    for (const [old, until] of this.#proofs) {
      if (until > now) break;
      this.#proofs.delete(old);
    }
    if (this.#proofs.has(proof)) return false;
    this.#proofs.set(proof, now + PROOF_MS);
    return true;
  }

  /** How many there are, once those that are over are gone. */
  sweep(now: number): number {
    for (const [hash, { client, expires }] of this.#byHash) {
      if (expires + SESSION_MS > now) continue;
      this.#byHash.delete(hash);
      const kept = (this.#byClient.get(client) ?? []).filter((one) => one !== hash);
      if (kept.length > 0) this.#byClient.set(client, kept);
      else this.#byClient.delete(client);
    }
    return this.#byHash.size;
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
