/**
 * Suite 0x0001 of SAGG1: labels, sizes, and how bytes are joined.
 *
 * SAGG1 is a single-server secure aggregation with dropouts and a server that may lie, after
 *
 * - Bonawitz and others. "Practical secure aggregation for privacy-preserving machine learning", CCS 2017.
 * - Bell, Bonawitz, Gascón, Lepoint, Raykova. "Secure single-server aggregation with (poly)logarithmic
 *   overhead", CCS 2020.
 *
 * Everything that is hashed, signed or derived begins with a label of its own, so that bytes made for
 * one purpose never serve another. Integers are little-endian and of fixed width.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';

/** Ed25519, X25519, HKDF-SHA256, XChaCha20-Poly1305, ChaCha20, Shamir over GF(2¹⁶). */
export const SUITE = 0x0001;

/** Bytes of keys, hashes, seeds and shares alike. */
export const KEY_BYTES = 32;
/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;
/** Bytes of XChaCha20's nonce and of Poly1305's tag. */
export const BOX_NONCE_BYTES = 24;
export const BOX_TAG_BYTES = 16;

/** Entries before those of the update: count, two constants of the context, weight. */
export const SLOTS = 4;

/** What is made under each label; no other text is hashed first. */
export const LABELS = {
  context: 'SAGG1 ctx',
  signature: 'SAGG1 sig',
  root: 'SAGG1 root',
  leaf: 'SAGG1 leaf',
  branch: 'SAGG1 node',
  graph: 'SAGG1 graph',
  view: 'SAGG1 view',
  neighbours: 'SAGG1 neighbours',
  unmask: 'SAGG1 unmask',
  hedge: 'SAGG1 hedge',
  maskSecret: 'SAGG1 mask secret',
  boxSecret: 'SAGG1 box secret',
  selfSeed: 'SAGG1 self seed',
  maskShares: 'SAGG1 mask shares',
  seedShares: 'SAGG1 seed shares',
  commitment: 'SAGG1 b',
  box: 'SAGG1 box',
  selfMask: 'SAGG1 self',
  pairMask: 'SAGG1 mask',
  canary: 'SAGG1 canary',
  certificate: 'SAGG1 certificate',
} as const;

/** One of {@link LABELS}. */
export type Label = keyof typeof LABELS;

const ascii = new TextEncoder();

/** The bytes of a label. */
export function label(name: Label): Uint8Array {
  return ascii.encode(LABELS[name]);
}

/** The parts, one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** An integer in [0, 2³²), in four bytes. */
export function u32le(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/**
 * An integer in [0, 2⁵³), in eight bytes.
 *
 * @throws {TypeError | RangeError} if it is none.
 */
export function u64le(value: number): Uint8Array {
  assertInteger('value', value, 0);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** Whether two arrays of bytes that anyone may know are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Whether all bytes are 0, in the same time for all of that length. */
export function isZero(bytes: Uint8Array): boolean {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
}

/** Below, equal or above 0 as `a` stands before, at or behind `b`, byte by byte. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += DIGITS[byte]!;
  return digits;
}
