/**
 * The server's control variate, as a client reads it: the state of SCAFFOLD's optimiser, one vector in the
 * order of the model's columns, cut into the model's tensors.
 *
 * @module
 */

import { FederationError, FormatError } from '../../core/errors.ts';
import { bytesSource } from '../../formats/byte-source.ts';
import { readFloats } from '../../formats/dtype.ts';
import { compareNames, readSafetensorsHeader } from '../../formats/safetensors.ts';
import type { Model, Tensors } from './model.ts';

/** What the server calls the vector. Its columns are those of the model: tensors by name. */
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
  { tensors }: Pick<Model, 'tensors'>,
): Promise<Map<string, Float32Array>> {
  try {
    const names = [...tensors.keys()].sort(compareNames);
    const cols = names.reduce((sum, name) => sum + tensors.get(name)!.values.length, 0);
    const source = bytesSource('control variate', file);
    const found = (await readSafetensorsHeader(source)).tensors.get(NAME);
    if (found?.dtype !== 'F32' || found.shape.length !== 1 || found.shape[0] !== cols) {
      throw new FormatError('mismatch', `control variate: needs F32 [${cols}]`);
    }
    const row = new Float32Array(cols);
    await readFloats(source, found.from, { dtype: 'F32', into: row });
    let at = 0;
    return new Map(
      names.map((name) => {
        const from = at;
        at += tensors.get(name)!.values.length;
        return [name, row.slice(from, at)];
      }),
    );
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new FederationError('protocol', cause.message, { cause });
  }
}
