/**
 * What the commands of `aggregis privacy` share: options that describe a round, the event that they
 * mean, and how results are said.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Accountant } from '../privacy/accountants/accountant.ts';
import { ACCOUNTANT_NAMES, ACCOUNTANTS, type AccountantName } from '../privacy/accountants/all.ts';
import { calibrateNoise } from '../privacy/calibrate.ts';
import {
  NO_SAMPLING,
  type PrivacyEvent,
  type PrivacyUnit,
  type Relation,
  type Sampling,
} from '../privacy/event.ts';
import { parseCount, parsePositive } from './arguments.ts';
import { EXIT_CODES, UsageError } from './failure.ts';

/** The options of a plan of like rounds. */
export interface RoundFlags {
  readonly steps: number;
  readonly delta: number;
  readonly samplingRate?: number;
  readonly cohort?: number;
  readonly population?: number;
  readonly relation?: Relation;
  readonly unit: PrivacyUnit;
  readonly json?: true;
}

const RELATIONS = ['add-remove', 'replace-one', 'zero-out'] as const satisfies readonly Relation[];
const UNITS = ['client', 'record'] as const satisfies readonly PrivacyUnit[];

const DETAILS = `
The noise multiplier z is the standard deviation of normal noise over the sensitivity of what is released:
how far one unit can move it between two inputs that are to be hard to tell apart. For a sum of vectors
clipped to norm C that is
  add-remove   C   a unit more or less, the number of units being private
  zero-out     C   a unit's part set to zero, the number being public
  replace-one  2C  a unit's part replaced by another, the number being public
so that the same z is twice the noise under replace-one. (A trimmed mean has a bound of its own: see
docs/privacy.md.)

Who takes part in a round:
  everybody                     no option, or --sampling-rate 1
  each by a coin of its own     --sampling-rate q; add-remove or zero-out
  m of n, all subsets alike     --cohort m --population n; replace-one
Chance counts only where nobody who sees results knows who took part.

Accountants:
  rdp       Rényi divergence; a bound
  pld       the distribution of the loss, composed by transforms; a bound, the tightest here
  gaussian  exact, without sampling
  zcdp      zero-concentrated privacy; a bound, without sampling
  gdp       the central limit, to compare with; an estimate, and no bound
`;

/** Options of the rounds. */
export function withRounds(command: Command): Command {
  return command
    .requiredOption('--steps <n>', 'rounds', parseCount)
    .requiredOption('--delta <δ>', 'between 0 and 1', parseDelta)
    .addOption(
      new Option('--sampling-rate <q>', 'chance of a unit to be in a round (default: 1)')
        .argParser(parseRate)
        .conflicts(['cohort', 'population']),
    )
    .option('--cohort <m>', 'units in a round, drawn without replacement', parseCount)
    .option('--population <n>', 'units to draw from', parseCount)
    .addOption(
      new Option(
        '--relation <name>',
        'between which inputs (default: replace-one with --cohort, else add-remove)',
      ).choices(RELATIONS),
    )
    .addOption(
      new Option('--unit <name>', 'whose presence is hidden; rates and cohorts are of these')
        .choices(UNITS)
        .default('client' satisfies PrivacyUnit),
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', DETAILS + EXIT_CODES);
}

/** `--accountant`. */
export function accountantOption(): Option {
  return new Option('--accountant <name>', 'who adds up')
    .choices([...ACCOUNTANT_NAMES])
    .default('rdp' satisfies AccountantName);
}

/** A number above 0 and below 1. */
function parseDelta(text: string): number {
  const value = parsePositive(text);
  if (value < 1) return value;
  throw new InvalidArgumentError(`It must be between 0 and 1, got "${text}".`);
}

function parseRate(text: string): number {
  const value = parsePositive(text);
  if (value <= 1) return value;
  throw new InvalidArgumentError(`It must be above 0 and at most 1, got "${text}".`);
}

/** A round with normal noise on the sum, but for the noise. */
export type Round = Pick<PrivacyEvent, 'sampling' | 'relation'>;

/**
 * What the options say of a round.
 *
 * @throws {UsageError} if one of them lacks another, or is out of the other's range.
 */
export function roundOf(flags: RoundFlags): Round {
  const sampling = samplingOf(flags);
  const usual = sampling.kind === 'without-replacement' ? 'replace-one' : 'add-remove';
  return { sampling, relation: flags.relation ?? usual };
}

function samplingOf({ samplingRate = 1, cohort, population }: RoundFlags): Sampling {
  if (cohort === undefined && population === undefined) {
    return samplingRate === 1 ? NO_SAMPLING : { kind: 'poisson', rate: samplingRate };
  }
  if (cohort === undefined) throw new UsageError('--population needs --cohort, of how many units');
  if (population === undefined) throw new UsageError('--cohort needs --population, to draw from');
  if (cohort > population) {
    throw new UsageError(
      `--cohort must be from 1 to --population, which is ${population}, got ${cohort}`,
    );
  }
  return cohort === population ? NO_SAMPLING : { kind: 'without-replacement', cohort, population };
}

/** The round with this noise. */
export function eventOf({ sampling, relation }: Round, noiseMultiplier: number): PrivacyEvent {
  return { mechanism: { kind: 'gaussian', noiseMultiplier }, sampling, relation };
}

/** The least noise multiplier with which the rounds keep ε. */
export function noiseFor(
  round: Round,
  target: Pick<RoundFlags, 'steps' | 'delta'> & {
    readonly epsilon: number;
    readonly accountant: AccountantName;
  },
): number {
  const { steps, delta, epsilon } = target;
  const compose = (accountant: Accountant, z: number): void =>
    accountant.compose(eventOf(round, z), steps);
  const accountant = ACCOUNTANTS[target.accountant];
  return calibrateNoise(compose, { epsilon, delta, accountant }).noiseMultiplier;
}

/** Standard deviation of the noise over the norm that units are clipped to, for a sum. */
export function noiseOverNorm({ relation }: Round, noiseMultiplier: number): number {
  return relation === 'replace-one' ? 2 * noiseMultiplier : noiseMultiplier;
}

/** What is hidden, in words. */
export function promiseOf({ relation }: Round, unit: PrivacyUnit): string {
  switch (relation) {
    case 'add-remove':
      return `one ${unit} more or less`;
    case 'replace-one':
      return `one ${unit} in place of another`;
    case 'zero-out':
      return `one ${unit}’s part set to zero`;
    default:
      return relation satisfies never;
  }
}

/** Who takes part, in words. */
export function participationOf({ sampling }: Round, unit: PrivacyUnit): string {
  switch (sampling.kind) {
    case 'none':
      return `every ${unit} in every round`;
    case 'poisson':
      return `each ${unit} by a coin of ${sampling.rate}`;
    default:
      return `${sampling.cohort} of ${sampling.population} ${unit}s a round`;
  }
}

/** Six digits, the last one rounded up: what is printed is a bound too. */
export function upwards(value: number): string {
  const near = Number(value.toPrecision(6));
  if (!Number.isFinite(value) || near >= value) return String(near);
  const unit = 10 ** (Math.floor(Math.log10(value)) - 5);
  return String(Number((near + unit).toPrecision(6)));
}
