/**
 * How much memory an aggregation of files takes: 32 files of 8,000,000 entries (1 GB) through the
 * command line under a budget, and again under one that holds everything.
 *
 *     npx tsx bench/memory.ts [--rule SPEC] [--backend NAME] [--memory SIZE] [--rows N] [--cols N]
 *
 * Prints the peak resident memory and the time of both, checks that both results are the same bit
 * for bit, and exits with 1 if they are not or the budgeted run went above the limit of 900 MiB.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '../src/formats/node-files.ts';
import { writeSafetensors } from '../src/formats/safetensors.ts';

const LIMIT_MIB = 900;
const CHUNK = 2 ** 20;

const { values: options } = parseArgs({
  options: {
    rule: { type: 'string', default: 'trimmed-mean:f=3' },
    backend: { type: 'string', default: 'auto' },
    memory: { type: 'string', default: '256MiB' },
    rows: { type: 'string', default: '32' },
    cols: { type: 'string', default: '8000000' },
  },
});
const rows = Number(options.rows);
const cols = Number(options.cols);

/** Entries that differ from client to client and from column to column, in [−1, 1). */
function* entries(client: number): Generator<Uint8Array> {
  let state = client + 1;
  for (let at = 0; at < cols; at += CHUNK) {
    const part = new Float32Array(Math.min(CHUNK, cols - at));
    for (let j = 0; j < part.length; j++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      part[j] = state / 2 ** 31;
    }
    yield new Uint8Array(part.buffer);
  }
}

async function writeClients(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for (let client = 0; client < rows; client++) {
    const path = join(folder, `client-${String(client).padStart(3, '0')}.safetensors`);
    const tensor = { name: 'w', dtype: 'F32', shape: [cols], data: entries(client) } as const;
    await writeFileAtomic(path, (append) => writeSafetensors(append, [tensor]));
    paths.push(path);
  }
  return paths;
}

/** The aggregation in a process of its own, which tells its peak. */
async function run(
  paths: readonly string[],
  { memory, output }: { memory: string; output: string },
): Promise<{ peakMiB: number; seconds: number; backend: string; hash: string }> {
  const words = ['--rule', options.rule, '--backend', options.backend, '--memory', memory];
  const main = join(import.meta.dirname, '../src/cli/main.ts');
  const command = [
    '--import',
    'tsx',
    main,
    'aggregate',
    ...paths,
    ...words,
    '-o',
    output,
    '--json',
  ];
  const { peakBytes, seconds, backend, adapter } = JSON.parse(
    execFileSync(process.execPath, command, { encoding: 'utf8' }),
  );
  const hash = createHash('sha256');
  await pipeline(createReadStream(output), hash);
  const place = `${backend} (${adapter})`;
  return { peakMiB: peakBytes / 2 ** 20, seconds, backend: place, hash: hash.digest('hex') };
}

const folder = await mkdtemp(join(tmpdir(), 'aggregis-memory-'));
try {
  const paths = await writeClients(folder);
  const data = (4 * rows * cols) / 2 ** 20;
  console.log(`${rows} files of ${cols} entries, ${data.toFixed(0)} MiB, ${options.rule}`);
  const budgeted = await run(paths, {
    memory: options.memory,
    output: join(folder, 'budgeted.safetensors'),
  });
  const whole = await run(paths, { memory: '8GiB', output: join(folder, 'whole.safetensors') });
  for (const [memory, { peakMiB, seconds, backend }] of [
    [options.memory, budgeted],
    ['8GiB', whole],
  ] as const) {
    const figures = `peak ${peakMiB.toFixed(0)} MiB resident, ${seconds.toFixed(1)} s, ${backend}`;
    console.log(`--memory ${memory}: ${figures}`);
  }
  const same = budgeted.hash === whole.hash;
  console.log(same ? 'both results are the same bit for bit' : 'THE RESULTS DIFFER');
  if (!same || budgeted.peakMiB > LIMIT_MIB) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
