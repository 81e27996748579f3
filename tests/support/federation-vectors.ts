/**
 * Frozen vectors of what clients and servers sign and hash: what `tests/vectors/federation1.json` holds,
 * computed anew. Clients in other languages can be held against the file; this one is, by
 * tests/federation/vectors.test.ts.
 *
 * @module
 */

import { clientIdOf, possessionToSign } from '../../src/federation/identity.ts';
import { merkleRootOf } from '../../src/federation/merkle.ts';
import { rotationToSign } from '../../src/federation/registry.ts';
import { type Statement, statementId, statementToSign } from '../../src/federation/statement.ts';
import { CHAIN_START, type ChainHead, chained } from '../../src/federation/store/chain.ts';
import { nobleCrypto } from '../../src/secagg/crypto/noble.ts';
import { hex } from '../../src/secagg/suite.ts';

/** Bytes from, from + 1, … */
const run = (from: number, length = 32): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => from + i);

/** All vectors, as they stand in the file. */
export async function federationVectors(): Promise<Record<string, unknown>> {
  const crypto = nobleCrypto();
  const { sha256 } = crypto;
  const [secret, nextSecret] = [run(1), run(101)];
  const [key, next] = [await crypto.signingKey(secret), await crypto.signingKey(nextSecret)];
  const client = clientIdOf(key, crypto);
  const update = Uint8Array.from({ length: 1000 }, (_, i) => (i * i) & 255);
  const statement: Statement = {
    run: 'digits-1',
    round: 7,
    model: hex(sha256(run(50))),
    client,
    dtype: 'F16',
    length: update.length,
    chunkSize: 300,
    root: hex(merkleRootOf(update, 300, sha256)),
    samples: 120,
    clipNorm: 1.5,
    expires: 1_800_000_000_000,
  };
  const { clipNorm: _, ...unclipped } = statement;
  const signed = async (message: Uint8Array, by: Uint8Array): Promise<Record<string, string>> => ({
    message: hex(message),
    signature: hex(await crypto.sign(message, by)),
  });
  const possession = {
    purpose: 'registration',
    run: 'digits-1',
    challenge: run(0, 56),
    key,
  } as const;
  const rotation = { client, rotations: 0, previous: key, next };
  return {
    about:
      'The federation, version 1: bytes in hexadecimal digits, updates of 1000 bytes i² mod 256',
    client: { secret: hex(secret), key: hex(key), client },
    possession: await signed(possessionToSign(possession), secret),
    rotation: { next: hex(next), ...(await signed(rotationToSign('digits-1', rotation), secret)) },
    statements: await Promise.all(
      [statement, unclipped, { ...unclipped, steps: 40, loss: 2.25 }].map(async (one) => ({
        statement: one,
        id: statementId(one, crypto),
        ...(await signed(statementToSign(one), secret)),
      })),
    ),
    chain: chainOf(sha256),
  };
}

function chainOf(sha256: ReturnType<typeof nobleCrypto>['sha256']): unknown {
  const events = [
    { type: 'run.created', body: { version: 1, run: 'digits-1' }, time: 1_700_000_000_000 },
    { type: 'round.opened', body: { round: 1, ä: [1.5, null, true] }, time: 1_700_000_000_001 },
  ];
  let head: ChainHead = CHAIN_START;
  return events.map((event) => {
    const link = chained(event, head, { run: 'digits-1', sha256 });
    head = link;
    return {
      seq: link.seq,
      time: link.time,
      type: link.type,
      body: link.text,
      hash: hex(link.hash),
    };
  });
}
