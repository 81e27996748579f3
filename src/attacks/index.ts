/**
 * The attacks: one line each, and the SPEC that names them on a command line.
 *
 * @module
 */

import {
  badSpec,
  type OptionKind,
  type OptionsOf,
  parseSpec,
  readOptions,
  type SpecStep,
} from '../core/spec.ts';
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
  readonly options: Readonly<Record<string, OptionKind>>;
  readonly make: (step: SpecStep, surroundings: AttackSurroundings) => Attack;
}

/** Every attack, in the order of the documentation. */
export const attacks: readonly AttackEntry[] = [
  entry('sign-flip', { scale: 'number?' }, signFlip),
  entry('ipm', { tau: 'number' }, ipm),
  entry('alie', { tau: 'number?' }, alie),
  entry('mimic', { client: 'integer?' }, mimic),
  entry('gaussian', { mean: 'number?', 'std-dev': 'number?', seed: 'integer?' }, (options) => {
    const { 'std-dev': stdDev, ...rest } = options;
    return gaussian(stdDev === undefined ? rest : { ...rest, stdDev });
  }),
  entry('inf', {}, inf),
  entry('optimised-ipm', { evaluations: 'integer?' }, (options, { defence }) =>
    optimisedIpm({ ...options, defence: aimed('optimised-ipm', defence) }),
  ),
  entry('optimised-alie', { evaluations: 'integer?' }, (options, { defence }) =>
    optimisedAlie({ ...options, defence: aimed('optimised-alie', defence) }),
  ),
];

function entry<const K extends Readonly<Record<string, OptionKind>>>(
  name: string,
  options: K,
  make: (options: OptionsOf<K>, surroundings: AttackSurroundings) => Attack,
): AttackEntry {
  return {
    name,
    options,
    make: (step, surroundings) => make(readOptions(step, options), surroundings),
  };
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
  const [step, ...more] = parseSpec(spec);
  if (step === undefined || more.length > 0) {
    throw badSpec(`an attack is one step, got ${JSON.stringify(spec)}`);
  }
  const found = attacks.find(({ name }) => name === step.name);
  if (found === undefined) {
    const names = attacks.map(({ name }) => name).join(', ');
    throw badSpec(`there is no attack ${JSON.stringify(step.name)}; there are ${names}`);
  }
  try {
    return found.make(step, surroundings);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    throw badSpec(`${step.name}: ${error.message}`);
  }
}
