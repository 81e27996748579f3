/**
 * What fails on the server's own side: it ends in a state that has a name, with a reason that clients
 * are told, and its memory holds no half of a step.
 *
 * @module
 */

import { describe, expect, test } from 'vitest';
import { openMessage, parseRefusal } from '../../src/secagg/messages.ts';
import type { Refusal } from '../../src/secagg/reasons.ts';
import type { ServerOptions } from '../../src/secagg/server.ts';
import { hex } from '../../src/secagg/suite.ts';
import { playRound } from '../support/secure-stage.ts';

/** What an `abort` says. */
function reasonIn(message: Uint8Array): Refusal | undefined {
  const { type, body } = openMessage(message)!;
  expect(type).toBe('abort');
  return parseRefusal(body.slice(0, -64));
}

describe('a beacon', () => {
  const reference = new Uint8Array(32).fill(3);
  const bad: readonly (readonly [string, ServerOptions['beacon']])[] = [
    ['throws', () => Promise.reject(new Error('nobody answers'))],
    [
      'throws at once',
      () => {
        throw new Error('no such host');
      },
    ],
    ['gives too few bytes', () => new Uint8Array(31)],
    ['gives too many bytes', () => new Uint8Array(33)],
    ['gives no bytes', () => 'sixteen and sixteen characters..' as never],
    ['is not there', undefined],
  ];

  test.each(bad)(
    'that %s ends the round for everybody, before there is a roster',
    async (_, beacon) => {
      const failures: unknown[] = [];
      const { server, told, identities } = await playRound({
        config: { beacon: reference },
        server: { beacon, onFailure: (error) => failures.push(error) },
      });
      expect(server.phase).toBe('aborted');
      expect(server.refusal).toEqual({ reason: 'server-abort', have: 0, need: 0 });
      expect(failures).toHaveLength(1);
      for (const { publicKey } of identities) {
        const last = told.get(hex(publicKey))!.at(-1)!;
        expect(reasonIn(last)?.reason).toBe('server-abort');
      }
      const state = await server.snapshot();
      expect(state.roster).toEqual([]);
      expect(state.cohorts).toEqual([]);
      expect(state.rootSignature).toEqual(new Uint8Array(64));
    },
  );

  test('is copied: who changes it afterwards changes no graph', async () => {
    const value = new Uint8Array(32).fill(9);
    const { server } = await playRound({
      config: { beacon: reference },
      server: { beacon: () => value },
      until: 'shares',
      clients: { beacon: () => value },
    });
    value.fill(0);
    expect((await server.snapshot()).beacon).toEqual(new Uint8Array(32).fill(9));
  });
});
