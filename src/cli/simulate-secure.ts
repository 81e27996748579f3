/**
 * `aggregis simulate --secure`: the training of `aggregis simulate`, with nothing but sums for the server.
 *
 * @module
 */

import { createBackend } from '../backend/create-node.ts';
import { SecureError } from '../core/errors.ts';
import { createCohort } from '../lab/cohort.ts';
import type { TrainTest } from '../lab/dataset.ts';
import { describeBackend } from '../lab/report.ts';
import {
  type SecureTrainingResult,
  type SecureTrainingRound,
  trainSecurely,
} from '../lab/secure-training.ts';
import { createNodeCrypto } from '../secagg/crypto/create-node.ts';
import { nativeMasks } from '../secagg/masks-node.ts';
import { backendMasks } from '../secure-masks.ts';
import { type BackendFlags, backendOptionsOf } from './arguments.ts';
import { UsageError } from './failure.ts';

/** The options that matter here. */
export interface SecureFlags extends BackendFlags {
  readonly clients: number;
  readonly rounds: number;
  readonly dropout: number;
  readonly seed: number;
  readonly json?: true;
}

/** Each stage of the protocol is dropped out of twice. */
export const SECURE_ROUNDS = 10;
const FEWEST_CLIENTS = 5;

/** Runs the training and prints it. */
export async function runSecurely(flags: SecureFlags, data: TrainTest): Promise<void> {
  const { clients, rounds, dropout, seed } = flags;
  if (clients < FEWEST_CLIENTS) {
    throw new UsageError(
      `--clients must be at least ${FEWEST_CLIENTS} with --secure, got ${clients}`,
    );
  }
  await using backend = await createBackend(flags.backend, backendOptionsOf(flags));
  const crypto = await createNodeCrypto();
  try {
    const masks = backendMasks(backend, {
      randomBytes: crypto.randomBytes,
      fallback: nativeMasks(),
      onFault: ({ message }) => process.stderr.write(`${message}: going on without it\n`),
    });
    if (!flags.json) {
      process.stderr.write(
        `${clients} clients, ${percent(dropout)} of them drop out in each round; ${rounds} rounds\n` +
          `masks on ${describeBackend(backend.info)}; keys and signatures by ${crypto.name}\n\n${TITLES}\n`,
      );
    }
    const onRound = flags.json ? undefined : show;
    const cohort = createCohort(data.train, flags);
    const options = { cohort, test: data.test, rounds, dropout, seed, crypto, masks, onRound };
    const result = await refusing(() => trainSecurely(options));
    const { name, adapter } = backend.info;
    const summary = { clients, dropout, seed, backend: name, adapter, ...result };
    process.stdout.write(flags.json ? `${JSON.stringify(summary)}\n` : closing(result));
    if (result.rounds.some(({ inputs, isExact }) => inputs > 0 && !isExact)) process.exitCode = 1;
  } finally {
    await crypto.close();
  }
}

/** What no threshold does for is for whoever asked to change. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof SecureError && cause.code === 'infeasible')) throw cause;
    throw new UsageError(cause.message, { cause });
  }
}

const TITLES = 'round  dropped out        inputs  sum               sent by a client  accuracy';

function show(round: SecureTrainingRound): void {
  const sum = round.inputs === 0 ? round.refused! : round.isExact ? 'exact' : 'WRONG';
  process.stderr.write(
    `${String(round.round).padStart(5)}  ` +
      `${`${round.dropped} before ${round.stage}`.padEnd(17)}  ` +
      `${String(round.inputs).padStart(6)}  ${sum.padEnd(16)}  ` +
      `${`${(round.sentBytes / 1000).toFixed(1)} kB`.padStart(16)}  ` +
      `${percent(round.accuracy).padStart(8)}\n`,
  );
}

function closing({ rounds, parameters, accuracy, plainAccuracy }: SecureTrainingResult): string {
  const exact = rounds.filter(({ isExact }) => isExact).length;
  const given = rounds.filter(({ inputs }) => inputs > 0).length;
  return (
    `\n${exact} of ${given} sums are the plain ones to the last bit; ${rounds.length - given} rounds were given up.\n` +
    `${parameters} parameters: ${percent(accuracy)} accuracy, and ${percent(plainAccuracy)} where the server sees every update.\n`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
