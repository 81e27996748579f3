/**
 * `aggregis simulate --epsilon`: what hiding each client costs in accuracy, under attack.
 *
 * @module
 */

import { createBackend } from '../backend/create-node.ts';
import type { Backend } from '../backend/kernels.ts';
import { AggregationError, PrivacyError } from '../core/errors.ts';
import { drawDigits } from '../lab/glyphs.ts';
import { namedAttack, namedRule } from '../lab/named.ts';
import {
  halvedImages,
  type PrivateStudy,
  type StudyProgress,
  studyPrivacy,
} from '../lab/private-study.ts';
import { describeBackend } from '../lab/report.ts';
import { streamOf } from '../lab/sampling.ts';
import { type BackendFlags, backendOptionsOf } from './arguments.ts';
import { ofOption, UsageError } from './failure.ts';

/** The options, with the defaults of this way of running. */
export interface PrivateFlags extends BackendFlags {
  readonly epsilon: number;
  readonly delta: number;
  readonly clipNorm: number;
  readonly clients: number;
  readonly cohort: number;
  readonly attackers: number;
  readonly attack: string;
  readonly rules?: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly json?: true;
}

/** What differs from a simulation without privacy. */
export const PRIVATE_DEFAULTS = { clients: 2000, cohort: 200, rounds: 60 } as const;
/** Share of the clients that attack, unless it is said. */
export const ATTACKING_SHARE = 0.2;
const EXAMPLES_EACH = 10;
const TEST_SIZE = 2000;

/** Runs the study and prints it. */
export async function runPrivately(flags: PrivateFlags): Promise<void> {
  const { clients, cohort, attackers, seed } = flags;
  if (attackers >= clients) {
    throw new UsageError(`--attackers must be fewer than --clients (${clients}), got ${attackers}`);
  }
  if (cohort > clients) {
    throw new UsageError(`--cohort must be at most --clients (${clients}), got ${cohort}`);
  }
  const f = likelyAttackers(flags);
  const specs = flags.rules ?? [`trimmed-mean:f=${f}`, `nnm:f=${f}+trimmed-mean:f=${f}`];
  const rules = specs.map((spec) => ofOption('--rules', () => namedRule(spec)));
  const attack =
    flags.attack === 'none' ? undefined : ofOption('--attack', () => namedAttack(flags.attack));
  await using backend = await createBackend(flags.backend, backendOptionsOf(flags));
  // So that attackers send the same whatever the backend.
  await using attackOn = await createBackend('reference');
  const random = streamOf(seed, 'data');
  const train = halvedImages(drawDigits(clients * EXAMPLES_EACH, random));
  const test = halvedImages(drawDigits(TEST_SIZE, random));
  const data = { source: 'drawn digits of 8×8 pixels', train, test };
  if (!flags.json) process.stderr.write(opening(flags, backend));
  const onRound = flags.json ? undefined : show;
  const { backend: _, rules: __, attack: ___, ...numbers } = flags;
  const study = await refusing(() =>
    studyPrivacy({
      ...numbers,
      data,
      population: clients,
      rules,
      attack,
      backend,
      attackOn,
      onRound,
    }),
  );
  process.stdout.write(
    flags.json ? `${JSON.stringify(asJson(study, flags, backend))}\n` : table(study, flags),
  );
}

/**
 * Attackers that a cohort drawn by lot hardly ever exceeds: the mean of the hypergeometric
 * distribution and two standard deviations.
 */
export function likelyAttackers({
  clients,
  cohort,
  attackers,
}: Pick<PrivateFlags, 'clients' | 'cohort' | 'attackers'>): number {
  const share = attackers / clients;
  const unseen = clients > 1 ? (clients - cohort) / (clients - 1) : 0;
  const deviation = Math.sqrt(cohort * share * (1 - share) * unseen);
  return Math.min(attackers, Math.ceil(cohort * share + 2 * deviation));
}

/** A rule without a bound, or a promise that no noise keeps, is for whoever asked to change. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const expected = cause instanceof PrivacyError || cause instanceof AggregationError;
    if (!expected && !(cause instanceof RangeError)) throw cause;
    throw new UsageError(cause.message, { cause });
  }
}

function opening(
  { clients, cohort, attackers, attack, rounds }: PrivateFlags,
  { info }: Backend,
): string {
  const who = attack === 'none' ? 'nobody attacks' : `${attackers} attack (${attack})`;
  return (
    `${clients} clients, ${who}; cohorts of ${cohort} by lot, ${rounds} rounds\n` +
    `backend ${describeBackend(info)}\n`
  );
}

/** The round that is done, on a terminal alone. */
function show({ rule, noisy, round }: StudyProgress): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\u001b[K${rule} ${noisy ? 'with' : 'without'} noise: round ${round}\r`);
}

function table(study: PrivateStudy, { epsilon, delta, clipNorm }: PrivateFlags): string {
  const width = Math.max(4, ...study.rules.map(({ rule }) => rule.length));
  const lines = study.rules.map(({ rule, withoutNoise, withNoise }) => {
    const cost = 100 * (withoutNoise.accuracy - withNoise.accuracy);
    const numbers = [
      percent(withoutNoise.accuracy).padStart(13),
      percent(withNoise.accuracy).padStart(10),
      `${cost.toFixed(1)} points`.padStart(12),
      withNoise.epsilon.toFixed(3).padStart(8),
    ];
    return `${rule.padEnd(width)}${numbers.join('')}`;
  });
  const titles = `${'rule'.padEnd(width)}without noise with noise        cost       ε`;
  return (
    `\nEach client is hidden at ε = ${epsilon}, δ = ${delta}: one replaced by another, all rounds together.\n` +
    `Updates are clipped to ${clipNorm}; noise is ${study.noiseMultiplier.toFixed(3)} times what one client can move; ` +
    `${study.parameters} parameters.\n\n${[titles, ...lines].join('\n')}\n\n` +
    'Noise came from the seed, so that the run can be repeated: nothing of a rehearsal is private.\n'
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function asJson(study: PrivateStudy, flags: PrivateFlags, { info }: Backend): object {
  const { epsilon, delta, clipNorm, clients, cohort, attackers, attack, rounds, seed } = flags;
  const setting = { epsilon, delta, clipNorm, clients, cohort, attackers, attack, rounds, seed };
  return { ...setting, backend: info.name, adapter: info.adapter, ...study };
}
