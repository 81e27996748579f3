/** The same private model everywhere; in a browser: tests/browser/one-model.test.ts. */

import { expect, test } from 'vitest';
import { createBackend } from '../src/index.ts';
import { modelOn, ONE_MODEL } from './support/one-model.ts';

test.each([
  ['reference', {}],
  ['wasm', { threads: 1 }],
  ['wasm', { threads: 2 }],
  ['wasm', { threads: 1, memory: 2 ** 18 }],
  ['webgpu', {}],
] as const)(
  'a private training under attack comes to the same bits on %s %j',
  async (name, options) => {
    await using backend = await createBackend(name, options);
    expect(await modelOn(backend)).toBe(ONE_MODEL);
  },
);
