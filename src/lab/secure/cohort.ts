/**
 * The parties of a simulated secure aggregation: a server and clients with their identities, all from a
 * seed.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import type { Identity } from '../../secagg/client.ts';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import { allowList, type Enrolment } from '../../secagg/enrolment.ts';
import { compareBytes, hex, KEY_BYTES } from '../../secagg/suite.ts';
import { bytesFrom, streamNamed } from './streams.ts';

/** A server and its clients. */
export interface SecureCohort {
  readonly server: Identity;
  /** By public key: where all of them advertise, a client's number is its index in the roster. */
  readonly clients: readonly Identity[];
  /** Whether a public key is that of a client here. */
  readonly enrolment: Enrolment;
  /** The number of a client by its public key in hexadecimal digits. */
  readonly numberOf: ReadonlyMap<string, number>;
}

/** Draws `n` clients and a server. One public key for each: milliseconds in plain code. */
export async function cohortOf(
  n: number,
  { seed, crypto }: { readonly seed: number; readonly crypto: CryptoProvider },
): Promise<SecureCohort> {
  assertInteger('n', n, 1);
  const identity = async (...name: (string | number)[]): Promise<Identity> => {
    const secret = bytesFrom(streamNamed({ seed, crypto }, 'identity', ...name), KEY_BYTES);
    return { secret, publicKey: await crypto.signingKey(secret) };
  };
  const clients = await Promise.all(Array.from({ length: n }, (_, i) => identity('client', i)));
  clients.sort((a, b) => compareBytes(a.publicKey, b.publicKey));
  return {
    server: await identity('server'),
    clients,
    enrolment: allowList(clients.map(({ publicKey }) => publicKey)),
    numberOf: new Map(clients.map(({ publicKey }, number) => [hex(publicKey), number])),
  };
}
