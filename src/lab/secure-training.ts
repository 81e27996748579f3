/**
 * A federated training whose server sees sums and nothing else: each round runs SAGG1 between the real
 * client and the real server, over a network that loses a part of the clients at one of the stages, and
 * is held against the plain sum of the same integers.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import { encodingOf, FEDERATION_BYTES, type RoundConfig } from '../secagg/config.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { encodeUpdate } from '../secagg/encode.ts';
import { memoryJournal } from '../secagg/journal.ts';
import type { Masks } from '../secagg/masks.ts';
import { meansOf } from '../secagg/means.ts';
import { planRound } from '../secagg/plan-round.ts';
import { KEY_BYTES } from '../secagg/suite.ts';
import type { Cohort } from './cohort.ts';
import type { Dataset } from './dataset.ts';
import { streamOf } from './sampling.ts';
import { cohortOf, type SecureCohort } from './secure/cohort.ts';
import { dropouts, STAGES, type Stage } from './secure/faults.ts';
import { simulateRound } from './secure/simulate-round.ts';
import { bytesFrom, streamNamed } from './secure/streams.ts';

/** A training. */
export interface SecureTrainingOptions {
  readonly cohort: Cohort;
  readonly test: Dataset;
  readonly rounds: number;
  /** Share of the clients that drop out in each round, in [0, 1): at one stage after the other. */
  readonly dropout: number;
  /** Fixes identities, the network and who drops out. */
  readonly seed: number;
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
  readonly onRound?: ((round: SecureTrainingRound) => void) | undefined;
}

/** What a round came to. */
export interface SecureTrainingRound {
  readonly round: number;
  /** Where clients dropped out. */
  readonly stage: Stage;
  readonly dropped: number;
  /** Inputs in the sum; 0 if the round was given up. */
  readonly inputs: number;
  /** Whether the sum is the plain one, word by word. */
  readonly isExact: boolean;
  /** Why the round was given up. */
  readonly refused: string | undefined;
  /** Largest share of a client's entries that the clip cut. */
  readonly clipped: number;
  /** Bytes that one client sent, on average. */
  readonly sentBytes: number;
  /** Of the model after the round. */
  readonly accuracy: number;
}

/** What came of it. */
export interface SecureTrainingResult {
  readonly rounds: readonly SecureTrainingRound[];
  /** Entries of the model. */
  readonly parameters: number;
  readonly accuracy: number;
  /** Of the same training with the weighted mean in floats, over the same clients, in the clear. */
  readonly plainAccuracy: number;
}

/** Entries of updates are below it in this training. */
const CLIP = 1;
/** Steps of 2⁻¹⁹ of the clip: sums of 4096 clients fit. */
const VALUE_BITS = 20;
/** Examples beyond which a client counts no more. */
const MAX_SAMPLES = 1000;
/** Virtual time; a server on the internet would wait longer. */
const DEADLINE_MS = 10_000;

/**
 * Trains. The same options give the same model.
 *
 * @throws {TypeError | RangeError} if an option is outside its range.
 */
export async function trainSecurely(options: SecureTrainingOptions): Promise<SecureTrainingResult> {
  const { cohort, test, seed, crypto } = options;
  assertInteger('rounds', options.rounds, 1);
  const clients = assertInteger('clients', cohort.names.length, 5);
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    throw new RangeError(`dropout must be in [0, 1), got ${show(options.dropout)}`);
  }
  const parties = await cohortOf(clients, { seed, crypto });
  const journals = parties.clients.map(() => memoryJournal());
  const draws = streamOf(seed, 'dropouts');
  const [secure, plain] = [0, 1].map(() => cohort.initialParameters.slice());
  const rounds: SecureTrainingRound[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const stage = STAGES[(round - 1) % STAGES.length]!;
    const away = draws.permutation(clients).slice(0, Math.round(options.dropout * clients));
    const batches = cohort.drawBatches();
    const updates = parties.clients.map((_, i) => cohort.update(i, secure!, batches));
    const played = await play({ ...options, parties, journals, updates, round, stage, away });
    step(secure!, played.mean);
    const members = played.members ?? [];
    const inTheClear = members.map((i) => cohort.update(i, plain!, batches));
    step(
      plain!,
      weightedMean(
        inTheClear,
        members.map((i) => samplesOf(cohort, i)),
      ),
    );
    const { accuracy } = cohort.model.evaluate(secure!, test);
    const outcome = { ...played.outcome, round, stage, dropped: away.length, accuracy };
    rounds.push(outcome);
    options.onRound?.(outcome);
  }
  return {
    rounds,
    parameters: secure!.length,
    accuracy: rounds.at(-1)!.accuracy,
    plainAccuracy: cohort.model.evaluate(plain!, test).accuracy,
  };
}

