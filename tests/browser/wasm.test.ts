import { describe, expect, test } from 'vitest';
import { createBackend } from '../../src/browser.ts';
import { paritySuite } from '../backend/parity.ts';

describe('wasm in a page that is not isolated', () => {
  test('does without threads, whatever is asked for', async () => {
    expect(globalThis.crossOriginIsolated).toBe(false);
    await using one = await createBackend('wasm', { threads: 1 });
    await using many = await createBackend('wasm', { threads: 4 });
    expect(many.info).toEqual(one.info);
  });

  test('is what auto takes without a hardware GPU', async () => {
    await using backend = await createBackend();
    expect(backend.info.name).toBe('wasm');
  });
});

paritySuite(
  'wasm in a browser',
  (memory) => createBackend('wasm', memory === undefined ? {} : { memory }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);
