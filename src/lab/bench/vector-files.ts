/**
 * Rows and results as npy files: how they travel between processes.
 *
 * @module
 */

import { fileSource, writeFileAtomic } from '../../formats/node-files.ts';
import { writeNpy } from '../../formats/npy.ts';
import { npyRows } from '../../formats/rows.ts';

/** Writes rows as a matrix, or one row as a vector if `flat`. */
export async function writeRows(
  path: string,
  rows: readonly Float32Array[],
  { flat = false }: { flat?: boolean } = {},
): Promise<void> {
  const cols = rows[0]!.length;
  const shape = flat ? [cols] : [rows.length, cols];
  await writeFileAtomic(path, (append) => writeNpy(append, { shape, data: rows }));
}

/** The first row of a file. */
export async function readVector(path: string): Promise<Float32Array> {
  await using source = await fileSource(path);
  const [row] = await npyRows(source);
  const values = new Float32Array(row!.cols);
  await row!.read(0, row!.cols, values);
  return values;
}