/** A round of the protocol. */
async function play({
  parties,
  journals,
  updates,
  stage,
  away,
  round,
  ...options
}: SecureTrainingOptions & {
  readonly parties: SecureCohort;
  readonly journals: ReturnType<typeof memoryJournal>[];
  readonly updates: readonly Float32Array[];
  readonly round: number;
  readonly stage: Stage;
  readonly away: readonly number[];
}) {
  const { cohort, crypto, masks, seed } = options;
  const config = configOf(options, { round, dimensions: updates[0]!.length });
  let clipped = 0;
  const played = await simulateRound({
    cohort: parties,
    config,
    crypto,
    seed: seed * 1000 + round,
    journals,
    masks: () => masks,
    tamper: dropouts({ [stage]: away }),
    inputs: (client, { canary }) => {
      const key = bytesFrom(streamNamed(options, 'rounding', round, client), KEY_BYTES);
      const samples = samplesOf(cohort, client);
      const update = updates[client]!;
      const encoded = encodeUpdate(encodingOf(config), {
        update,
        samples,
        key,
        ctxConstants: canary,
      });
      key.fill(0);
      clipped = Math.max(clipped, encoded.clippedFraction);
      return encoded.words;
    },
  });
  const [sum] = played.sums;
  const [mean] = meansOf(played, { config, crypto });
  const why = played.refusal;
  return {
    mean: mean?.row,
    members: sum?.members,
    outcome: {
      inputs: sum?.members.length ?? 0,
      isExact: sum?.isExact ?? false,
      refused: why && `${why.reason}, ${why.have} of ${why.need}`,
      clipped,
      sentBytes: played.transcript.sentBytes.byClients / parties.clients.length,
    },
  };
}

function configOf(
  { cohort, dropout, seed, crypto }: SecureTrainingOptions,
  { round, dimensions }: { round: number; dimensions: number },
): RoundConfig {
  const clients = cohort.names.length;
  const half = Math.max(3, Math.floor(clients / 2));
  const stream = streamNamed({ seed, crypto }, 'configuration', round);
  return planRound(
    {
      federation: new Uint8Array(FEDERATION_BYTES),
      round,
      model: bytesFrom(stream, KEY_BYTES),
      dimensions,
      clients,
      clip: CLIP,
      valueBits: VALUE_BITS,
      maxSamples: MAX_SAMPLES,
      dropout,
      minSum: half,
      deadlines: {
        advertise: DEADLINE_MS,
        shares: DEADLINE_MS,
        masked: DEADLINE_MS,
        consent: DEADLINE_MS,
        unmask: DEADLINE_MS,
      },
    },
    { randomBytes: (length) => bytesFrom(stream, length) },
  );
}

function samplesOf({ examples }: Cohort, client: number): number {
  return Math.min(examples[client]!, MAX_SAMPLES);
}

function weightedMean(
  rows: readonly Float32Array[],
  weights: readonly number[],
): Float32Array | undefined {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return rows[0]?.map(
    (_, j) => rows.reduce((sum, row, i) => sum + row[j]! * weights[i]!, 0) / total,
  );
}

/** A round without a sum moves nothing. */
function step(parameters: Float32Array, update: Float32Array | undefined): void {
  update?.forEach((value, j) => {
    parameters[j]! += value;
  });
}
