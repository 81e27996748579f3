/**
 * SPECs of optimisers: one part of the grammar of `core/spec.ts`, as in `fed-adam:eta=0.1,tau=1e-3`.
 *
 * @module
 */

import { show } from '../../core/assert.ts';
import { badSpec, entryFor, makeFor, parseSpec, readOptions } from '../../core/spec.ts';
import type { OptimizerEntry } from './entry.ts';
import { optimizers } from './list.ts';
import type { Optimizer } from './optimizer.ts';

/** An optimiser, and its line in the list. */
export interface ParsedOptimizer {
  readonly optimizer: Optimizer;
  readonly entry: OptimizerEntry;
}

/**
 * The optimiser that a SPEC describes.
 *
 * @throws {AggregationError} `bad-spec`: names what is wrong, and what there is to choose from.
 */
export function parseOptimizer(spec: string): ParsedOptimizer {
  const [part, ...more] = parseSpec(spec);
  if (part === undefined || more.length > 0) {
    throw badSpec(`an optimiser has one part, got ${show(spec)}`);
  }
  const entry = entryFor(part, { kind: 'optimiser', entries: optimizers });
  const options = readOptions(part, entry.parameters);
  return { optimizer: makeFor(part, () => entry.make(options)), entry };
}
