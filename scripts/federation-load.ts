/**
 * Load: 1,000 clients send an update of 4 MB each, all at once, to a real server on this machine; what
 * comes of it is held against what the disk takes in the same minutes.
 *
 *     npx tsx scripts/federation-load.ts [--clients 1000] [--cols 1000000] [--runs 3] [--folder DIR]
 *         [--threads 16] [--write]
 *
 * The measure of the disk is `dd conv=fdatasync` of the same bytes in the same folder, twice before and
 * twice after each run; the median counts. It fails if an update is lost or is not what was sent, if the
 * server's memory grows by more than the credit window, or if the median of the ratios is below 0.6.
 * `--write` leaves the figures in bench/results/federation-load.json and docs/federation-load.md.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { federationLoad, type LoadFigures } from '../tests/support/federation-load.ts';
import { type LeastWork, leastWork } from './least-work.ts';

const LEAST_RATIO = 0.6;
const MB = 1e6;
const ROOT = join(import.meta.dirname, '..');

const { values: flags } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' },
    cols: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '3' },
    credit: { type: 'string' },
    threads: { type: 'string', default: '16' },
    folder: { type: 'string', default: tmpdir() },
    write: { type: 'boolean', default: false },
  },
});

/** A run, and the disk about it. */
interface Run {
  readonly figures: LoadFigures;
  /** Bytes a second, in their order. */
  readonly disk: readonly number[];
  readonly ratio: number;
  /** Processes that ran or waited to, in the last minute: the run's own, and others of the machine. */
  readonly load: number;
}

