import { expect, test } from 'vitest';
import type { Timing } from '../../../src/lab/bench/bench.ts';
import { checksOf } from '../../../src/lab/bench/checks.ts';
import { LIMITED_NOISE } from '../../../src/lab/bench/noise.ts';
import { LINES } from '../../../src/lab/bench/secagg/lines.ts';
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

test('secure aggregation is held to a second for 10⁹ bytes of masks, 12 s of unmasking, one sum and boxes', () => {
  const line = (what: string, seconds: number, more: Partial<Timing> = {}): Timing => ({
    ...{ question: 'secagg', mode: 'round', backend: 'wasm', threads: 1, n: 100, d: 1_000_000 },
    ...{ what, seconds: spreadOf([seconds]), ...more },
  });
  const timings = [
    line(LINES.masks, 0.2),
    line(LINES.masks, 0.5),
    line(LINES.masks, 9, { threads: 2 }),
    line(LINES.masks, 9, { backend: 'reference' }),
    line(LINES.roundUnmasking, 11),
    line(LINES.roundUnmasking, 13),
    line(LINES.unmasking, 99),
    // 4·(10⁶ + 4) bytes of sum, 9900 boxes of 108 bytes.
    line(LINES.held, 1, { heldBytes: 5_069_216 }),
    line(LINES.held, 1, { heldBytes: 400_000_000 }),
  ];
  expect(checksOf(timings, { copy: 1e10, bytes: 1 })).toMatchObject([
    { found: 2, limit: 1, holds: true },
    { found: 0.8, limit: 1, holds: false },
    { found: 11, limit: 12, holds: true },
    { found: 13, limit: 12, holds: false },
    { found: 1, limit: 1.25, holds: true },
    { limit: 1.25, holds: false },
  ]);
});
