/**
 * Frozen vectors: the code of today gives what the file says, and bad messages get their reason.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openMessage } from '../../src/secagg/messages.ts';
import { runRound } from '../support/secure-round.ts';
import { type BadMessage, secureVectors, TRANSCRIPT } from '../support/secure-vectors.ts';

interface Vectors {
  readonly transcript: readonly { from: number; to: number; message: string }[];
  readonly bad: readonly BadMessage[];
  readonly masks: { readonly words: readonly number[] };
}

const file = join(import.meta.dirname, '../vectors/sagg1.json');
const frozen = JSON.parse(readFileSync(file, 'utf8')) as Vectors & Record<string, unknown>;

const bytesOf = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, 'hex'));

test('all vectors are what they were', async () => {
  const now = JSON.parse(JSON.stringify(await secureVectors())) as Record<string, unknown>;
  for (const name of new Set([...Object.keys(now), ...Object.keys(frozen)])) {
    expect(now[name], name).toEqual(frozen[name]);
  }
});

test('masks begin as RFC 8439 has the stream of key 00 … 1f and nonce 0', () => {
  const words = [0x7d2bfd39, 0x6a19c5d9, 0x7703bd8d, 0x494adcb8];
  expect(frozen.masks.words.slice(0, 4)).toEqual(words);
  const block1 = [0x3142b818, 0xd1a6e6ad, 0x615c6113, 0x274e43af];
  expect(frozen.masks.words.slice(16, 20)).toEqual(block1);
});

describe('a bad message in the place of a good one', () => {
  test.each(frozen.bad.map((bad) => [bad.what, bad] as const))('%s', async (_, bad) => {
    const { step, message, reason } = bad;
    const { from } = frozen.transcript[step]!;
    const { server, clients, transcript } = await runRound({
      ...TRANSCRIPT,
      replace: { step, message: bytesOf(message) },
    });
    if (from === -1) {
      const { to } = frozen.transcript[step]!;
      expect(clients[to]!.refusal?.reason).toBe(reason);
    } else {
      const [refused] = transcript.filter((sent) => sent.refused !== undefined);
      expect(refused?.refused).toBe(reason);
    }
    // One is one fewer, and never a wrong sum.
    for (const sum of server.outcome?.sums ?? []) expect(sum.words[0]).toBe(sum.inputs.length);
    expect(openMessage(bytesOf(frozen.transcript[step]!.message))).toBeDefined();
  });
});
