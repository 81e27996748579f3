import { describe, expect, test } from 'vitest';
import { growingQuantile, upperQuantile } from '../../src/secagg/hypergeometric.ts';

function binomial(n: number, k: number): bigint {
  if (k < 0 || k > n) return 0n;
  let result = 1n;
  for (let i = 1; i <= k; i++) result = (result * BigInt(n - k + i)) / BigInt(i);
  return result;
}

/** The least c with Pr[X > c] ≤ 1/inverse, in integers. */
function exactQuantile(
  { n, marked, drawn }: { n: number; marked: number; drawn: number },
  inverse: bigint,
): number {
  const all = binomial(n, drawn);
  let tail = 0n;
  let c = Math.min(drawn, marked);
  while (c >= 0) {
    const next = tail + binomial(marked, c) * binomial(n - marked, drawn - c);
    if (next * inverse > all) return c;
    tail = next;
    c--;
  }
  return 0;
}

describe('The upper quantile of the hypergeometric law', () => {
  test('is exact for every law of up to 24', () => {
    for (let n = 2; n <= 24; n++) {
      for (let marked = 0; marked <= n; marked++) {
        for (const bits of [5, 12, 40]) {
          const growing = growingQuantile({ population: n, marked, bound: 2 ** -bits });
          for (let drawn = 1; drawn < n; drawn++) {
            growing.drawOne();
            const exact = exactQuantile({ n, marked, drawn }, 2n ** BigInt(bits));
            if (growing.quantile !== exact) {
              expect.fail(
                `${marked} of ${n} marked, ${drawn} drawn, 2^−${bits}: ${growing.quantile}, not ${exact}`,
              );
            }
          }
        }
      }
    }
  });

  test.each([
    [300, 30, 41],
    [1000, 100, 81],
    [1000, 300, 41],
    [3000, 1000, 60],
    [10_000, 3333, 200],
  ])('is exact in a crowd: n = %d, %d marked, 2^−%d', (n, marked, bits) => {
    const growing = growingQuantile({ population: n, marked, bound: 2 ** -bits });
    for (let drawn = 1; drawn <= 400 && drawn < n; drawn++) {
      growing.drawOne();
      if (drawn % 57 !== 0) continue;
      expect(growing.quantile, `${drawn} drawn`).toBe(
        exactQuantile({ n, marked, drawn }, 2n ** BigInt(bits)),
      );
    }
  });

  test('of all that there are is what is marked', () => {
    expect(upperQuantile({ population: 12, marked: 5, drawn: 12, bound: 1e-9 })).toBe(5);
    expect(upperQuantile({ population: 12, marked: 0, drawn: 7, bound: 1e-9 })).toBe(0);
    expect(upperQuantile({ population: 12, marked: 12, drawn: 7, bound: 1e-9 })).toBe(7);
  });
});
