/**
 * Ten thousand hostile requests on a real server: oversize, truncated, replayed, wrongly signed, random
 * bytes, and connections that creep. Each must be answered as the protocol says for its kind, memory must
 * stay flat once it is warm, and the round must go on to its model.
 *
 *     npx tsx scripts/federation-hostile.ts [--requests 10000] [--creeping 50]
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hostileRun } from '../tests/support/hostile-run.ts';

/** What a heap breathes, in bytes. */
const MOST_GROWTH = 48e6;

const { values: flags } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    creeping: { type: 'string', default: '50' },
  },
});

const creeping = Number(flags.creeping);
const folder = await mkdtemp(join(tmpdir(), 'aggregis-hostile-'));
try {
  const figures = await hostileRun({ folder, requests: Number(flags.requests), creeping });
  for (const [kind, words] of figures.answers) {
    console.log(`${kind}: ${[...words].map(([word, count]) => `${count} × ${word}`).join(', ')}`);
  }
  const { memory, cut, isPublished, faults } = figures;
  const [warm, end] = [memory.warm, memory.end].map((bytes) => (bytes / 1e6).toFixed(0));
  console.log(
    `${figures.requests} requests, ${faults.length} answered otherwise than the protocol says`,
  );
  console.log(`memory ${warm} MB after a fifth of them, ${end} MB at the end`);
  console.log(
    `${cut} of ${creeping} creeping connections cut; published afterwards: ${isPublished}`,
  );
  for (const fault of new Set(faults)) console.log(`  ${fault}`);
  const isFlat = memory.end - memory.warm < MOST_GROWTH;
  if (faults.length > 0 || !isFlat || cut < creeping || !isPublished) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
