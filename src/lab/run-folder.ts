/**
 * A simulation on disk: what was asked, what came out, and the last round's updates.
 *
 *     run.json                  the setting and every figure, as `--json` prints them
 *     summary.txt               the tables
 *     report.html               the same with curves
 *     global.safetensors        the yardstick's last model
 *     updates/client-01.safetensors …   what each client sent to the yardstick in its last round
 *
 * Updates are differences to the global model of their round, so they are aggregated as they are.
 *
 * @module
 */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/node-files.ts';
import { writeSafetensors } from '../formats/safetensors.ts';
import { htmlReport } from './html-report.ts';
import type { TensorPart } from './model.ts';
import { formatSummary, painter, type Summary, toJson } from './report.ts';

/**
 * Writes the run into `folder`, which is made, and must be empty if it is there.
 *
 * @throws {RangeError} if the folder holds anything: a run never mixes with another.
 * @throws {Error} Node's own, if something cannot be written.
 */
export async function writeRunFolder(folder: string, summary: Summary): Promise<void> {
  await prepareRunFolder(folder);
  const { result } = summary;
  const { tensors } = result.cohort.model;
  await mkdir(join(folder, 'updates'));
  for (const [i, { client, row }] of result.lastRound.entries()) {
    const metadata = new Map([
      ['client', client],
      ['content', 'difference to the global model'],
      ['examples', String(result.cohort.examples[i])],
    ]);
    await writeTensors(join(folder, 'updates', `${client}.safetensors`), {
      row,
      tensors,
      metadata,
    });
  }
  const yardstick = result.courses.find(({ name }) => name === result.yardstick)!;
  await writeTensors(join(folder, 'global.safetensors'), {
    row: yardstick.parameters,
    tensors,
    metadata: new Map([['content', 'model']]),
  });
  await writeText(join(folder, 'run.json'), `${JSON.stringify(toJson(summary), undefined, 2)}\n`);
  await writeText(join(folder, 'summary.txt'), `${formatSummary(summary, painter(false))}\n`);
  await writeText(join(folder, 'report.html'), htmlReport(summary));
}

/**
 * Makes the folder of a run. Calling it before the simulation finds a wrong path before the work.
 *
 * @throws {RangeError} if the folder holds anything.
 */
export async function prepareRunFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const found = await readdir(folder);
  if (found.length > 0) {
    throw new RangeError(`${folder} must be empty or new, it holds ${found[0]}`);
  }
}

async function writeText(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, (append) => append(new TextEncoder().encode(text)));
}

/** Writes a flat row as the named tensors that it is made of. */
async function writeTensors(
  path: string,
  content: {
    readonly row: Float32Array;
    readonly tensors: readonly TensorPart[];
    readonly metadata: ReadonlyMap<string, string>;
  },
): Promise<void> {
  const { row, tensors, metadata } = content;
  const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
  const infos = tensors.map(({ name, shape, offset }) => {
    const end = offset + shape.reduce((a, b) => a * b, 1);
    return { name, dtype: 'F32' as const, shape, data: [bytes.subarray(4 * offset, 4 * end)] };
  });
  await writeFileAtomic(path, (append) => writeSafetensors(append, infos, { metadata }));
}
