/**
 * Rows larger than memory: 40 MB under a budget of 8 MiB. Rows are asked for range by range, and
 * the result is handed out as it comes.
 *
 *     npx tsx examples/streaming.ts
 *
 * @module
 */

import { aggregate, type HostRow, multiKrum } from '../src/index.ts';

const cols = 500_000;

/** A row that stands for a file or a socket: entries are made when they are read. */
function client(k: number): HostRow {
  const scale = k < 4 ? 50 : 1 + k / 100;
  return {
    cols,
    read: (from, to, into) => {
      for (let j = from; j < to; j++) into[j - from] = scale * Math.sin(j);
    },
  };
}

let written = 0;
let largest = 0;
const clients = Array.from({ length: 20 }, (_, k) => client(k));
const { peakTileBytes, rows } = await aggregate(clients, multiKrum({ f: 4 }), {
  memory: 8 * 2 ** 20,
  sink: (values) => {
    written += values.length;
    for (const value of values) largest = Math.max(largest, Math.abs(value));
  },
});
console.log(`${rows} rows of ${cols}: ${written} entries, largest ${largest.toFixed(3)}`);
console.log(`tiles took ${(peakTileBytes / 2 ** 20).toFixed(0)} MiB at most`);
if (largest > 2) throw new Error('an attacker was averaged in');
