/**
 * `aggregis privacy …`: what noise costs, and how much of it a promise takes.
 *
 * @module
 */

import { Command } from 'commander';
import type { Accountant } from '../privacy/accountants/accountant.ts';
import { ACCOUNTANTS, type AccountantName } from '../privacy/accountants/all.ts';
import { RdpAccountant } from '../privacy/accountants/rdp.ts';
import type { PrivacyUnit, Relation, Sampling } from '../privacy/event.ts';
import { parsePositive } from './arguments.ts';
import { EXIT_CODES } from './failure.ts';
import {
  accountantOption,
  eventOf,
  noiseFor,
  noiseOverNorm,
  promiseOf,
  type RoundFlags,
  roundOf,
  upwards,
  withRounds,
} from './privacy-options.ts';
import { planCommand } from './privacy-plan.ts';

interface AccountedFlags extends RoundFlags {
  readonly accountant: AccountantName;
}

interface EpsilonFlags extends AccountedFlags {
  readonly noiseMultiplier: number;
}

interface CalibrateFlags extends AccountedFlags {
  readonly epsilon: number;
}

/** What is printed; `order` is of `rdp`. */
interface Outcome {
  readonly epsilon: number;
  readonly delta: number;
  readonly accountant: AccountantName;
  readonly noiseMultiplier: number;
  /** Standard deviation of the noise on a sum over the norm that is clipped to. */
  readonly noiseOverNorm: number;
  readonly sampling: Sampling;
  readonly relation: Relation;
  readonly unit: PrivacyUnit;
  readonly steps: number;
  readonly order?: number;
  /** There where the accountant proves nothing. */
  readonly isEstimate?: true;
}

/** The command. */
export function privacyCommand(): Command {
  return new Command('privacy')
    .summary('tell what private rounds cost, and find the noise for a promise')
    .description('Accounts for rounds with normal noise.')
    .addCommand(epsilonCommand())
    .addCommand(calibrateCommand())
    .addCommand(planCommand())
    .addHelpText('after', EXIT_CODES);
}

function epsilonCommand(): Command {
  return withRounds(new Command('epsilon'))
    .summary('epsilon of rounds with this noise')
    .description('Tells epsilon at delta of rounds with this noise.')
    .requiredOption('--noise-multiplier <z>', 'noise over sensitivity', parsePositive)
    .addOption(accountantOption())
    .action((flags: EpsilonFlags) => print(outcomeOf(flags), flags, textOfEpsilon));
}

function calibrateCommand(): Command {
  return withRounds(new Command('calibrate'))
    .summary('the least noise that keeps epsilon')
    .description('Finds the least noise multiplier with which rounds keep epsilon at delta.')
    .requiredOption('--epsilon <ε>', 'what is promised, above 0', parsePositive)
    .addOption(accountantOption())
    .action((flags: CalibrateFlags) => {
      const noiseMultiplier = noiseFor(roundOf(flags), flags);
      print(outcomeOf({ ...flags, noiseMultiplier }), flags, textOfNoise);
    });
}

function outcomeOf(flags: EpsilonFlags): Outcome {
  const { delta, accountant, noiseMultiplier, steps, unit } = flags;
  const round = roundOf(flags);
  const accounting = ACCOUNTANTS[accountant]();
  accounting.compose(eventOf(round, noiseMultiplier), steps);
  const { epsilon, ...order } = guaranteeOf(accounting, delta);
  return {
    epsilon,
    delta,
    accountant,
    noiseMultiplier,
    noiseOverNorm: noiseOverNorm(round, noiseMultiplier),
    ...round,
    unit,
    steps,
    ...order,
    ...(accounting.isEstimate && { isEstimate: true }),
  };
}

function guaranteeOf(
  accounting: Accountant,
  delta: number,
): { readonly epsilon: number; readonly order?: number } {
  if (!(accounting instanceof RdpAccountant)) return { epsilon: accounting.epsilon(delta) };
  const { epsilon, order } = accounting.guarantee(delta);
  return { epsilon, order };
}

function print(outcome: Outcome, { json }: RoundFlags, textOf: (o: Outcome) => string): void {
  process.stdout.write(`${json ? JSON.stringify(outcome) : textOf(outcome)}\n`);
}

function textOfEpsilon(outcome: Outcome): string {
  const promise = promiseOf(outcome, outcome.unit);
  return `epsilon ${upwards(outcome.epsilon)} at delta ${outcome.delta}, ${promise} (${byWhom(outcome)})`;
}

function textOfNoise(outcome: Outcome): string {
  const { noiseMultiplier, relation } = outcome;
  const norms = upwards(outcome.noiseOverNorm);
  const onSum = relation === 'replace-one' ? `, ${norms} clipping norms on a sum` : '';
  return `noise multiplier ${upwards(noiseMultiplier)}${onSum}: ${textOfEpsilon(outcome)}`;
}

function byWhom({ accountant, order, isEstimate }: Outcome): string {
  if (isEstimate) return `${accountant}, an estimate and no bound`;
  return order === undefined ? accountant : `${accountant}, order ${Number(order.toPrecision(4))}`;
}
