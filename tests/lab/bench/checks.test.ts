import { expect, test } from 'vitest';
import type { Timing } from '../../../src/lab/bench/bench.ts';
import { checksOf } from '../../../src/lab/bench/checks.ts';
import { LIMITED_NOISE } from '../../../src/lab/bench/noise.ts';
import { spreadOf } from '../../../src/lab/bench/statistics.ts';

/** Noise on 3,000,000 coordinates that took so many seconds. */
function noise(seconds: number, more: Partial<Timing> = {}): Timing {
  const place = { backend: 'wasm', threads: 1, n: 1, d: 3_000_000 } as const;
  const line = { question: 'noise', what: LIMITED_NOISE, mode: 'resident', ...place } as const;
  return { ...line, seconds: spreadOf([seconds]), ...more };
}

test('noise of three draws is held to 15 million coordinates a second, on one thread of wasm', () => {
  const timings = [
    noise(0.2),
    noise(0.25),
    noise(9, { threads: 2 }),
    noise(9, { backend: 'webgpu' }),
    noise(9, { what: 'noise of 2 draws' }),
    noise(9, { question: 'rules' }),
  ];
  expect(checksOf(timings, { copy: 1e10, bytes: 1 })).toMatchObject([
    { found: 15, limit: 15, holds: true },
    { found: 12, limit: 15, holds: false },
  ]);
  expect(LIMITED_NOISE).toBe('noise of 3 draws');
});
