/**
 * Golden vectors made on the spot: an index, its inputs and its packs in a folder of their own.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a fixture holds; every part can be overridden to break it. */
export interface GoldenFixture {
  /** Rows of the one input, called `x`. */
  readonly rows?: readonly (readonly number[])[];
  /** Numbers of the pack `expected.f64`. */
  readonly expected?: readonly number[];
  /** Numbers of the pack `tol.f32`. */
  readonly tolerances?: readonly number[];
  /** Fields of each case, over those of a plain mean of `x`. */
  readonly cases: readonly Readonly<Record<string, unknown>>[];
  /** Fields of the index, over the right ones. */
  readonly index?: Readonly<Record<string, unknown>>;
  /** Fields of the input's entry, over the right ones. */
  readonly input?: Readonly<Record<string, unknown>>;
}

/** The rows that fixtures use unless told otherwise: mean (2, 20), median (1, 20). */
export const ROWS: readonly (readonly number[])[] = [
  [1, 10],
  [0, 20],
  [5, 30],
];

/** Writes a fixture; disposing of it removes the folder. */
export async function writeGolden(
  fixture: GoldenFixture,
): Promise<{ file: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'aggregis-golden-'));
  await mkdir(join(folder, 'inputs'));
  const rows = fixture.rows ?? ROWS;
  const shape = [rows.length, rows[0]!.length];
  const x = await put(folder, 'inputs/x.f32', Float32Array.from(rows.flat()));
  const expected = await put(folder, 'expected.f64', Float64Array.from(fixture.expected ?? []));
  const tolerances = await put(folder, 'tol.f32', Float32Array.from(fixture.tolerances ?? []));
  const index = {
    format: 1,
    inputs: { x: { file: 'inputs/x.f32', shape, sha256: x.sha256, ...fixture.input } },
    packs: { 'expected.f64': expected, 'tol.f32': tolerances },
    cases: fixture.cases.map((fields, i) => ({
      id: `case#${i}`,
      rule: 'mean',
      params: {},
      input: 'x',
      class: 'normal',
      shape: [shape[1]],
      tol: { abs: 0.5, rel: 0 },
      ...fields,
    })),
    ...fixture.index,
  };
  const file = join(folder, 'index.json');
  await writeFile(file, JSON.stringify(index));
  return {
    file,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function put(
  folder: string,
  name: string,
  values: Float32Array | Float64Array,
): Promise<{ bytes: number; sha256: string }> {
  const bytes = new Uint8Array(values.buffer);
  await writeFile(join(folder, name), bytes);
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
