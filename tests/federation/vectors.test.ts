/** Frozen vectors of the federation: the code of today gives what the file says, and so do others. */

import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseStatement, type Statement } from '../../src/federation/statement.ts';
import { federationVectors } from '../support/federation-vectors.ts';

interface Signed {
  readonly message: string;
  readonly signature: string;
}

interface Vectors {
  readonly client: { readonly key: string };
  readonly possession: Signed;
  readonly rotation: Signed;
  readonly statements: readonly (Signed & { readonly statement: Statement })[];
}

const file = join(import.meta.dirname, '../vectors/federation1.json');
const frozen = JSON.parse(readFileSync(file, 'utf8')) as Vectors & Record<string, unknown>;
const bytes = (digits: string): Buffer => Buffer.from(digits, 'hex');

test('all vectors are what they were', async () => {
  const now = JSON.parse(JSON.stringify(await federationVectors())) as Record<string, unknown>;
  for (const name of new Set([...Object.keys(now), ...Object.keys(frozen)])) {
    expect(now[name], name).toEqual(frozen[name]);
  }
});

test('OpenSSL verifies all signatures', () => {
  // RFC 8410: a public key of Ed25519 behind its fixed head.
  const der = Buffer.concat([bytes('302a300506032b6570032100'), bytes(frozen.client.key)]);
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
  for (const { message, signature } of [frozen.possession, frozen.rotation, ...frozen.statements]) {
    expect(verify(null, bytes(message), key, bytes(signature))).toBe(true);
  }
});

test('a statement is signed as the description of its format says', () => {
  const field = (content: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(content.length);
    return Buffer.concat([length, content]);
  };
  const integer = (value: number): Buffer => {
    const eight = Buffer.alloc(8);
    eight.writeBigUInt64LE(BigInt(value));
    return field(eight);
  };
  const number = (value: number | undefined): Buffer => {
    const eight = Buffer.alloc(value === undefined ? 0 : 8);
    if (value !== undefined) eight.writeDoubleLE(value);
    return field(eight);
  };
  const text = (value: string): Buffer => field(Buffer.from(value, 'utf8'));
  for (const { statement, message } of frozen.statements) {
    const all = [
      text('aggregis/update/v1'),
      text(statement.run),
      integer(statement.round),
      field(bytes(statement.model)),
      text(statement.client),
      text(statement.dtype),
      integer(statement.length),
      integer(statement.chunkSize),
      field(bytes(statement.root)),
      integer(statement.samples),
      number(statement.clipNorm),
      integer(statement.expires),
      ...('steps' in statement ? [number(statement.steps), number(statement.loss)] : []),
    ];
    expect(Buffer.concat(all).toString('hex')).toBe(message);
    expect(parseStatement(bytes(message))).toEqual(statement);
  }
});
