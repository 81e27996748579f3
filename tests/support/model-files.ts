/**
 * Model files in a folder of their own, for tests and nothing else.
 *
 * @module
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { writeFileAtomic } from '../../src/formats/node-files.ts';
import { writeNpy } from '../../src/formats/npy.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { bytesOf, contents, open, type Spec } from '../formats/support.ts';

/** A new folder, gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aggregis-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A tensor of f32. */
export function floats(shape: readonly number[], ...values: number[]): Spec {
  return ['F32', shape, bytesOf(Float32Array.from(values))];
}

/** Writes a safetensors file and gives its path. */
export async function model(
  path: string,
  tensors: Readonly<Record<string, Spec>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const list = Object.entries(tensors).map(([name, [dtype, shape, data]]) => {
    return { name, dtype, shape, data: [data] };
  });
  await writeFileAtomic(path, (append) =>
    writeSafetensors(append, list, { metadata: new Map(Object.entries(metadata)) }),
  );
  return path;
}

/** Writes an npy file and gives its path. */
export async function npy(
  path: string,
  shape: readonly number[],
  values: readonly number[],
): Promise<string> {
  const data = [Float32Array.from(values)];
  await writeFileAtomic(path, (append) => writeNpy(append, { shape, data }));
  return path;
}

/** The tensors of a safetensors file; those of f32 as numbers. */
export async function tensorsOf(path: string): Promise<Record<string, unknown>> {
  const file = await open(bytesSource(path, new Uint8Array(await readFile(path))));
  const found = Object.entries(await contents(file));
  return Object.fromEntries(
    found.map(([name, [dtype, , bytes]]) => [
      name,
      dtype === 'F32' ? [...new Float32Array(bytes.buffer, bytes.byteOffset)] : [dtype, ...bytes],
    ]),
  );
}
