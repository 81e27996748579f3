/**
 * What rounds under masks are, by the configuration of a run: sums of whom, on which grid, with what
 * noise, and how long each phase waits.
 *
 * Server and verifiers plan alike; clients take no plan's word for it and judge what they are sent.
 *
 * @module
 */

import { SecureError } from '../core/errors.ts';
import { log2Ceil } from '../core/integers.ts';
import { MAX_SKELLAM_VARIANCE } from '../privacy/lattice/noise-plan.ts';
import type { ShareRelation } from '../privacy/shares.ts';
import { encodingOf, FEDERATION_BYTES, type RoundConfig } from '../secagg/config.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { fewestNoisy, type NoiseCrowd } from '../secagg/noise.ts';
import { planRound, type RoundPlan } from '../secagg/plan-round.ts';
import { groupTerms } from '../secagg/terms.ts';
import { planSecureNoise, type SecureNoise } from '../secure-noise.ts';
import type { PrivacyConfig, RunConfig, SecureConfig } from './run-config.ts';
import { secureFederation } from './secure-terms.ts';

/** A run under masks: what of its configuration counts. */
export type SecureRun = Pick<RunConfig, 'rule' | 'limits' | 'privacy' | 'round'> & {
  readonly secure: SecureConfig;
};

/** Who is invited, and how long an update is. */
export interface SecureSize {
  readonly clients: number;
  /** Entries of an update. */
  readonly dimensions: number;
}

/** What all rounds of one size have in common. */
export interface SecurePlan extends SecureSize {
  readonly run: SecureRun;
  /** q. */
  readonly valueBits: number;
  /** Of each client, where there is noise in shares. */
  readonly noise?: SecureNoise;
}

/** What makes a round different from the others. */
export interface SecureRoundFacts {
  /** The run's id. */
  readonly id: string;
  /** From 1. */
  readonly round: number;
  /** SHA-256 of the model's bytes. */
  readonly model: Uint8Array;
}

/** What a plan is made with where no round is meant yet. */
const BLANK: Pick<RoundPlan, 'federation' | 'round' | 'model'> = {
  federation: new Uint8Array(FEDERATION_BYTES),
  round: 1,
  model: new Uint8Array(32),
};
/** σ and η of groups, as `planRound` takes them where no beacon is named. */
export const planTerms: { readonly sigma: number; readonly eta: number } = { sigma: 80, eta: 20 };
const RING_BITS = 32;
const MAX_VALUE_BITS = 24;
/** With fewer, rounding would be more than what it rounds. */
const MIN_VALUE_BITS = 8;
/** Shares of the time that a round collects; the rest is for whatever comes late on the way. */
const COLLECTING = { advertise: 0.15, shares: 0.15, masked: 0.6 } as const;
/** Shares of the time that it may be worked on. */
const PROCESSING = { consent: 0.3, unmask: 0.3 } as const;
const MILLION = 1_000_000;

/** Noise in shares of clients, as configured; `undefined` where there is none. */
export function sharesOf({
  privacy,
}: Pick<RunConfig, 'privacy'>): Extract<PrivacyConfig, { readonly kind: 'central' }> | undefined {
  return privacy?.kind === 'central' && privacy.noise === 'shares' ? privacy : undefined;
}

/**
 * Plans the rounds of a size.
 *
 * @throws {SecureError} `infeasible` or `overflow`, with the inequality that fails and its numbers.
 * @throws {PrivacyError} `too-few`, `unsupported` as shares of noise do.
 * @throws {TypeError | RangeError} if a number is out of its range.
 */
