/** Files under a budget that does not hold them: threads of the wasm backend read them themselves. */

import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fileSource } from '../src/formats/node-files.ts';
import { npyRows } from '../src/formats/rows.ts';
import {
  aggregate,
  aggregateFiles,
  createBackend,
  type Progress,
  parseRule,
} from '../src/index.ts';
import { randomRows } from './backend/parity.ts';
import { bytesOf, i64, type Spec } from './formats/support.ts';
import { model } from './support/model-files.ts';

const CLIENTS = 9;
const COLS = 9 * 65_536 + 12_345;
/** Columns of the first of two tensors. */
const TORN = 200_001;
/** Shards of four blocks of 65,536 columns, and no room to keep the rows. */
const MEMORY = 2 * 4 * (CLIENTS + 1) * 4 * 65_536;
const RULES = ['mean', 'trimmed-mean:f=2', 'multi-krum:f=2', 'nnm:f=2+median', 'phocas:f=2'];

/** Values of 8 bits, which bf16 holds as well, and none of them −0, which no sum with a base is. */
const rows = randomRows(CLIENTS, COLS, 5).map((row) => row.map((x) => Math.round(x * 16) / 8 + 0));

let folder: string;
const paths = rows.map((_, i) => `client-${i}.safetensors`);
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-files-'));
  for (const [i, row] of rows.entries()) await writeClient(paths[i]!, row, f32Of);
});
afterAll(() => rm(folder, { recursive: true }));

type Encode = (values: Float32Array) => Spec;

const f32Of: Encode = (values) => ['F32', [values.length], bytesOf(values)];

/** The upper halves of f32 whose lower ones are 0. */
const bf16Of: Encode = (values) => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = Uint16Array.from(bits, (word) => word >>> 16);
  return ['BF16', [values.length], bytesOf(halves)];
};

/** Two tensors that are not neighbours: one that is aggregated in no file lies between them. */
async function writeClient(name: string, row: Float32Array, encode: Encode): Promise<void> {
  await model(at(name), {
    a: encode(row.subarray(0, TORN)),
    between: encode(Float32Array.of(1, 2, 3)),
    c: encode(row.subarray(TORN)),
    steps: ['I64', [1], i64(7)],
  });
}

/** The columns of the result, from threads that read `names`. */
async function aggregated(
  names: readonly string[],
  rule: string,
  { threads = 2, ...rest }: { threads?: number; base?: string } = {},
) {
  await using backend = await createBackend('wasm', { threads, memory: MEMORY });
  const output = at('out.npy');
  const given = rest.base === undefined ? {} : { base: at(rest.base) };
  const report = await aggregateFiles(names.map(at), parseRule(rule), {
    output,
    backend,
    policies: { between: 'exclude', steps: 'exclude' },
    ...given,
  });
  await using source = await fileSource(output);
  const [row] = await npyRows(source);
  const value = new Float32Array(row!.cols);
  await row!.read(0, value.length, value);
  return { value, report };
}

const digestOf = (values: Float32Array): string =>
  createHash('sha256').update(values).digest('hex');

async function wantedOf(given: readonly Float32Array[], rule: string): Promise<string> {
  const updates = new Map(given.map((row, i) => [paths[i]!, row]));
  await using backend = await createBackend('wasm', { threads: 1 });
  return digestOf((await aggregate(updates, parseRule(rule), { backend })).value);
}

