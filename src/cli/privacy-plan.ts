/**
 * `aggregis privacy plan`: ε over the rounds of a plan, by one accountant or several, as a chart and a
 * table in the terminal, as SVG, or as JSON.
 *
 * @module
 */

import { Command, Option } from 'commander';
import { writeFileAtomic } from '../formats/node-files.ts';
import { type EpsilonCurve, epsilonChart } from '../lab/epsilon-chart.ts';
import { ACCOUNTANT_NAMES, ACCOUNTANTS, type AccountantName } from '../privacy/accountants/all.ts';
import type { PrivacyUnit, Relation, Sampling } from '../privacy/event.ts';
import { epsilonOverSteps, spreadSteps } from '../privacy/plan.ts';
import { parsePositive } from './arguments.ts';
import { UsageError } from './failure.ts';
import {
  eventOf,
  noiseFor,
  noiseOverNorm,
  participationOf,
  promiseOf,
  type Round,
  type RoundFlags,
  roundOf,
  upwards,
  withRounds,
} from './privacy-options.ts';
import { textChart } from './text-chart.ts';

interface PlanFlags extends RoundFlags {
  readonly noiseMultiplier?: number;
  readonly epsilon?: number;
  readonly accountant: readonly AccountantName[];
  readonly svg?: string;
}

/** What is printed as JSON, and drawn. */
interface Plan {
  readonly noiseMultiplier: number;
  /** Standard deviation of the noise on a sum over the norm that is clipped to. */
  readonly noiseOverNorm: number;
  readonly delta: number;
  /** ε that was asked for. */
  readonly target?: number;
  readonly sampling: Sampling;
  readonly relation: Relation;
  readonly unit: PrivacyUnit;
  readonly steps: number;
  readonly curves: readonly (EpsilonCurve & { readonly label: AccountantName })[];
}

/** The distribution of the loss takes some 0.1 s for each. */
const POINTS = 25;

/** The command. */
export function planCommand(): Command {
  return withRounds(new Command('plan'))
    .summary('a chart of epsilon over the rounds of a plan')
    .description(
      'Shows epsilon at delta after each part of a plan, for a noise multiplier or for the least one that keeps epsilon to the end (by the first accountant).',
    )
    .addOption(
      new Option('--noise-multiplier <z>', 'noise over sensitivity')
        .argParser(parsePositive)
        .conflicts('epsilon'),
    )
    .option('--epsilon <ε>', 'what is promised at the end, above 0', parsePositive)
    .addOption(
      new Option('--accountant <names...>', 'who adds up, one or several')
        .choices([...ACCOUNTANT_NAMES])
        .default(['rdp'] satisfies AccountantName[]),
    )
    .option('--svg <file>', 'write the chart as SVG')
    .action(async (flags: PlanFlags) => {
      const plan = planOf(flags);
      if (flags.svg !== undefined) {
        const bytes = new TextEncoder().encode(`${svgOf(plan)}\n`);
        await writeFileAtomic(flags.svg, (append) => append(bytes));
      }
      process.stdout.write(`${flags.json ? JSON.stringify(plan) : textOf(plan)}\n`);
    });
}

function planOf(flags: PlanFlags): Plan {
  const { delta, epsilon, unit, steps } = flags;
  const round = roundOf(flags);
  const noiseMultiplier = noiseOf(round, flags);
  const places = spreadSteps(steps, POINTS);
  const curves = [...new Set(flags.accountant)].map((name) => {
    const accountant = ACCOUNTANTS[name]();
    const event = eventOf(round, noiseMultiplier);
    return {
      label: name,
      ...(accountant.isEstimate && { isEstimate: true as const }),
      points: epsilonOverSteps(event, { steps: places, delta, accountant }),
    };
  });
  return {
    noiseMultiplier,
    noiseOverNorm: noiseOverNorm(round, noiseMultiplier),
    delta,
    ...(epsilon !== undefined && { target: epsilon }),
    ...round,
    unit,
    steps,
    curves,
  };
}

function noiseOf(round: Round, flags: PlanFlags): number {
  if (flags.noiseMultiplier !== undefined) return flags.noiseMultiplier;
  const { epsilon, steps, delta, accountant } = flags;
  if (epsilon === undefined) {
    throw new UsageError('--noise-multiplier or --epsilon is needed, each a number above 0');
  }
  return noiseFor(round, { steps, delta, epsilon, accountant: accountant[0]! });
}

/** Two lines: what is promised, and on what. */
function headOf(plan: Plan): [string, string] {
  const { delta, unit, noiseMultiplier } = plan;
  return [
    `ε at δ = ${delta}: ${promiseOf(plan, unit)}`,
    `noise multiplier ${upwards(noiseMultiplier)}, ${participationOf(plan, unit)}`,
  ];
}

function svgOf(plan: Plan): string {
  const [title, subtitle] = headOf(plan);
  const { curves, target } = plan;
  return epsilonChart(curves, { title, subtitle, ...(target !== undefined && { target }) });
}

// In the terminal

const WIDTH = 60;
/** Rows of all charts together. */
const HEIGHT = 16;
/** Lines of the table. */
const LINES = 9;

function textOf(plan: Plan): string {
  const { curves, target } = plan;
  const finite = curves
    .flatMap(({ points }) => points.map(({ epsilon }) => epsilon))
    .filter(Number.isFinite);
  const top = Math.max(...finite, target ?? 0) || 1;
  const height = 2 * Math.max(3, Math.round(HEIGHT / curves.length / 2));
  const charts = curves.flatMap((curve) => [
    '',
    `${nameOf(curve)}, over ${plan.steps} ${plan.steps === 1 ? 'round' : 'rounds'}`,
    ...textChart({
      points: curve.points.map(({ steps, epsilon }) => ({ x: steps, y: epsilon })),
      top,
      width: WIDTH,
      height,
      ...(target !== undefined && { line: target }),
    }),
  ]);
  return [...headOf(plan), ...charts, '', ...tableOf(plan)].join('\n');
}

/** Rounds, and ε by each accountant: the first, the last, and some between. */
function tableOf({ curves, target }: Plan): string[] {
  const points = curves[0]!.points;
  const every = Math.max(1, Math.ceil((points.length - 1) / (LINES - 1)));
  const shown = points.map((_, i) => i).filter((i) => (points.length - 1 - i) % every === 0);
  if (shown[0] !== 0) shown.unshift(0);
  const rows = [
    ['rounds', ...curves.map(nameOf)],
    ...shown.map((i) => [
      String(points[i]!.steps),
      ...curves.map((curve) => upwards(curve.points[i]!.epsilon)),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join('  '));
  return target === undefined ? table : [...table, `promised: ${target}`];
}

function nameOf({ label, isEstimate }: EpsilonCurve): string {
  return isEstimate ? `${label} (estimate)` : label;
}
