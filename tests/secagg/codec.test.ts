import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { BackendError } from '../../src/core/errors.ts';
import { type Codec, hostCodec } from '../../src/secagg/codec.ts';
import { decodeSum, encodeUpdate, planEncoding } from '../../src/secagg/encode.ts';
import { pack, unpack } from '../../src/secagg/packing.ts';
import { SLOTS } from '../../src/secagg/suite.ts';
import { backendCodec, type CodecBackend } from '../../src/secure-codec.ts';
import { expectSameWords, wordsOf } from '../support/words.ts';

/** Another seed at each call. */
function countedBytes(): (length: number) => Uint8Array {
  let calls = 1;
  return (length) => new Uint8Array(length).fill(calls++);
}

const KEY = new Uint8Array(32).fill(9);
const D = 5003;
const ctxConstants = [0xdeadbeef, 0x12345678] as const;

const planned = (
  ringBits: number,
  valueBits: number,
  weights: 'uniform' | { maxWeight: number } = 'uniform',
) => planEncoding({ dimensions: D, ringBits, valueBits, clip: 0.7, maxClients: 200, weights });

/** Some beyond the clip, some far below a step. */
const update = Float32Array.from(wordsOf(D), (word, j) => (word / 2 ** 31 - 1) * 2 ** -(j % 40));

const bitsOf = ({ buffer, byteOffset, length }: Float32Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length);

/** The sum of three updates. */
function summed(plan: ReturnType<typeof planned>, samples: readonly number[]) {
  const words = new Uint32Array(SLOTS + D);
  for (const [i, count] of samples.entries()) {
    const key = Uint8Array.from(KEY, (byte) => byte + i);
    const own = update.map((x) => x * (i - 1));
    const encoded = encodeUpdate(plan, { update: own, samples: count, key, ctxConstants });
    for (const [j, word] of encoded.words.entries()) words[j]! += word;
  }
  return { words, survivors: samples.length, ctxConstants };
}

const CODECS: readonly [string, () => Promise<Codec>][] = [
  ['the host', async () => hostCodec()],
  ...(['reference', 'wasm', 'webgpu'] as const).map((name): [string, () => Promise<Codec>] => [
    `the ${name} backend`,
    async () => {
      const onFault = (message: string): never => {
        throw new Error(message);
      };
      return backendCodec(await createBackend(name), { randomBytes: countedBytes(), onFault });
    },
  ]),
];

describe.each(CODECS)('a codec on %s', (_, make) => {
  test.each([
    [planned(32, 24), undefined],
    [planned(24, 16, { maxWeight: 100 }), 37],
    [planned(16, 8, { maxWeight: 7 }), 1],
  ] as const)('encodes an update as the definition does', async (plan, samples) => {
    const codec = await make();
    const before = update.slice();
    const input = { update, key: KEY, ctxConstants, ...(samples !== undefined && { samples }) };
    const { words, clippedFraction } = await codec.encode(plan, input);
    const want = encodeUpdate(plan, input);
    expectSameWords(words, want.words);
    expect(clippedFraction).toBe(want.clippedFraction);
    expectSameWords(bitsOf(update), bitsOf(before));
    expect(KEY[31]).toBe(9);
  });

  test.each([8, 13, 16, 24, 31, 32])('packs and unpacks %i bits', async (bits) => {
    const codec = await make();
    for (const entries of [0, 1, 31, 33, 4099]) {
      const words = wordsOf(Math.max(1, entries), bits).subarray(0, entries);
      const bytes = await codec.pack(words, bits);
      expectSameWords(Uint32Array.from(bytes), Uint32Array.from(pack(words, bits)));
      // In the middle of a message.
      const message = Uint8Array.of(1, 2, 3, ...bytes, 4).subarray(3, 3 + bytes.length);
      const found = await codec.unpack(message, { bits, entries });
      expectSameWords(found, unpack(bytes, { bits, entries }));
    }
  });

  test.each([
    [planned(32, 24), [1, 1, 1]],
    [planned(24, 16, { maxWeight: 100 }), [3, 100, 41]],
    [planned(17, 9, { maxWeight: 11 }), [11, 2, 5]],
  ] as const)('decodes a sum to the last bit as the definition does', async (plan, samples) => {
    const codec = await make();
    const sum = summed(plan, samples);
    const found = await codec.decode(plan, sum);
    const want = decodeSum(plan, sum);
    expectSameWords(bitsOf(found.mean), bitsOf(want.mean));
    expect(found).toEqual(want);
    // Of products in f64, as every step of it is said to be.
    const unit = 1 / (plan.scale * want.totalWeight);
    expectSameWords(
      bitsOf(found.mean),
      bitsOf(Float32Array.from(want.integers, (integer) => integer * unit)),
    );
  });

  test('refuses what is wrong', async () => {
    const codec = await make();
    const plan = planned(32, 24);
    const bad = update.slice();
    bad[77] = Number.NaN;
    await expect(codec.encode(plan, { update: bad, key: KEY, ctxConstants })).rejects.toMatchObject(
      {
        code: 'bad-update',
      },
    );
    const short = { update: update.subarray(1), key: KEY, ctxConstants };
    await expect(codec.encode(plan, short)).rejects.toMatchObject({ code: 'bad-update' });
    const cleared = { update, key: new Uint8Array(32), ctxConstants };
    await expect(codec.encode(plan, cleared)).rejects.toThrow('key must not be all zero');
    await expect(codec.pack(wordsOf(3), 33)).rejects.toThrow('bits must be in [8, 32]');
    const shape = { bits: 12, entries: 1 };
    for (const bytes of [Uint8Array.of(1), Uint8Array.of(1, 0x10), Uint8Array.of(1, 2, 3)]) {
      await expect(codec.unpack(bytes, shape)).rejects.toMatchObject({ code: 'malformed' });
    }
    const sum = summed(plan, [1, 1]);
    sum.words[1]! ^= 1;
    await expect(codec.decode(plan, sum)).rejects.toMatchObject({ code: 'canary' });
  });
});

