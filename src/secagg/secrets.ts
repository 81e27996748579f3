/**
 * Secrets and when they are overwritten: what a step of a client makes, it names, and what the client does
 * not keep in the end is overwritten, however the step ended.
 *
 * @module
 */

/** Memory that holds a secret. */
export type SecretBytes = Uint8Array | Uint32Array;

/** Secrets that somebody has made and nobody keeps yet. */
export class SecretHolder {
  readonly #held = new Set<SecretBytes>();

  /** Names a secret, and gives it back. */
  hold<Secret extends SecretBytes>(secret: Secret): Secret {
    this.#held.add(secret);
    return secret;
  }

  /** Names many, of which some may be none. */
  holdAll<Secret extends SecretBytes | undefined>(secrets: readonly Secret[]): readonly Secret[] {
    for (const secret of secrets) if (secret !== undefined) this.#held.add(secret);
    return secrets;
  }

  /** Overwrites all but those that are kept, and forgets them. */
  wipeAllBut(kept: Iterable<SecretBytes> = []): void {
    const spared = new Set(kept);
    for (const secret of this.#held) if (!spared.has(secret)) secret.fill(0);
    this.#held.clear();
  }
}

/** Overwrites secrets. */
export function wipe(...secrets: readonly SecretBytes[]): void {
  for (const secret of secrets) secret.fill(0);
}
