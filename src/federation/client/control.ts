/**
 * The server's control variate, as a client reads it: the state of SCAFFOLD's optimiser, one vector in the
 * order of the model's columns, cut into the model's tensors.
 *
 * @module
 */

import { FederationError, FormatError } from '../../core/errors.ts';
import { bytesSource } from '../../formats/byte-source.ts';
import { readFloats } from '../../formats/dtype.ts';
import { layoutOf } from '../../formats/layout.ts';
import { readSafetensorsHeader } from '../../formats/safetensors.ts';
import type { Model, Tensors } from './model.ts';

/** What the server calls the vector. */
const NAME = 'control';

/** Zeros: nobody has sent a change yet. */
export function zeroControl(tensors: Tensors): Map<string, Float32Array> {
  return new Map([...tensors].map(([name, { values }]) => [name, new Float32Array(values.length)]));
}

/**
 * The variate in a file.
 *
 * @throws {FederationError} `protocol` if the file is not one of this model.
 */
export async function readControl(
  file: Uint8Array,
  { file: model }: Model,
): Promise<Map<string, Float32Array>> {
  try {
    const base = await readSafetensorsHeader(bytesSource('model', model));
    const { tensors, cols } = layoutOf([], { base });
    const source = bytesSource('control variate', file);
    const found = (await readSafetensorsHeader(source)).tensors.get(NAME);
    if (found?.dtype !== 'F32' || found.shape.length !== 1 || found.shape[0] !== cols) {
      throw new FormatError('mismatch', `control variate: needs F32 [${cols}]`);
    }
    const row = new Float32Array(cols);
    await readFloats(source, found.from, { dtype: 'F32', into: row });
    return new Map(tensors.map(({ name, from, to }) => [name, row.slice(from, to)]));
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FederationError('protocol', cause.message, { cause });
  }
}
