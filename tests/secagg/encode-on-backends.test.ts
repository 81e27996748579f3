import { expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import { quantize } from '../../src/backend/secure/quantize.ts';
import { encodeUpdate, planEncoding } from '../../src/secagg/encode.ts';
import { SLOTS } from '../../src/secagg/suite.ts';
import { wordsOf } from '../support/words.ts';

test.each(['reference', 'wasm', 'webgpu'] as const)(
  'an update is encoded as the %s backend quantizes it',
  async (name) => {
    const dimensions = 20_011;
    const plan = planEncoding({
      dimensions,
      ringBits: 32,
      valueBits: 24,
      clip: 0.7,
      maxClients: 200,
      weights: 'uniform',
    });
    const update = Float32Array.from(wordsOf(dimensions), (word, j) => {
      return (word / 2 ** 31 - 1) * 2 ** -(j % 40);
    });
    const key = new Uint8Array(32).fill(9);
    const { words } = encodeUpdate(plan, { update, key, ctxConstants: [1, 2] });
    await using backend = await createBackend(name);
    const quantized = quantize(backend.matrix([update]), { ...plan, key });
    expect(await backend.readWords(quantized)).toEqual(words.subarray(SLOTS));
  },
);
