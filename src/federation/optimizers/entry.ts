/**
 * What the list of optimisers knows of each: how its options are read from text, where it comes from,
 * and what it asks of clients.
 *
 * @module
 */

import { assertFinite } from '../../core/assert.ts';
import type { Options, Schema, SchemaOf } from '../../core/parameter.ts';
import type { ClientScalarName } from './client-scalars.ts';
import type { Optimizer } from './optimizer.ts';

interface Description {
  /** As written in a SPEC, and the name of the file. */
  readonly name: string;
  /** Where the definition comes from. */
  readonly paper: string;
  /** The step, in symbols: x the model, Δ the aggregate. */
  readonly update: string;
  /**
   * What every client must claim beside its row. Where there is something, the optimiser is refused
   * under differential privacy and secure aggregation.
   */
  readonly clientScalars: readonly ClientScalarName[];
}

/** What an optimiser gives to enter the list. */
export interface OptimizerDefinition<O extends object> extends Description {
  readonly parameters: SchemaOf<O>;
  /** The factory. */
  readonly make: (options: O) => Optimizer;
  /** Options for tests of what all optimisers promise. */
  readonly sample: O;
}

/** An optimiser in the list. */
export interface OptimizerEntry extends Description {
  readonly parameters: Schema;
  /** The factory; takes what the schema reads. */
  make(options: Options): Optimizer;
  readonly sample: Options;
}

/** Describes an optimiser whose factory takes the options O. */
export function defineOptimizer<O extends object>(
  definition: OptimizerDefinition<O>,
): OptimizerEntry {
  const { make, parameters, sample, ...description } = definition;
  return {
    ...description,
    parameters: parameters as Schema,
    // Who calls `make` has read the options with the same schema.
    make: (options) => make(options as O),
    sample: sample as Options,
  };
}

/**
 * A factor by which the past counts less with each step: in [0, 1).
 *
 * @throws {TypeError | RangeError} if it is none.
 */
export function assertDecay(name: string, value: number): number {
  if (assertFinite(name, value) >= 0 && value < 1) return value;
  throw new RangeError(`${name} must be in [0, 1), got ${value}`);
}