/** Bytes a second that the disk takes, synced at the end. */
async function diskRate(folder: string, bytes: number): Promise<number> {
  const path = join(folder, 'dd');
  const count = Math.max(1, Math.round(bytes / MB));
  const begun = performance.now();
  const words = ['if=/dev/zero', `of=${path}`, 'bs=1MB', `count=${count}`, 'conv=fdatasync'];
  execFileSync('dd', [...words, 'status=none']);
  const seconds = (performance.now() - begun) / 1000;
  await rm(path);
  return (count * MB) / seconds;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

async function measured(folder: string): Promise<Run> {
  const bytes = Number(flags.clients) * Number(flags.cols) * 4;
  const before = [await diskRate(folder, bytes), await diskRate(folder, bytes)];
  const figures = await federationLoad({
    folder,
    clients: Number(flags.clients),
    cols: Number(flags.cols),
    threads: Number(flags.threads),
    ...(flags.credit !== undefined && { creditBytes: Number(flags.credit) }),
  });
  const load = loadavg()[0]!;
  const disk = [...before, await diskRate(folder, bytes), await diskRate(folder, bytes)];
  return { figures, disk, load, ratio: figures.bytes / figures.seconds / median(disk) };
}

function isSound({ figures }: Run): boolean {
  const { committed, verified, clients, credit, memory } = figures;
  const growth = memory.peak - memory.before;
  return committed === clients && verified === clients && growth <= credit;
}

const mb = (bytes: number): string => (bytes / MB).toFixed(0);
/** Processor seconds of the server and of the clients for a gigabyte. */
const costs = ({ bytes, processorSeconds: { server, clients } }: LoadFigures): string[] =>
  [server, clients].map((seconds) => ((seconds * 1e9) / bytes).toFixed(1));

const HEAD = [
  '| committed, read back | MB/s | dd, MB/s | ratio | memory: before, peak, MB | window, MB | processor s/GB: server, clients | load of the machine |',
  '|---|---|---|---|---|---|---|---|',
];

function row({ figures, disk, ratio, load }: Run): string {
  const { bytes, seconds, memory, credit, committed, verified } = figures;
  const cells = [
    `${committed}, ${verified}`,
    mb(bytes / seconds),
    disk.map(mb).join(', '),
    ratio.toFixed(2),
    `${mb(memory.before)}, ${mb(memory.peak)}`,
    mb(credit),
    costs(figures).join(', '),
    load.toFixed(1),
  ];
  return `| ${cells.join(' | ')} |`;
}

function pageOf(runs: readonly Run[], least: LeastWork): string {
  const { hash, loopback, file } = least;
  const sum = hash + loopback + file;
  const cores = cpus().length;
  const ratio = median(runs.map((run) => run.ratio));
  return `# A thousand clients at once

\`npx tsx scripts/federation-load.ts --write\` writes this page. ${flags.clients} clients, each with a connection of its own, send an
update of ${mb(Number(flags.cols) * 4)} MB at the same time to \`aggregis serve\` over loopback, and wait with each chunk until it is asked for
(\`Expect: 100-continue\`). Each chunk is held against its digest, each
update is synced before it is answered, and all are read back and verified in the end. \`dd conv=fdatasync\` writes as
many bytes to the same file system, twice before and twice after; a ratio is to the median of the four. Nothing of a run is
removed before the last has ended, so that all write to blocks of the disk that are new. On blocks that were written before
\`dd\` is faster and the server hardly is, so that the ratio is lower there ([decision 0013](decisions/0013-chunks-in-one-place.md)).

${cores} cores of ${cpus()[0]?.model}, which the clients share; Node ${process.versions.node}; \`UV_THREADPOOL_SIZE=${flags.threads}\`, so that writes do not wait behind syncs.

${[...HEAD, ...runs.map(row)].join('\n')}

Median ratio ${ratio.toFixed(3)}; ${LEAST_RATIO} is the aim, which ${ratio >= LEAST_RATIO ? 'was reached in this run' : 'is **missed** here'}. The server's memory grew by less than the
credit window in ${runs.filter(isSound).length} of ${runs.length} runs.

## What the machine allows

Processor seconds for a gigabyte, each measured alone: one SHA-256 of each byte ${hash.toFixed(2)}; a body sent and received over
loopback by a bare \`node:http\`, and dropped, ${loopback.toFixed(2)}; a file of 4 MB written directly and synced ${file.toFixed(2)}. Together ${sum.toFixed(2)}: ${cores} cores that
did nothing else, and shared the work evenly, could take ${mb((cores / sum) * 1e9)} MB/s. The server reads bodies past \`node:http\`, which costs less
([decision 0015](decisions/0015-bodies-past-the-parser.md)). It does most of its work in one thread: reading connections,
requests, signatures, and handing operations on files to others; another hashes. \`dd\` hashes nothing, receives nothing, and has
the processor to itself.
`;
}

console.log(`${cpus().length} cores, ${cpus()[0]?.model}`);
const least = await leastWork(flags.folder);
console.log(`least work, processor s/GB: ${JSON.stringify(least)}`);
console.log(HEAD.join('\n'));
const runs: Run[] = [];
// What a run leaves is removed after the last: ext4 passes over files that were removed a moment ago, one by
// one, whenever it makes a new one.
const folders: string[] = [];
try {
  for (let k = 0; k < Number(flags.runs); k++) {
    folders.push(await mkdtemp(join(flags.folder, 'aggregis-load-')));
    runs.push(await measured(folders.at(-1)!));
    console.log(row(runs.at(-1)!));
  }
} finally {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}
const ratio = median(runs.map((run) => run.ratio));
console.log(`median ratio ${ratio.toFixed(3)}, at least ${LEAST_RATIO} wanted`);
if (flags.write) {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    platform: `${process.platform} ${process.arch}`,
    runtime: `Node ${process.versions.node}`,
    threads: Number(flags.threads),
  };
  const report = { machine, least, wanted: LEAST_RATIO, ratio, runs };
  const results = join(ROOT, 'bench/results/federation-load.json');
  await writeFile(results, `${JSON.stringify(report, undefined, 2)}\n`);
  execFileSync('npx', ['--no-install', 'biome', 'format', '--write', results], { stdio: 'ignore' });
  await writeFile(join(ROOT, 'docs/federation-load.md'), pageOf(runs, least));
}
if (!runs.every(isSound) || ratio < LEAST_RATIO) process.exitCode = 1;
