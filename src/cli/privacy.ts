/**
 * `aggregis privacy …`: what noise costs, and how much of it a promise takes.
 *
 * @module
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { Accountant } from '../privacy/accountants/accountant.ts';
import { ACCOUNTANT_NAMES, ACCOUNTANTS, type AccountantName } from '../privacy/accountants/all.ts';
import { RdpAccountant } from '../privacy/accountants/rdp.ts';
import { calibrateNoise } from '../privacy/calibrate.ts';
import { NO_SAMPLING, type PrivacyEvent } from '../privacy/event.ts';
import { parseCount, parsePositive } from './arguments.ts';
import { EXIT_CODES } from './failure.ts';

/** The options that both commands have. */
interface CommonFlags {
  readonly samplingRate: number;
  readonly steps: number;
  readonly delta: number;
  readonly accountant: AccountantName;
  readonly json?: true;
}

interface EpsilonFlags extends CommonFlags {
  readonly noiseMultiplier: number;
}

interface CalibrateFlags extends CommonFlags {
  readonly epsilon: number;
}

/** What is printed; `order` is of `rdp`. */
interface Outcome {
  readonly epsilon: number;
  readonly delta: number;
  readonly accountant: AccountantName;
  readonly noiseMultiplier: number;
  readonly samplingRate: number;
  readonly steps: number;
  readonly order?: number;
  /** There where the accountant proves nothing. */
  readonly isEstimate?: true;
}

const DETAILS = `
The noise multiplier is the standard deviation of normal noise on a sum, over the norm that updates are
clipped to. Each client is in a round by a coin of its own, and one client more or less is to make no
difference; with a sampling rate of 1 everybody takes part.

Accountants:
  rdp       Rényi divergence; a bound
  pld       the distribution of the loss, composed by transforms; a bound, the tightest here
  gaussian  exact, without sampling
  zcdp      zero-concentrated privacy; a bound, without sampling
  gdp       the central limit, to compare with; an estimate, and no bound
`;

/** The command. */
export function privacyCommand(): Command {
  return new Command('privacy')
    .summary('tell what private rounds cost, and find the noise for a promise')
    .description('Accounts for rounds with normal noise.')
    .addCommand(epsilonCommand())
    .addCommand(calibrateCommand())
    .addHelpText('after', EXIT_CODES);
}

function epsilonCommand(): Command {
  return withCommonOptions(new Command('epsilon'))
    .summary('epsilon of rounds with this noise')
    .description('Tells epsilon at delta of rounds with this noise.')
    .requiredOption('--noise-multiplier <z>', 'noise over sensitivity', parsePositive)
    .action((flags: EpsilonFlags) => {
      const accountant = ACCOUNTANTS[flags.accountant]();
      accountant.compose(eventOf(flags.noiseMultiplier, flags), flags.steps);
      print(outcomeOf(accountant, flags), flags, textOfEpsilon);
    });
}

function calibrateCommand(): Command {
  return withCommonOptions(new Command('calibrate'))
    .summary('the least noise that keeps epsilon')
    .description('Finds the least noise multiplier with which rounds keep epsilon at delta.')
    .requiredOption('--epsilon <ε>', 'what is promised, above 0', parsePositive)
    .action((flags: CalibrateFlags) => {
      const { noiseMultiplier } = calibrateNoise(
        (accountant, z) => accountant.compose(eventOf(z, flags), flags.steps),
        { ...flags, accountant: ACCOUNTANTS[flags.accountant] },
      );
      const accountant = ACCOUNTANTS[flags.accountant]();
      accountant.compose(eventOf(noiseMultiplier, flags), flags.steps);
      print(outcomeOf(accountant, { ...flags, noiseMultiplier }), flags, textOfNoise);
    });
}

function withCommonOptions(command: Command): Command {
  return command
    .requiredOption('--steps <n>', 'rounds', parseCount)
    .requiredOption('--delta <δ>', 'between 0 and 1', parseDelta)
    .option('--sampling-rate <q>', 'chance of a client to be in a round', parseRate, 1)
    .addOption(
      new Option('--accountant <name>', 'who adds up')
        .choices([...ACCOUNTANT_NAMES])
        .default('rdp' satisfies AccountantName),
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', DETAILS + EXIT_CODES);
}

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

/** A round with normal noise on the sum. */
function eventOf(noiseMultiplier: number, { samplingRate }: CommonFlags): PrivacyEvent {
  return {
    mechanism: { kind: 'gaussian', noiseMultiplier },
    sampling: samplingRate === 1 ? NO_SAMPLING : { kind: 'poisson', rate: samplingRate },
    relation: 'add-remove',
  };
}

function outcomeOf(accounting: Accountant, flags: EpsilonFlags): Outcome {
  const { delta, accountant, noiseMultiplier, samplingRate, steps } = flags;
  const guarantee =
    accounting instanceof RdpAccountant
      ? accounting.guarantee(delta)
      : { epsilon: accounting.epsilon(delta) };
  const estimate = accounting.isEstimate ? { isEstimate: true as const } : {};
  return { ...guarantee, delta, accountant, noiseMultiplier, samplingRate, steps, ...estimate };
}

function print(outcome: Outcome, { json }: CommonFlags, textOf: (o: Outcome) => string): void {
  process.stdout.write(`${json ? JSON.stringify(outcome) : textOf(outcome)}\n`);
}

function textOfEpsilon(outcome: Outcome): string {
  return `epsilon ${upwards(outcome.epsilon)} at delta ${outcome.delta} (${byWhom(outcome)})`;
}

function textOfNoise(outcome: Outcome): string {
  const { noiseMultiplier, delta } = outcome;
  const noise = `noise multiplier ${upwards(noiseMultiplier)}`;
  return `${noise}: epsilon ${upwards(outcome.epsilon)} at delta ${delta} (${byWhom(outcome)})`;
}

function byWhom({ accountant, order, isEstimate }: Outcome): string {
  if (isEstimate) return `${accountant}, an estimate and no bound`;
  return order === undefined ? accountant : `${accountant}, order ${Number(order.toPrecision(4))}`;
}

/** Six digits, the last one rounded up: what is printed is a bound too. */
function upwards(value: number): string {
  const near = Number(value.toPrecision(6));
  if (near >= value) return String(near);
  const unit = 10 ** (Math.floor(Math.log10(value)) - 5);
  return String(Number((near + unit).toPrecision(6)));
}
