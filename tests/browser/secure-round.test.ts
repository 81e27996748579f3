/**
 * A page takes part in a secure round: its masks and its packing on WebGPU, the server and all others in Node, and
 * nothing but bytes between them.
 *
 * @module
 */

import { describe, expect, onTestFinished, test } from 'vitest';
import { commands } from 'vitest/browser';
import { createBackend } from '../../src/browser.ts';
import { type ClientPhase, type InputTerms, SecureClient } from '../../src/secagg/client.ts';
import { type Codec, hostCodec } from '../../src/secagg/codec.ts';
import { encodingOf } from '../../src/secagg/config.ts';
import { createCrypto } from '../../src/secagg/crypto/create.ts';
import { withSlots } from '../../src/secagg/encode.ts';
import { allowList } from '../../src/secagg/enrolment.ts';
import { indexedDbJournal } from '../../src/secagg/idb-journal.ts';
import { type Journal, memoryJournal } from '../../src/secagg/journal.ts';
import {
  type MaskBackend,
  type MaskFault,
  type Masks,
  referenceMasks,
} from '../../src/secagg/masks.ts';
import { SLOTS } from '../../src/secagg/suite.ts';
import {
  addMasks,
  backendCodec,
  backendMasks,
  type CodecBackend,
} from '../../src/secure-backend.ts';
import { fromBase64, toBase64 } from '../support/base64.ts';
import type { HostedRound, HostReport } from '../support/secure-host.ts';
import type { SecureHost } from '../support/secure-host-commands.ts';
import { entriesOf, sumOf } from '../support/secure-inputs.ts';

declare module 'vitest/browser' {
  interface BrowserCommands extends SecureHost {}
}

const D = 100_000;

/** A backend, and how often it was asked for masks. */
function counted(backend: MaskBackend): { backend: MaskBackend; calls: () => number } {
  let calls = 0;
  return {
    backend: {
      info: backend.info,
      words: (rows) => backend.words(rows),
      addMasks: (words, masks) => {
        calls++;
        return addMasks(words, masks);
      },
      readWords: (words, into) => backend.readWords(words, into),
      release: (words) => backend.release(words),
    },
    calls: () => calls,
  };
}

/** A round that a page may take part in. */
interface Entered {
  readonly room: number;
  /** The page's client, or one that takes its place after a crash. */
  readonly newClient: () => SecureClient;
}

/** How the page takes part. */
interface Part {
  readonly masks: (randomBytes: (length: number) => Uint8Array) => Masks;
  readonly codec?: (randomBytes: (length: number) => Uint8Array) => Codec;
  readonly journal?: () => Journal;
}

/** Has the page enrolled and a round begun. */
async function enter(
  { masks, codec = hostCodec, journal = memoryJournal }: Part,
  round: Omit<HostedRound, 'identity'>,
): Promise<Entered> {
  const crypto = await createCrypto({ threads: 0 });
  const secret = crypto.randomBytes(32);
  const identity = { secret, publicKey: await crypto.signingKey(secret) };
  const known = await commands.openSecureRound({
    ...round,
    identity: toBase64(identity.publicKey),
  });
  const policy = {
    serverKey: fromBase64(known.serverKey),
    federation: fromBase64(known.federation),
    model: fromBase64(known.model),
    dimensions: round.dimensions,
    enrolment: allowList(known.identities.map(fromBase64)),
    minSum: 3,
  };
  const input = ({ config, canary }: InputTerms): Uint32Array =>
    withSlots(encodingOf(config), {
      entries: entriesOf(0, round.dimensions),
      weight: 2 ** encodingOf(config).weightBits,
      ctxConstants: canary,
    });
  return {
    room: known.room,
    newClient: () =>
      new SecureClient({
        identity,
        crypto,
        masks: masks(crypto.randomBytes),
        codec: codec(crypto.randomBytes),
        journal: journal(),
        policy,
        input,
      }),
  };
}

/**
 * Carries messages to and fro until there are none, or the client has come to a phase; gives what it got.
 */
async function play(
  room: number,
  client: SecureClient,
  until?: ClientPhase,
): Promise<readonly string[]> {
  const received: string[] = [];
  let replies: string[] = [];
  for (;;) {
    const mail = await commands.exchangeSecureMessages(room, replies);
    if (mail.length === 0) return received;
    replies = [];
    for (const message of mail) {
      received.push(message);
      const { reply } = await client.handle(fromBase64(message), performance.now());
      if (reply !== undefined) replies.push(toBase64(reply));
    }
    if (client.phase === until) {
      await commands.exchangeSecureMessages(room, replies);
      return received;
    }
  }
}

/** Takes part in a round from the invitation to its end. */
async function takePart(
  part: Part,
  round: Omit<HostedRound, 'identity'>,
): Promise<{ client: SecureClient; report: HostReport }> {
  const { room, newClient } = await enter(part, round);
  const client = newClient();
  await play(room, client);
  return { client, report: await commands.reportSecureRound(room) };
}

