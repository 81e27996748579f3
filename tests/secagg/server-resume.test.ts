/**
 * A server that is killed at any step and goes on from what it had written: every client gets what it is
 * to answer, nobody is told two different things, and the sum is the same.
 *
 * @module
 */

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SecureError } from '../../src/core/errors.ts';
import { openMessage } from '../../src/secagg/messages.ts';
import type { ServerState } from '../../src/secagg/server/state.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { hex, SLOTS } from '../../src/secagg/suite.ts';
import { sumOf } from '../support/secure-round.ts';
import { type Played, playRound, STAGE, stage } from '../support/secure-stage.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6];

/** That a round gave the sum of these, and told every client one thing of each kind at most. */
function expectSound({ server, identities, told }: Played, inputs: readonly number[]): void {
  expect(server.phase).toBe('done');
  const [sum] = server.outcome!.sums;
  const names = inputs.map((i) => hex(identities[i]!.publicKey));
  expect(new Set(sum!.inputs)).toEqual(new Set(names));
  expect(sum!.words.subarray(SLOTS)).toEqual(sumOf(inputs, STAGE.dimensions));
  for (const messages of told.values()) {
    const different = new Map(messages.map((message) => [hex(message), message]));
    const types = [...different.values()].map((message) => openMessage(message)!.type);
    expect(types.toSorted()).toEqual([...new Set(types)].toSorted());
  }
}

/** Loses what these clients say in that phase. */
function losing(type: string, clients: readonly number[]) {
  return (message: Uint8Array, from: number): Uint8Array[] =>
    openMessage(message)!.type === type && clients.includes(from) ? [] : [message];
}

describe('a server that is killed', () => {
  test.each([
    ['nobody drops out', 'none', []],
    ['two drop out after sharing', 'masked', [1, 4]],
  ] as const)('after every step goes on as if it had not been, where %s', async (_, type, lost) => {
    const { options } = await stage();
    const inputs = ALL.filter((i) => type !== 'masked' || !(lost as readonly number[]).includes(i));
    const said = losing(type, lost);
    const clean = await playRound({ said });
    expectSound(clean, inputs);
    let steps = 0;
    const killed = await playRound({
      said,
      onStep: async (server) => {
        steps++;
        // As it is written to a disk and read again.
        return SecureServer.resume(options, structuredClone(await server.snapshot()));
      },
    });
    expect(steps).toBeGreaterThan(5 * 5);
    expectSound(killed, inputs);
    expect(killed.told).toEqual(clean.told);
  });

  test('at any one step, with all that it had just said lost, sends it again', async () => {
    const few = { config: { maxClients: 5, minStart: 4, minSum: 3 } };
    const { options } = await stage(few);
    let count = 0;
    const counting = async (server: SecureServer): Promise<SecureServer> => {
      count++;
      return server;
    };
    await playRound({ ...few, onStep: counting });
    expect(count).toBeGreaterThanOrEqual(5 * 5);
    for (let fatal = 0; fatal < count; fatal++) {
      let step = 0;
      const round = await playRound({
        ...few,
        onStep: async (server, output) => {
          if (step++ !== fatal) return server;
          const back = SecureServer.resume(options, await server.snapshot());
          (output as { send: unknown }).send = await back.due();
          return back;
        },
      });
      expectSound(round, [0, 1, 2, 3, 4]);
    }
  });
});

describe('what is due', () => {
  test('is the same before and after a crash, in every phase', async () => {
    const { options } = await stage();
    for (const state of await states()) {
      const server = SecureServer.resume(options, state);
      const due = await server.due();
      expect(await SecureServer.resume(options, await server.snapshot()).due()).toEqual(due);
      expect(due.length).toBe(state.phase === 'keys' ? 0 : 7);
    }
  });

  test('is nothing for who has answered, and the end for everybody who was in the round', async () => {
    const { options } = await stage();
    const { server } = await playRound({
      said: losing('masked', [2, 3, 4, 5, 6]),
      until: 'consents',
    });
    expect(server.phase).toBe('aborted');
    expect((await server.due()).length).toBe(7);
    let sent = 0;
    const half = await playRound({
      said: (message) => (openMessage(message)!.type === 'masked' && sent++ >= 3 ? [] : [message]),
      onStep: async (one) => {
        if (one.phase === 'masked' && sent === 3) halves.push(await one.snapshot());
        return one;
      },
    });
    expect(half.server.phase).toBe('aborted');
    const due = await SecureServer.resume(options, halves.at(-1)!).due();
    expect(due.map(({ message }) => openMessage(message)!.type)).toEqual(Array(4).fill('boxes'));
  });
  const halves: ServerState[] = [];
});

