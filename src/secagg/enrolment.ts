/**
 * Whose identity counts. Enrolment is decided outside of the protocol: whoever enrols clients can enrol
 * inventions, and if that is the server, no protocol of this kind protects anybody.
 *
 * @module
 */

import { SecureError } from '../core/errors.ts';
import { FEDERATION_BYTES } from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { hex, joined, KEY_BYTES, label, SIGNATURE_BYTES, u64le } from './suite.ts';

/** Whether an Ed25519 public key belongs to a client. */
export type Enrolment = (identity: Uint8Array) => boolean | Promise<boolean>;

/** Those on a list that everybody got by another way than from the server. */
export function allowList(identities: readonly Uint8Array[]): Enrolment {
  const known = new Set(identities.map((identity) => hex(checked(identity))));
  return (identity) => known.has(hex(identity));
}

/** What a federation says of a client, in its own signature. */
export interface Certificate {
  readonly identity: Uint8Array;
  /** 16 bytes. */
  readonly federation: Uint8Array;
  /** Seconds since 1970: from, and not after. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Different for each certificate of a federation. */
  readonly serial: number;
  /** Ed25519. 64 bytes */
  readonly signature: Uint8Array;
}

/** What a certificate's signature is over. */
export function certificateToSign(certificate: Omit<Certificate, 'signature'>): Uint8Array {
  const { identity, federation, notBefore, notAfter, serial } = certificate;
  return joined(
    label('certificate'),
    identity,
    federation,
    u64le(notBefore),
    u64le(notAfter),
    u64le(serial),
  );
}

/** By whom, for what and when certificates are believed. */
export interface CertificateOptions {
  /** Ed25519 public key of the federation, which the server does not hold. */
  readonly authority: Uint8Array;
  readonly federation: Uint8Array;
  readonly certificates: readonly Certificate[];
  /** Serials that are withdrawn. */
  readonly revoked?: readonly number[];
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly crypto: CryptoProvider;
}

/** Those for whom a federation has signed a certificate that is valid now. Signatures are checked once. */
export async function certified(options: CertificateOptions): Promise<Enrolment> {
  const { authority, federation, certificates, revoked = [], now, crypto } = options;
  const own = certificates.filter(
    (certificate) =>
      certificate.identity.length === KEY_BYTES &&
      certificate.signature.length === SIGNATURE_BYTES &&
      // Others would be signed like a number that is 2⁶⁴ away.
      [certificate.notBefore, certificate.notAfter, certificate.serial].every(isCount) &&
      certificate.federation.length === FEDERATION_BYTES &&
      hex(certificate.federation) === hex(federation) &&
      !revoked.includes(certificate.serial),
  );
  const valid = await crypto.verifyAll(
    own.map((certificate) => ({
      publicKey: authority,
      message: certificateToSign(certificate),
      signature: certificate.signature,
    })),
  );
  const byIdentity = new Map<string, Certificate[]>();
  for (const certificate of own.filter((_, i) => valid[i])) {
    const name = hex(certificate.identity);
    byIdentity.set(name, [...(byIdentity.get(name) ?? []), certificate]);
  }
  return (identity) => {
    const at = now();
    const theirs = byIdentity.get(hex(identity)) ?? [];
    return theirs.some(({ notBefore, notAfter }) => notBefore <= at && at <= notAfter);
  };
}

/**
 * Anybody. A server that invents clients can then read each input of a real one: `warn` is called with
 * that at once, and the warning cannot be left out.
 */
export function anybody(warn: (message: string) => void): Enrolment {
  warn(
    'secure aggregation without enrolment: a server can invent all other clients and read your update',
  );
  return () => true;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function checked(identity: Uint8Array): Uint8Array {
  if (identity.length === KEY_BYTES) return identity;
  throw new SecureError('malformed', `an identity is ${KEY_BYTES} bytes, got ${identity.length}`);
}
