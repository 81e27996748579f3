/**
 * The row of an update, tensor by tensor: the tensors of the model and, for optimisers of which clients
 * send two vectors, those of the second behind them. To screens, bounds on norms, noise and rules it is
 * one row.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import type { Layout } from '../formats/layout.ts';
import { quote } from '../formats/quote.ts';

/** What the names of tensors end in, by part: the difference, the change of a control variate. */
const ENDINGS = ['', '.control'] as const;

/** The name of the tensor that belongs to the model's tensor `name` in a part, from 0. */
export function partName(name: string, part: number): string {
  const ending = ENDINGS[part];
  if (ending === undefined) {
    throw new RangeError(`an update has at most ${ENDINGS.length} parts, got ${part + 1}`);
  }
  return name + ending;
}

/**
 * The layout of updates for a model: `parts` times its columns, one part behind the other.
 *
 * @throws {FormatError} `mismatch` if a tensor of the model has the name that a part's would have.
 */
export function updateLayout(model: Layout, parts: number): Layout {
  if (parts === 1) return model;
  const tensors = Array.from({ length: parts }, (_, part) =>
    model.tensors.map(({ name, shape, from, to }) => ({
      name: partName(name, part),
      shape,
      from: part * model.cols + from,
      to: part * model.cols + to,
    })),
  ).flat();
  const names = new Set(model.carried.map(({ name }) => name));
  for (const { name } of tensors) {
    if (names.has(name)) {
      const what = `the model has a tensor ${quote(name)}`;
      throw new FormatError('mismatch', `${what}, which is what a control variate would be called`);
    }
    names.add(name);
  }
  return { ...model, tensors, cols: parts * model.cols };
}
