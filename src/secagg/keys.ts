/**
 * Every key of SAGG1 and what it is derived from: HKDF-SHA256 (RFC 5869) under the context, with a label
 * and all that names the parties.
 *
 * Secrets of a round are *hedged*: fresh randomness and a key that only this identity has go in
 * together. Where the random generator repeats itself or can be guessed, secrets of different rounds and
 * clients still differ, and outsiders cannot compute them.
 *
 * @module
 */

import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from '../core/chacha20.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import type { Entry } from './roster.ts';
import { SecretHolder } from './secrets.ts';
import { joined, KEY_BYTES, type Label, label, u32le } from './suite.ts';

/** What a client makes for one round, and overwrites at its end. */
export interface RoundSecrets {
  /** X25519 secret for masks: what survivors reveal if this client drops out. */
  readonly mask: Uint8Array;
  /** X25519 secret for boxes. */
  readonly box: Uint8Array;
  /** b: the seed of the client's own mask, revealed if it survives. */
  readonly seed: Uint8Array;
}

/** Whom and what a key is of. */
export interface Binding {
  readonly context: Uint8Array;
  readonly root: Uint8Array;
}

/** A client of the roster. */
export interface Member {
  readonly index: number;
  readonly entry: Entry;
}

/** What a client hedges with: its identity's secret, and the context of the round. */
export interface Hedge {
  readonly identitySecret: Uint8Array;
  readonly context: Uint8Array;
  /** Is told of what stays in memory while bytes are drawn. */
  readonly secrets?: SecretHolder;
}

/** Secrets of a round from an identity's secret and fresh randomness. */
export function roundSecrets(
  identitySecret: Uint8Array,
  context: Uint8Array,
  crypto: CryptoProvider,
): RoundSecrets {
  const made = new SecretHolder();
  const derive = (info: Label): Uint8Array =>
    made.hold(hedged(info, { identitySecret, context }, crypto));
  try {
    return { mask: derive('maskSecret'), box: derive('boxSecret'), seed: derive('selfSeed') };
  } catch (error) {
    made.wipeAllBut();
    throw error;
  }
}

/**
 * Bytes for the coefficients that a secret is shared with, hedged as secrets are: coefficients that came
 * again in another round, or could be guessed, would give the secret to whoever has one share.
 */
export function coefficientBytes(
  info: 'maskShares' | 'seedShares',
  hedge: Hedge,
  crypto: CryptoProvider,
): (length: number) => Uint8Array {
  const key = hedged(info, hedge, crypto);
  const state = chacha20State(key, [0, 0, 0]);
  const block = new Uint32Array(BLOCK_WORDS);
  key.fill(0);
  hedge.secrets?.holdAll([state, block]);
  let next = BLOCK_WORDS;
  const byte = (): number => {
    if (next === BLOCK_WORDS) {
      chacha20Block(state, block);
      state[COUNTER]!++;
      next = 0;
    }
    return block[next++]! & 0xff;
  };
  return (length) => Uint8Array.from({ length }, byte);
}

/** 32 bytes from fresh randomness and a key that only this identity has. */
function hedged(
  info: Label,
  { identitySecret, context }: Hedge,
  crypto: CryptoProvider,
): Uint8Array {
  const made = new SecretHolder();
  try {
    const hedge = made.hold(
      crypto.hkdf(identitySecret, { salt: new Uint8Array(0), info: label('hedge') }),
    );
    const random = made.hold(crypto.randomBytes(KEY_BYTES));
    const fresh = made.hold(joined(random, hedge));
    return crypto.hkdf(fresh, { salt: context, info: label(info) });
  } finally {
    made.wipeAllBut();
  }
}

/** com_b: holds a client to the seed that it shared. */
export function commitmentTo(
  seed: Uint8Array,
  { context, index }: { context: Uint8Array; index: number },
  crypto: CryptoProvider,
): Uint8Array {
  return crypto.sha256(label('commitment'), context, u32le(index), seed);
}

/** K_u: the key of a client's own mask. */
export function selfMaskKey(
  seed: Uint8Array,
  member: Member,
  { binding, crypto }: { binding: Binding; crypto: CryptoProvider },
): Uint8Array {
  const info = joined(label('selfMask'), binding.root, u32le(member.index), member.entry.identity);
  return crypto.hkdf(seed, { salt: binding.context, info });
}

/** K_uv: the key of the mask that two clients share, the same from both sides. */
export function pairMaskKey(
  agreed: Uint8Array,
  [a, b]: readonly [Member, Member],
  { binding, crypto }: { binding: Binding; crypto: CryptoProvider },
): Uint8Array {
  const [low, high] = a.index < b.index ? [a, b] : [b, a];
  const info = joined(
    label('pairMask'),
    binding.root,
    u32le(low.index),
    u32le(high.index),
    low.entry.identity,
    high.entry.identity,
    low.entry.maskKey,
    high.entry.maskKey,
  );
  return crypto.hkdf(agreed, { salt: binding.context, info });
}

/** s(u, v): which way client u adds the mask that it shares with client v. */
export function signOf(u: number, v: number): 1 | -1 {
  return u < v ? 1 : -1;
}

/** The key of the box that `from` sends `to`. */
export function boxKey(
  agreed: Uint8Array,
  [from, to]: readonly [Member, Member],
  { binding, crypto }: { binding: Binding; crypto: CryptoProvider },
): Uint8Array {
  const info = joined(
    label('box'),
    binding.root,
    u32le(from.index),
    u32le(to.index),
    from.entry.identity,
    to.entry.identity,
    from.entry.boxKey,
    to.entry.boxKey,
  );
  return crypto.hkdf(agreed, { salt: binding.context, info });
}

/** What a box is bound to besides its key: the x-coordinate of its shares is among it. */
export function boxAssociated(
  { context, root }: Binding,
  [from, to]: readonly [Member, Member],
  x: number,
): Uint8Array {
  return joined(context, root, u32le(from.index), u32le(to.index), u32le(x));
}

/** Constants of slots 1 and 2: what a sum of survivors must show. */
export function canaryOf(context: Uint8Array, crypto: CryptoProvider): readonly [number, number] {
  const digest = crypto.sha256(label('canary'), context);
  const view = new DataView(digest.buffer, digest.byteOffset);
  return [view.getUint32(0, true), view.getUint32(4, true)];
}
