/**
 * Datasets from disk: MNIST's IDX files or a table, either of them gzipped or not.
 *
 * The one file of the data side that knows Node; bytes are understood by `idx.ts` and `csv.ts`.
 *
 * @module
 */

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { FormatError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { parseCsv } from './csv.ts';
import { type Dataset, scaleByTraining, splitTrainTest, type TrainTest } from './dataset.ts';
import { type IdxArray, idxDataset, parseIdx } from './idx.ts';

/** Largest file that is read, after decompression. MNIST's largest is 45 MiB. */
const MAX_BYTES = 256 * 2 ** 20;
const TEST_SHARE = 0.2;

/** How a file is cut where it brings no test of its own. */
export interface LoadOptions {
  readonly random: Random;
}

/**
 * Loads a dataset for training and test.
 *
 * - A folder, or one of the files in it, with MNIST's names (`train-images-idx3-ubyte`,
 *   `train-labels-idx1-ubyte`, and for the test `t10k-…`; also with a dot before `idx`, also `.gz`).
 * - A file whose name ends in `.csv` or `.csv.gz`: see `csv.ts`. A random fifth is kept for the
 *   test, and each column is scaled to [0, 1].
 *
 * @throws {FormatError} if the files are not what their names say, disagree, or exceed 256 MiB.
 * @throws {Error} Node's own, if a file cannot be read.
 */
export async function loadData(path: string, options: LoadOptions): Promise<TrainTest> {
  if ((await stat(path)).isDirectory()) return loadIdx(path, options);
  if (/\.csv(\.gz)?$/i.test(path)) return loadCsv(path, options);
  if (/idx\d/i.test(basename(path))) return loadIdx(dirname(path), options);
  throw new FormatError(
    'unsupported',
    `${path}: needs a name that ends in .csv or .csv.gz, or MNIST's IDX names`,
  );
}

async function loadCsv(path: string, options: LoadOptions): Promise<TrainTest> {
  const text = decodeText(await readBounded(path), path);
  const data = parseCsv(text, basename(path));
  if (data.size < 2) throw new FormatError('mismatch', `${path}: needs 2 examples, got 1`);
  const split = splitTrainTest(data, {
    source: basename(path),
    testShare: TEST_SHARE,
    random: options.random,
  });
  return scaleByTraining(split);
}

async function loadIdx(folder: string, options: LoadOptions): Promise<TrainTest> {
  const names = await readdir(folder);
  const train = await loadIdxPair(folder, names, 'train');
  if (!train) {
    throw new FormatError('mismatch', `${folder}: holds no file named train-images…idx3…`);
  }
  const test = await loadIdxPair(folder, names, 't10k');
  const source = `IDX files in ${basename(folder)}`;
  if (!test) {
    if (train.size < 2) throw new FormatError('mismatch', `${folder}: needs 2 images, got 1`);
    return splitTrainTest(train, { source, testShare: TEST_SHARE, random: options.random });
  }
  if (train.features !== test.features) {
    throw new FormatError(
      'mismatch',
      `${folder}: training images have ${train.features} pixels, test images ${test.features}`,
    );
  }
  const classes = Math.max(train.classes, test.classes);
  return { source, train: { ...train, classes }, test: { ...test, classes } };
}

/** Images and labels of one half, or nothing if the folder holds no images of it. */
async function loadIdxPair(
  folder: string,
  names: readonly string[],
  half: 'train' | 't10k',
): Promise<Dataset | undefined> {
  const find = (kind: string) =>
    names.find((name) => new RegExp(`^${half}-${kind}[-.]idx\\d-ubyte(\\.gz)?$`).test(name));
  const [images, labels] = [find('images'), find('labels')];
  if (!images) return undefined;
  if (!labels) {
    throw new FormatError('mismatch', `${join(folder, images)}: no file of labels beside it`);
  }
  const read = async (name: string): Promise<IdxArray> =>
    parseIdx(await readBounded(join(folder, name)), name);
  return idxDataset(await read(images), await read(labels), images);
}

/** A file's bytes, unzipped if its name says so, never more than the limit. */
async function readBounded(path: string): Promise<Uint8Array> {
  const found = await stat(path);
  // Reading a pipe would wait for a writer, for ever.
  if (!found.isFile()) throw new FormatError('unsupported', `${path}: is not a regular file`);
  const { size } = found;
  if (size > MAX_BYTES) {
    throw new FormatError('too-large', `${path}: ${size} bytes, the limit is ${MAX_BYTES}`);
  }
  const bytes = await readFile(path);
  if (!/\.gz$/i.test(path)) return bytes;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new FormatError('too-large', `${path}: unzips to more than ${MAX_BYTES} bytes`, {
        cause,
      });
    }
    throw new FormatError('malformed', `${path}: is not a gzip file`, { cause });
  }
}

function decodeText(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError('malformed', `${path}: is not UTF-8 text`, { cause });
  }
}