/** That a sum is that of plain integers. */
function expectExact({ words, inputs }: HostReport['sums'][number], bits: number): void {
  const sum = new Uint32Array(fromBase64(words).buffer);
  const low = -1 >>> (32 - bits);
  expect(sum[0]).toBe(inputs.length);
  expect(sum.subarray(SLOTS)).toEqual(sumOf(inputs, D).map((word) => word & low));
}

describe('a page in a secure round', () => {
  // After the first loss there are 11 with k = 10, c = 1 and t = 6; then 10 share, 9 send an input,
  // 8 consent and 7 reveal.
  const lost = { advertise: [3], shares: [1], masked: [11], consent: [5], unmask: [7] };

  test('masks on WebGPU, and the sum is exact though somebody is lost at every step', async () => {
    const faults: MaskFault[] = [];
    const fallback: Masks = { add: () => Promise.reject(new Error('nothing falls back here')) };
    await using webgpu = await createBackend('webgpu');
    expect(webgpu.info.name).toBe('webgpu');
    const { backend, calls } = counted(webgpu);
    let packed = 0;
    const packing: CodecBackend = {
      info: webgpu.info,
      matrix: webgpu.matrix,
      words: webgpu.words,
      read: (x) => webgpu.read(x),
      readWords: (x) => webgpu.readWords(x),
      readCoded: (x, coding, into) => {
        packed++;
        return webgpu.readCoded(x, coding, into);
      },
      release: (x) => webgpu.release(x),
    };
    const { client, report } = await takePart(
      {
        masks: (randomBytes) =>
          backendMasks(backend, { randomBytes, fallback, onFault: (fault) => faults.push(fault) }),
        codec: (randomBytes) => {
          const onFault = (message: string): never => {
            throw new Error(message);
          };
          return backendCodec(packing, { randomBytes, onFault });
        },
      },
      { clients: 12, dimensions: D, config: { ringBits: 22 }, lost },
    );
    expect(report.refusal).toBeUndefined();
    expect(report.phase).toBe('done');
    expect(report.sums.map(({ inputs }) => inputs)).toEqual([[0, 2, 4, 5, 6, 7, 8, 9, 10]]);
    expectExact(report.sums[0]!, 22);
    expect(client.phase).toBe('done');
    expect(client.result?.inputs).toBe(9);
    expect(calls()).toBe(1);
    expect(packed).toBe(1);
    expect(faults).toEqual([]);
  });

  test('falls back where its GPU flips bits, and the sum is exact all the same', async () => {
    const faults: MaskFault[] = [];
    await using webgpu = await createBackend('webgpu');
    const flipped: MaskBackend = {
      ...counted(webgpu).backend,
      async readWords(words, into) {
        const read = await webgpu.readWords(words, into);
        // One bit of each block: whichever is looked at is wrong.
        for (let j = 5; j < read.length; j += 16) read[j]! ^= 1 << 9;
        return read;
      },
    };
    let repeated = 0;
    const reference = referenceMasks();
    const fallback: Masks = {
      add: (...all) => {
        repeated++;
        return reference.add(...all);
      },
    };
    const { client, report } = await takePart(
      {
        masks: (randomBytes) =>
          backendMasks(flipped, { randomBytes, fallback, onFault: (fault) => faults.push(fault) }),
      },
      { clients: 5, dimensions: D },
    );
    expect(faults.map(({ kind }) => kind)).toEqual(['wrong']);
    expect(repeated).toBe(1);
    expect(client.phase).toBe('done');
    expect(report.sums.map(({ inputs }) => inputs)).toEqual([[0, 1, 2, 3, 4]]);
    expectExact(report.sums[0]!, 32);
  });

  test('knows after a crash what it has signed, and enters no round twice', async () => {
    const name = 'journal of a crash';
    onTestFinished(() => void indexedDB.deleteDatabase(name));
    const journal = (): Journal => indexedDbJournal(name);
    const part = { masks: () => referenceMasks(), journal };
    const { room, newClient } = await enter(part, { clients: 6, dimensions: D });
    const [invitation] = await play(room, newClient(), 'signed');
    const last = await journal().read();
    expect(last).toMatchObject({ round: 1, view: expect.any(Uint8Array), revealed: false });

    const next = newClient();
    expect(await next.handle(fromBase64(invitation!), 0)).toEqual({
      declined: 'round 1, where 1 was the last',
    });
    expect(next.phase).toBe('idle');
    expect(await journal().read()).toEqual(last);
    // The others reveal enough: what the page had sent is in the sum.
    await commands.exchangeSecureMessages(room, []);
    const { sums } = await commands.reportSecureRound(room);
    expect(sums.map(({ inputs }) => inputs)).toEqual([[0, 1, 2, 3, 4, 5]]);
    expectExact(sums[0]!, 32);
  });
});
