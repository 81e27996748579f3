import { expect, test } from 'vitest';
import { createBackend } from '../../src/browser.ts';
import { modelOn, ONE_MODEL } from '../support/one-model.ts';

test.each(['reference', 'wasm', 'webgpu'] as const)(
  'a private training under attack comes to the same bits on %s as under Node',
  async (name) => {
    await using backend = await createBackend(name);
    expect(await modelOn(backend)).toBe(ONE_MODEL);
  },
);
