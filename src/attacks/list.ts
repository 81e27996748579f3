/**
 * The attacks: one line each, and the SPEC that names them on a command line.
 *
 * @module
 */

import {
  integer,
  type Options,
  optional,
  real,
  type Schema,
  type Values,
} from '../core/parameter.ts';
import { badSpec, entryFor, makeFor, parseSpec, readOptions } from '../core/spec.ts';
import { alie } from './alie.ts';
import type { Attack } from './attack.ts';
import { gaussian } from './gaussian.ts';
import { inf } from './inf.ts';
import { ipm } from './inner-product.ts';
import { mimic } from './mimic.ts';
import { type Defence, optimisedAlie, optimisedIpm } from './optimised.ts';
import { signFlip } from './sign-flip.ts';

/** What an attack may need that no SPEC can say. */
export interface AttackSurroundings {
  /** What the optimised attacks are aimed at. */
  readonly defence?: Defence;
}

/** An attack as the command line knows it. */
export interface AttackEntry {
  readonly name: string;
  /** Its options in a SPEC. */
  readonly parameters: Schema;
  /** The attack with options that were read by `parameters`. */
  make(options: Options, surroundings: AttackSurroundings): Attack;
}

const evaluations = optional(integer('runs of the defence'));

/** Every attack, in the order of the documentation. */
export const attacks: readonly AttackEntry[] = [
  entry('sign-flip', { scale: optional(real('how much longer than the mean')) }, signFlip),
  entry('ipm', { tau: real('share of the mean') }, ipm),
  entry('alie', { tau: optional(real('standard deviations from the mean')) }, alie),
  entry('mimic', { client: optional(integer('honest row to copy')) }, mimic),
  entry(
    'gaussian',
    {
      mean: optional(real('of every coordinate')),
      'std-dev': optional(real('of every coordinate')),
      seed: optional(integer('of the draw')),
    },
    ({ 'std-dev': stdDev, ...rest }) =>
      gaussian({ ...rest, ...(stdDev !== undefined && { stdDev }) }),
  ),
  entry('inf', {}, inf),
  entry('optimised-ipm', { evaluations }, (options, { defence }) =>
    optimisedIpm({ ...options, defence: aimed('optimised-ipm', defence) }),
  ),
  entry('optimised-alie', { evaluations }, (options, { defence }) =>
    optimisedAlie({ ...options, defence: aimed('optimised-alie', defence) }),
  ),
];

function entry<S extends Schema>(
  name: string,
  parameters: S,
  make: (options: Values<S>, surroundings: AttackSurroundings) => Attack,
): AttackEntry {
  // Who calls `make` has read the options with the same schema.
  return { name, parameters, make: (options, rest) => make(options as Values<S>, rest) };
}

function aimed(name: string, defence: Defence | undefined): Defence {
  if (defence === undefined) throw badSpec(`${name} needs a defence to aim at; none is given here`);
  return defence;
}

/**
 * The attack that a SPEC names, such as `sign-flip:scale=4`, `alie` or `ipm:tau=0.5`.
 *
 * @throws {AggregationError} `bad-spec` for an unknown attack or option, or a value out of range.
 */
export function parseAttack(spec: string, surroundings: AttackSurroundings = {}): Attack {
  const [part, ...more] = parseSpec(spec);
  if (part === undefined || more.length > 0) {
    throw badSpec(`an attack has one part, got ${JSON.stringify(spec)}`);
  }
  const found = entryFor(part, { kind: 'attack', entries: attacks });
  const options = readOptions(part, found.parameters);
  return makeFor(part, () => found.make(options, surroundings));
}
