import { describe, expect, test } from 'vitest';
import type { BackendChoice } from '../../src/backend/create.ts';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Regime } from '../../src/backend/kernels.ts';

describe('createBackend', () => {
  test.each<[string, BackendChoice, object, string]>([
    [
      'an unknown backend',
      'cuda' as BackendChoice,
      {},
      'backend must be one of auto, webgpu, wasm, reference, got "cuda"',
    ],
    [
      'an unknown regime',
      'wasm',
      { regime: 'bubble' as Regime },
      'regime must be one of network, stream, split, search, got "bubble"',
    ],
    [
      'threads that are no number',
      'reference',
      { threads: '2' },
      'threads must be an integer, got "2"',
    ],
    [
      'an option that there is not',
      'wasm',
      { thread: 2 },
      'there is no option "thread"; there are memory, device, regime, threads',
    ],
    [
      'options that are none',
      'wasm',
      null as unknown as object,
      'options must be an object, got null',
    ],
    [
      'a device for another backend',
      'wasm',
      { device: {} },
      'backend must be webgpu where a device is given, got "wasm"',
    ],
  ])('refuses %s', async (_, choice, options, message) => {
    await expect(createBackend(choice, options)).rejects.toThrow(message);
  });
});
