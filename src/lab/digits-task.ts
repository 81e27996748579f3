/**
 * The task that a federation has where nobody gave it one: digits, drawn; a small network; and figures of
 * how well it reads them.
 *
 * @module
 */

import { createRandom } from '../core/random.ts';
import type { Append, ByteSource } from '../formats/byte-source.ts';
import { layoutOf } from '../formats/layout.ts';
import { tensorRow } from '../formats/rows.ts';
import { readSafetensorsHeader, writeSafetensors } from '../formats/safetensors.ts';
import { drawDigits, GLYPH_SIDE } from './glyphs.ts';
import { type Evaluation, type Mlp, mlp } from './model.ts';

/** What the configuration calls the model of this task. */
export const DIGITS_MODEL = 'digits';

/** What clients are told. */
export const DIGITS_TRAINING = {
  task: 'digits',
  batch: 32,
  epochs: 2,
  learningRate: 0.1,
} as const;

const HIDDEN = 32;
const TEST_EXAMPLES = 1000;
/** Others than those that clients draw from. */
const TEST_SEED = 0x7e57;

/** The network. */
export function digitsModel(): Mlp {
  return mlp({ features: GLYPH_SIDE * GLYPH_SIDE, hidden: HIDDEN, classes: 10 });
}

/** Writes the first model. */
export async function writeDigitsModel(append: Append, seed = 1): Promise<void> {
  const model = digitsModel();
  await writeModel(append, model, model.initialParameters(createRandom(seed)));
}

/** Writes parameters of a network as safetensors. */
export async function writeModel(
  append: Append,
  { tensors }: Mlp,
  parameters: Float32Array,
): Promise<void> {
  await writeSafetensors(
    append,
    tensors.map(({ name, shape, offset }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      const values = parameters.slice(offset, offset + length);
      return { name, shape, dtype: 'F32', data: [new Uint8Array(values.buffer)] };
    }),
  );
}

/** The parameters in a file of {@link writeModel}, flat. */
export async function parametersIn(source: ByteSource, model: Mlp): Promise<Float32Array> {
  const header = await readSafetensorsHeader(source);
  const row = tensorRow(source, header, layoutOf([], { base: header }));
  const parameters = new Float32Array(model.parameterCount);
  // Parts of the network and columns of a layout are both in the order of names.
  await row.read(0, parameters.length, parameters);
  return parameters;
}

/** How well a model file reads digits that no client has. */
export async function readsDigits(source: ByteSource): Promise<Evaluation> {
  const model = digitsModel();
  const parameters = await parametersIn(source, model);
  return model.evaluate(parameters, drawDigits(TEST_EXAMPLES, createRandom(TEST_SEED)));
}
