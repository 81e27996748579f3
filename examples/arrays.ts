/**
 * Robust aggregation of arrays: seven clients agree, one poisons, one sends NaN.
 *
 *     npx tsx examples/arrays.ts
 *
 * @module
 */

import { aggregate, mean, trimmedMean } from '../src/index.ts';

const updates = [
  ...Array.from({ length: 7 }, (_, i) => ({
    client: `honest-${i}`,
    row: Float32Array.of(1 + 0.01 * i, -2 + 0.01 * i, 0.5),
  })),
  { client: 'mallory', row: Float32Array.of(1e6, 1e6, 1e6) },
  { client: 'broken', row: Float32Array.of(1, Number.NaN, 1) },
];

const poisoned = await aggregate(updates, mean());
const { value, clients } = await aggregate(updates, trimmedMean({ f: 1 }));

console.log('mean        ', [...poisoned.value]);
console.log('trimmed mean', [...value]);
for (const { client, verdict, reasons } of clients) {
  if (verdict !== 'accepted') console.log(`${client}: ${verdict}, ${reasons.join('; ')}`);
}
if (Math.abs(value[0]! - 1) > 0.1) throw new Error('the attacker moved the trimmed mean');