describe('a backend that is not right', () => {
  /** A codec on a backend whose results are changed before they come home. */
  async function onChanged(
    change: (home: Uint8Array | Uint32Array | Float32Array) => void,
    randomBytes = countedBytes(),
  ) {
    const backend: Backend = await createBackend('reference');
    const calls: string[] = [];
    const changed = <T extends Uint8Array | Uint32Array | Float32Array>(
      name: string,
      home: T,
    ): T => {
      calls.push(name);
      change(home);
      return home;
    };
    const hostile: CodecBackend = {
      info: backend.info,
      matrix: backend.matrix,
      words: backend.words,
      read: async (x) => changed('read', await backend.read(x)),
      readWords: async (x) => changed('readWords', await backend.readWords(x)),
      readCoded: async (x, coding, into) => {
        await backend.readCoded(x, coding, into);
        changed('readCoded', into);
      },
      release: (x) => backend.release(x),
    };
    const faults: string[] = [];
    const onFault = (message: string): void => {
      faults.push(message);
    };
    return {
      codec: backendCodec(hostile, { randomBytes, onFault }),
      faults,
      calls,
    };
  }

  const plan = planned(32, 20);
  const input = { update, key: KEY, ctxConstants };
  const packed = pack(wordsOf(D), 20);
  const sum = summed(plan, [1, 1, 1]);
  const WAYS: readonly [string, (codec: Codec) => Promise<unknown>][] = [
    ['encode', (codec) => codec.encode(plan, input)],
    ['pack', (codec) => codec.pack(wordsOf(D), 20)],
    ['unpack', (codec) => codec.unpack(packed, { bits: 20, entries: D })],
    ['decode', (codec) => codec.decode(plan, sum)],
  ];

  test.each(WAYS)('throughout is found in %s, and the host takes over', async (_, use) => {
    const { codec, faults, calls } = await onChanged((home) => {
      for (let j = 0; j < home.length; j += 3) home[j] = home[j]! ^ 1;
    });
    const want = await use(hostCodec());
    expect(await use(codec)).toEqual(want);
    expect(await use(codec)).toEqual(want);
    expect(faults).toEqual(['CPU, JavaScript f64: entries are not those that the host makes']);
    expect(calls.length).toBe(1);
  });

  test.each(WAYS)('as it fails is found in %s, and the host takes over', async (_, use) => {
    const { codec, faults } = await onChanged(() => {
      throw new BackendError('device-lost', 'injected');
    });
    expect(await use(codec)).toEqual(await use(hostCodec()));
    expect(faults).toEqual(['CPU, JavaScript f64: injected']);
  });

  test('with one integer beyond the limit is found, wherever it is', async () => {
    const { codec, faults } = await onChanged((home) => {
      home[D - 1] = 0x7fffffff;
    });
    expect(await codec.encode(plan, input)).toEqual(encodeUpdate(plan, input));
    expect(faults.length).toBe(1);
  });

  test('in one of the units is found as often as it is drawn', async () => {
    let found = 0;
    const rounds = 300;
    const random = countedBytes();
    for (let round = 0; round < rounds; round++) {
      const { codec, faults } = await onChanged((home) => {
        home[home.length - 1]! ^= 0x80;
      }, random);
      await codec.pack(wordsOf(32 * 20), 24);
      found += faults.length;
    }
    // One of 20 units, 300 times: 15 in the mean with a standard deviation of 3.8; four of them.
    expect(Math.abs(found - rounds / 20)).toBeLessThan(15);
    expect(found).toBeGreaterThan(0);
  });

  test('because it was closed is the caller’s mistake', async () => {
    const backend = await createBackend('reference');
    const faults: string[] = [];
    const onFault = (message: string): void => {
      faults.push(message);
    };
    const codec = backendCodec(backend, { randomBytes: countedBytes(), onFault });
    await backend.close();
    await expect(codec.pack(wordsOf(9), 24)).rejects.toMatchObject({ code: 'closed' });
    expect(faults).toEqual([]);
  });
});
