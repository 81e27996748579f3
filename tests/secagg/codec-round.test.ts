import { expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { hostCodec } from '../../src/secagg/codec.ts';
import { encodingOf } from '../../src/secagg/config.ts';
import { meansBy, meansOf } from '../../src/secagg/means.ts';
import { backendCodec, type CodecBackend } from '../../src/secure-codec.ts';
import { roundConfig, runRound, seededBytes, seededCrypto } from '../support/secure-round.ts';
import { wordsOf } from '../support/words.ts';

const D = 1501;

/** A round of floats, of which two clients are lost, by a codec. */
async function ranBy(codec = hostCodec()) {
  const config = roundConfig({ clients: 6, dimensions: D, ringBits: 27 });
  const crypto = seededCrypto(5);
  const { server, transcript } = await runRound({
    config,
    codec,
    lost: { masked: [2], consent: [4] },
    async encode(client, { canary }) {
      const clip = encodingOf(config).clip;
      const update = Float32Array.from(wordsOf(D, client + 1), (word) => (word / 2 ** 32) * clip);
      const key = seededBytes(client + 1)(32);
      const input = { update, key, ctxConstants: canary };
      return (await codec.encode(encodingOf(config), input)).words;
    },
  });
  expect(server.phase).toBe('done');
  const outcome = server.outcome!;
  const means = await meansBy(outcome, { config, crypto, codec });
  expect(means).toEqual(meansOf(outcome, { config, crypto }));
  return { transcript, means };
}

test.each(['wasm', 'webgpu'] as const)(
  'a round whose inputs and sums go through %s is that of the host, byte by byte',
  async (name) => {
    const want = await ranBy();
    await using backend = await createBackend(name);
    const calls = { read: 0, readWords: 0, readPacked: 0 };
    const counted: CodecBackend = {
      info: backend.info,
      matrix: backend.matrix,
      words: backend.words,
      release: (x) => backend.release(x),
      read: (x) => {
        calls.read++;
        return backend.read(x);
      },
      readWords: (x) => {
        calls.readWords++;
        return backend.readWords(x);
      },
      readCoded: (x, coding, into) => {
        calls.readPacked++;
        return backend.readCoded(x, coding, into);
      },
    };
    const faults: string[] = [];
    const onFault = (message: string): void => {
      faults.push(message);
    };
    const found = await ranBy(backendCodec(counted, { randomBytes: seededBytes(1), onFault }));
    expect(found.transcript).toEqual(want.transcript);
    expect(found.means).toEqual(want.means);
    expect(found.means[0]!.inputs).toBe(5);
    expect(faults).toEqual([]);
    // Six are rounded and five arrive; six inputs and the sum are packed; one mean is read.
    expect(calls).toEqual({ read: 1, readWords: 6 + 5, readPacked: 6 + 1 });
  },
);