describe('a message that comes again', () => {
  test('because its answer was lost is answered again, and changes nothing', async () => {
    const { options, identities, told, saids } = await playRound();
    const [name, said, heard] = [
      hex(identities[2]!.publicKey),
      saids[2]!,
      told.get(hex(identities[2]!.publicKey))!,
    ];
    // config, roster, boxes, view, consents, result, to the last five of which what it said had led.
    expect(said).toHaveLength(5);
    for (const [i, state] of (await states()).entries()) {
      for (const [nth, message] of said.entries()) {
        const server = SecureServer.resume(options, state);
        if (nth >= i) continue;
        const before = await server.snapshot();
        const { send, refused } = await server.handle(message, 0);
        expect(refused).toBeUndefined();
        expect(send).toEqual([{ to: name, message: heard[i] }]);
        expect(isDeepStrictEqual(await server.snapshot(), before)).toBe(true);
      }
    }
  });

  test.each(['advertise', 'shares', 'masked', 'consent', 'unmask'])(
    '(%s) leads to one more message in each phase at most: nothing goes in circles',
    async (type) => {
      let sent = 0;
      await playRound({
        said: (message) => (openMessage(message)!.type === type ? [message, message] : [message]),
        onStep: async (server, { send }) => {
          sent += send.length;
          return server;
        },
      });
      // Roster, boxes, view, consents and result for each; the last of them is told twice from there on.
      expect(sent).toBeGreaterThan(7 * 5);
      expect(sent).toBeLessThanOrEqual(7 * 5 + 5);
    },
  );

  test('once the round is given up gets its end', async () => {
    const { server, identities, saids } = await playRound({ said: losing('shares', [0, 1, 2, 3]) });
    expect(server.phase).toBe('aborted');
    const { send } = await server.handle(saids[1]![0]!, server.until);
    expect(send.map(({ to, message }) => [to, openMessage(message)!.type])).toEqual([
      [hex(identities[1]!.publicKey), 'abort'],
    ]);
    const early = await playRound({ said: losing('advertise', [0, 1, 2, 3]) });
    const again = await early.server.handle(early.saids[5]![0]!, early.server.until);
    expect(again.send.map(({ to }) => to)).toEqual([hex(identities[5]!.publicKey)]);
  });
});

describe('resume', () => {
  test('refuses the snapshot of another round, whatever phase it is of', async () => {
    const { options } = await stage();
    const other = { ...options, config: { ...options.config, round: 2 } };
    for (const state of await states()) {
      expect(() => SecureServer.resume(other, state)).toThrow(SecureError);
      expect(() => SecureServer.resume(other, state)).toThrow(/another round/);
    }
  });

  test('draws no graph where the round is over, and still knows how it ended', async () => {
    const { options } = await stage();
    const done = (await states()).at(-1)!;
    let hashes = 0;
    const counting = {
      ...options.crypto,
      sha256: (...parts: readonly Uint8Array[]) => {
        hashes++;
        return options.crypto.sha256(...parts);
      },
    };
    const server = SecureServer.resume({ ...options, crypto: counting }, done);
    // The context's.
    expect(hashes).toBe(1);
    expect(server.phase).toBe('done');
    expect(server.outcome!.sums).toEqual(done.outcome!.sums);
    expect(await server.tick(server.until + 1)).toEqual({ send: [] });
    expect((await server.due()).length).toBe(7);
    const { server: lost } = await playRound({ said: losing('shares', [0, 1, 2, 3]) });
    const back = SecureServer.resume({ ...options, crypto: counting }, await lost.snapshot());
    expect(back.refusal).toEqual(lost.refusal);
    expect(await back.due()).toEqual(await lost.due());
  });

  test('leaves the snapshot as it is', async () => {
    const { options } = await stage();
    const state = (await states())[2]!;
    const before = structuredClone(state);
    await SecureServer.resume(options, state).abort();
    expect(state).toEqual(before);
  });
});

/** What the server knows at the beginning of each phase of a round without faults. */
async function states(): Promise<ServerState[]> {
  const { options } = await stage();
  const kept = [await SecureServer.start(options, 0).snapshot()];
  await playRound({
    onStep: async (server) => {
      if (server.phase !== kept.at(-1)!.phase) kept.push(await server.snapshot());
      return server;
    },
  });
  expect(kept.map(({ phase }) => phase)).toEqual([
    'keys',
    'shares',
    'masked',
    'consents',
    'unmask',
    'done',
  ]);
  return kept;
}