export function planSecure(run: SecureRun, size: SecureSize): SecurePlan {
  const most = Math.min(MAX_VALUE_BITS, RING_BITS - log2Ceil(size.clients));
  const shares = sharesOf(run);
  const blank = (valueBits: number): RoundConfig =>
    configOf({ run, ...size, valueBits }, BLANK, zeros);
  if (shares === undefined) {
    blank(most);
    return { run, ...size, valueBits: most };
  }
  const options = {
    minSum: run.secure.minSum,
    corrupt: mostCorrupt(blank(most)),
    noiseMultiplier: shares.noiseMultiplier,
    relation: shares.relation as ShareRelation,
  };
  // As fine a grid as sums with noise have room for, and as noise is drawn on.
  for (let valueBits = finest(most, options); ; valueBits--) {
    try {
      const noise = planSecureNoise(encodingOf(blank(valueBits)), options);
      return { run, ...size, valueBits, noise };
    } catch (error) {
      const hasNoRoom = error instanceof SecureError && error.code === 'overflow';
      if (!hasNoRoom || valueBits <= MIN_VALUE_BITS) throw error;
    }
  }
}

/** The most bits with which a share of noise has no more variance than can be drawn. */
function finest(most: number, options: NoiseCrowd & { readonly noiseMultiplier: number }): number {
  const honest = fewestNoisy(options);
  const share = (bits: number): number => (options.noiseMultiplier * 2 ** (bits - 1)) ** 2 / honest;
  let bits = most;
  while (bits > MIN_VALUE_BITS && share(bits) > MAX_SKELLAM_VARIANCE) bits--;
  return bits;
}

/** The configuration of a round, with a fresh nonce. @throws as {@link planSecure}. */
export function secureRoundConfig(
  plan: SecurePlan,
  { id, round, model }: SecureRoundFacts,
  crypto: Pick<CryptoProvider, 'randomBytes' | 'sha256'>,
): RoundConfig {
  return configOf(plan, { federation: secureFederation(id, crypto), round, model }, crypto);
}

const zeros: Pick<CryptoProvider, 'randomBytes'> = {
  randomBytes: (length) => new Uint8Array(length),
};

function configOf(
  plan: SecurePlan,
  facts: Pick<RoundPlan, 'federation' | 'round' | 'model'>,
  crypto: Pick<CryptoProvider, 'randomBytes'>,
): RoundConfig {
  const { run, clients, dimensions, valueBits, noise } = plan;
  const { secure, limits, rule } = run;
  return planRound(
    {
      ...facts,
      dimensions,
      clients,
      valueBits,
      ringBits: RING_BITS,
      clip: sharesOf(run)?.clipNorm ?? secure.clip,
      maxSamples: rule.trim() === 'weighted-mean' ? limits.samplesCap : 0,
      corrupt: secure.corrupt,
      dropout: secure.dropout,
      minSum: secure.minSum,
      ...(secure.kind === 'groups' && { groupSize: secure.groupSize }),
      ...(noise && {
        noise: {
          law: noise.local.law,
          shareVariance: noise.local.variance,
          minHonest: noise.shares.honest,
        },
      }),
      deadlines: deadlinesOf(run),
    },
    crypto,
  );
}

function deadlinesOf({ round }: Pick<SecureRun, 'round'>): NonNullable<RoundPlan['deadlines']> {
  const of = (seconds: number, share: number): number =>
    Math.max(1, Math.floor(1000 * seconds * share));
  const { collectSeconds: collect, processingSeconds: process } = round;
  return {
    advertise: of(collect, COLLECTING.advertise),
    shares: of(collect, COLLECTING.shares),
    masked: of(collect, COLLECTING.masked),
    consent: of(process, PROCESSING.consent),
    unmask: of(process, PROCESSING.unmask),
  };
}

/** Clients in league with the server that one sum may hold: of all, or of the unluckiest group. */
function mostCorrupt(config: RoundConfig): number {
  const { topology, maxClients, corrupt } = config;
  if (topology !== 'groups') return Math.floor((corrupt * maxClients) / MILLION);
  const terms = groupTerms(config, maxClients);
  return Math.max(...[...terms.values()].map((one) => one.corrupt));
}
