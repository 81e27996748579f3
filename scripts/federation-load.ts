/**
 * Load: 1,000 clients send an update of 4 MB each, all at once, to a real server on this machine; what
 * comes of it is held against what the disk takes in the same minutes.
 *
 *     npx tsx scripts/federation-load.ts [--clients 1000] [--cols 1000000] [--runs 3] [--folder DIR]
 *
 * The measure of the disk is `dd conv=fdatasync` of the same bytes in the same folder, before and after
 * each run. It fails if an update is lost or is not what was sent, if the server's memory grows by more
 * than the credit window, or if the median of the ratios is below 0.6.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { federationLoad, type LoadFigures } from '../tests/support/federation-load.ts';

const LEAST_RATIO = 0.6;
const MB = 1e6;

const { values: flags } = parseArgs({
  options: {
    clients: { type: 'string', default: '1000' },
    cols: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '3' },
    credit: { type: 'string' },
    folder: { type: 'string', default: tmpdir() },
  },
});

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

function shown(figures: LoadFigures, rates: readonly [number, number]): string {
  const { bytes, seconds, memory, credit, committed, verified, deferred } = figures;
  const { server, clients } = figures.processorSeconds;
  const mb = (x: number): string => (x / MB).toFixed(0);
  return [
    `${committed} committed, ${verified} read back and right, ${deferred} deferred`,
    `${mb(bytes)} MB in ${seconds.toFixed(1)} s: ${mb(bytes / seconds)} MB/s; dd ${rates.map(mb).join(' and ')} MB/s`,
    `server memory ${mb(memory.before)} MB, peak ${mb(memory.peak)} MB; credit window ${mb(credit)} MB`,
    `processor: server ${server.toFixed(1)} s, clients ${clients.toFixed(1)} s`,
  ].join('\n  ');
}

const ratios: number[] = [];
let isSound = true;
console.log(`${cpus().length} cores, ${cpus()[0]?.model}`);
for (let run = 1; run <= Number(flags.runs); run++) {
  const folder = await mkdtemp(join(flags.folder, 'aggregis-load-'));
  try {
    const bytes = Number(flags.clients) * Number(flags.cols) * 4;
    const first = await diskRate(folder, bytes);
    const figures = await federationLoad({
      folder,
      clients: Number(flags.clients),
      cols: Number(flags.cols),
      ...(flags.credit !== undefined && { creditBytes: Number(flags.credit) }),
    });
    const second = await diskRate(folder, bytes);
    const ratio = figures.bytes / figures.seconds / ((first + second) / 2);
    ratios.push(ratio);
    const growth = figures.memory.peak - figures.memory.before;
    const { committed, verified, clients, credit } = figures;
    isSound &&= committed === clients && verified === clients && growth <= credit;
    console.log(`run ${run}: ratio ${ratio.toFixed(2)}\n  ${shown(figures, [first, second])}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)]!;
console.log(`median ratio ${median.toFixed(2)}, at least ${LEAST_RATIO} wanted`);
if (!isSound || median < LEAST_RATIO) process.exitCode = 1;