describe('files aggregate', () => {
  test.each(RULES)('as rows in memory do, bit by bit, on 1 thread and on 2: %s', async (rule) => {
    const wanted = await wantedOf(rows, rule);
    for (const threads of [1, 2]) {
      expect(digestOf((await aggregated(paths, rule, { threads })).value)).toBe(wanted);
    }
  });

  test('as rows in memory do where some are of half precision', async () => {
    await writeClient('half.safetensors', rows[4]!, bf16Of);
    const names = paths.with(4, 'half.safetensors');
    // Rows are in the order of names, which no median shows.
    expect(digestOf((await aggregated(names, 'median')).value)).toBe(
      await wantedOf(rows, 'median'),
    );
  });

  test('as differences to a base', async () => {
    const base = rows[0]!.map((_, j) => (j % 7) / 8);
    await writeClient('base.safetensors', base, f32Of);
    const { value } = await aggregated(paths, 'median', { base: 'base.safetensors' });
    // The base plus the median of exact differences to it, since all are multiples of 1/8.
    expect(digestOf(value)).toBe(await wantedOf(rows, 'median'));
  });

  test('without the client whose last entry is not a number', async () => {
    const spoilt = rows[3]!.slice();
    spoilt[COLS - 1] = Number.NaN;
    await writeClient('spoilt.safetensors', spoilt, f32Of);
    const names = paths.with(3, 'spoilt.safetensors');
    const { value, report } = await aggregated(names, 'median');
    const verdicts = report.clients.map(({ client, verdict }) => [client, verdict]);
    expect(verdicts).toContainEqual(['spoilt.safetensors', 'excluded']);
    const others = rows.filter((_, i) => i !== 3);
    expect(digestOf(value)).toBe(await wantedOf(others, 'median'));
  });

  test('without the client whose file is cut short', async () => {
    await copyFile(at(paths[3]!), at('cut.safetensors'));
    await truncate(at('cut.safetensors'), 4 * 300_000);
    const { value, report } = await aggregated(paths.with(3, 'cut.safetensors'), 'median');
    expect(report.clients.find(({ client }) => client === 'cut.safetensors')).toMatchObject({
      verdict: 'excluded',
      reasons: [expect.stringMatching(/^malformed/)],
    });
    const others = rows.filter((_, i) => i !== 3);
    expect(digestOf(value)).toBe(await wantedOf(others, 'median'));
  });
});

describe('while files are read', () => {
  /** Aggregates, and calls `meddle` at the first news of progress. */
  async function meddled(
    names: readonly string[],
    meddle: () => void | Promise<void>,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Progress[]> {
    await using backend = await createBackend('wasm', { threads: 2, memory: MEMORY });
    const told: Progress[] = [];
    await aggregateFiles(names.map(at), parseRule('multi-krum:f=2'), {
      output: at('meddled.npy'),
      backend,
      policies: { between: 'exclude', steps: 'exclude' },
      ...(signal && { signal }),
      onProgress(progress) {
        if (told.length === 0) void meddle();
        told.push(progress);
      },
    });
    return told;
  }

  test('a file that shrinks is the server’s trouble, told of its client', async () => {
    await copyFile(at(paths[6]!), at('shrinking.safetensors'));
    const names = paths.with(6, 'shrinking.safetensors');
    // The second tensor goes; the first shards may be read already.
    const failed = meddled(names, () => truncate(at('shrinking.safetensors'), 4 * TORN));
    await expect(failed).rejects.toMatchObject({
      code: 'unreadable',
      message: expect.stringMatching(
        /^could not read entries \d+ to \d+ of the update of "shrinking\.safetensors": .*: ended at byte \d+, shorter than when it was opened$/,
      ),
      cause: { code: 'malformed' },
    });
    expect(await readdir(folder)).not.toContain('meddled.npy');
  });

  test('a signal ends it', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const ended = meddled(paths, () => controller.abort(reason), { signal });
    await expect(ended).rejects.toBe(reason);
  });

  test('progress goes from step to step, and to the end of each', async () => {
    const told = await meddled(paths, () => {});
    const steps = [...new Set(told.map(({ step }) => step))];
    // Pairs, and the mean of the rows that they choose.
    expect(steps).toEqual(['screen', 'write']);
    for (const step of steps) {
      const done = told.filter((progress) => progress.step === step).map(({ done }) => done);
      expect(done.every((share) => share >= 0 && share <= 1)).toBe(true);
      expect(done).toContain(1);
    }
    expect(bytesOf(await readFile(at('meddled.npy'))).length).toBeGreaterThan(4 * COLS);
  });
});
