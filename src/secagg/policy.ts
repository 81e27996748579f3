/**
 * What a client insists on, whatever the server proposes: floors that only its owner can move, and
 * hard ones that nobody can.
 *
 * @module
 */

import { assertFinite, assertInteger, assertOneOf, assertPositive, show } from '../core/assert.ts';
import { encodingOf, type RoundConfig, usesBeacon } from './config.ts';
import type { Enrolment } from './enrolment.ts';
import type { LocalNoise } from './noise.ts';
import { sameBytes } from './suite.ts';

/** How long a client waits for the next message, in milliseconds; then it gives up. */
export interface Patience {
  readonly advertised: number;
  readonly shared: number;
  readonly masked: number;
  readonly signed: number;
  /** How long a reply is kept, to send it again. */
  readonly revealed: number;
}

/** Noise that each client of a round is to add. */
export interface NoiseFloor {
  /**
   * Standard deviation of one client's noise over the clip, at least; above 0. Over the clip, as a server that
   * makes steps of the lattice smaller makes any number of them less. Where h honest clients are
   * sure to be in a sum, its noise multiplier is √h times as much.
   */
  readonly shareMultiplier: number;
  /** Default: either law does. */
  readonly law?: LocalNoise['law'];
}

/** What a client takes part in. */
export interface ClientPolicy {
  /** Ed25519 public key of the server. */
  readonly serverKey: Uint8Array;
  /** 16 bytes. */
  readonly federation: Uint8Array;
  /** SHA-256 of the bytes of the global model that this client was given. */
  readonly model: Uint8Array;
  /** Entries of this client's update. */
  readonly dimensions: number;
  readonly enrolment: Enrolment;
  /** Fewest inputs in a sum. Default 16, at least 3. */
  readonly minSum?: number;
  /** Fraction of clients that are assumed in league with the server, at least. Default 0.1. */
  readonly corrupt?: number;
  /**
   * σ, at least: privacy fails with a chance of 2^−σ. Default 40; for rings and groups 80, unless {@link beacons}
   * accepts what they are drawn from.
   */
  readonly sigma?: number;
  /**
   * Which values of a beacon count, by their reference; none unless given. Whoever knows the value before
   * the roster is fixed can try rosters until the graph suits it, and the roster comes when the value is out:
   * a client cannot see which was first. Say `true` only where you know that the server could not learn this
   * value before, from whoever gives it out. Other rounds are not declined, but need the σ that stands
   * that many trials.
   */
  readonly beacons?: (reference: Uint8Array) => boolean;
  /**
   * Take part in rings whose threshold is only 2t > k + c: fewer neighbours, but a server that lies can
   * have an arc of them summed alone, over some k inputs. Default false.
   */
  readonly thinRings?: boolean;
  /** Noise without which no round is entered. Default: rounds with and without noise are. */
  readonly noise?: NoiseFloor;
  /** The most clients that a round invites: a client draws the graph of all. Default 2¹⁶, at most 2²⁴. */
  readonly maxClients?: number;
  /**
   * How far the number of a round may be above the last, or above 0 for the first. Default 2³²: counters and
   * seconds since 1970 both fit, and two million rounds must be entered before numbers run out.
   */
  readonly maxRoundStep?: number;
  readonly patience?: Partial<Patience>;
}

/** Two other inputs are the least that one can hide among. */
const HARD_MIN_SUM = 3;
const DEFAULTS = {
  minSum: 16,
  corrupt: 0.1,
  sigma: 40,
  maxClients: 2 ** 16,
  maxRoundStep: 2 ** 32,
} as const;
const MOST_CLIENTS = 2 ** 24;
/** Whoever computes a floor and its noise by different ways comes to numbers that differ by less. */
const ROUNDING: number = 1 - 2 ** -40;
/** A server that chooses which advertisements to take in can try some 2⁴⁰ rosters. */
const SIGMA_OF_TRIED_GRAPHS = 80;
const MILLION = 1_000_000;
const PATIENCE: Patience = {
  advertised: 60_000,
  shared: 120_000,
  masked: 600_000,
  signed: 60_000,
  revealed: 60_000,
};

/** Waits of a client. */
export function patienceOf({ patience = {} }: ClientPolicy): Patience {
  return { ...PATIENCE, ...patience };
}

/**
 * A policy whose floors are such.
 *
 * @throws {TypeError | RangeError} that names what is wrong.
 */
export function checkPolicy(policy: ClientPolicy): ClientPolicy {
  const { minSum = DEFAULTS.minSum, corrupt = DEFAULTS.corrupt } = policy;
  assertInteger('minSum', minSum, HARD_MIN_SUM);
  assertInteger('sigma', policy.sigma ?? DEFAULTS.sigma, 1, 256);
  assertInteger('dimensions', policy.dimensions, 1);
  if (policy.beacons !== undefined && typeof policy.beacons !== 'function') {
    throw new TypeError(`beacons must be a function, got ${show(policy.beacons)}`);
  }
  if (!(assertFinite('corrupt', corrupt) >= 0 && corrupt < 1)) {
    throw new RangeError(`corrupt must be in [0, 1), got ${corrupt}`);
  }
  assertInteger('maxClients', policy.maxClients ?? DEFAULTS.maxClients, minSum, MOST_CLIENTS);
  assertInteger('maxRoundStep', policy.maxRoundStep ?? DEFAULTS.maxRoundStep, 1);
  if (policy.noise !== undefined) checkNoiseFloor(policy.noise);
  return policy;
}

function checkNoiseFloor({ shareMultiplier, law }: NoiseFloor): void {
  assertPositive('noise.shareMultiplier', shareMultiplier);
  if (law !== undefined) assertOneOf('noise.law', law, ['skellam', 'discrete-gaussian']);
}

/**
 * Why the number of a round does not do after the last one that was entered, in words; `undefined` if it does.
 * A number far up would leave none for the rounds to come.
 */
export function roundFault(
  { maxRoundStep = DEFAULTS.maxRoundStep }: ClientPolicy,
  { round, last }: { readonly round: number; readonly last: number | undefined },
): string | undefined {
  if (last !== undefined && round <= last) return `round ${round}, where ${last} was the last`;
  const most = (last ?? 0) + maxRoundStep;
  if (round <= most) return undefined;
  return `round ${round}, where ${most} is the most after ${last ?? 'none'}`;
}

/** Which floor a configuration is below, in words; `undefined` if none. */
export function below(policy: ClientPolicy, config: RoundConfig): string | undefined {
  const { minSum = DEFAULTS.minSum, corrupt = DEFAULTS.corrupt } = policy;
  if (!sameBytes(config.federation, policy.federation)) return 'another federation';
  if (!sameBytes(config.model, policy.model)) return 'another model';
  if (config.dimensions !== policy.dimensions) {
    return `updates of ${config.dimensions} entries, where the model has ${policy.dimensions}`;
  }
  if (config.minSum < minSum)
    return `sums of ${config.minSum} inputs, where ${minSum} are the least`;
  if (config.corrupt < Math.round(corrupt * MILLION)) {
    return `${config.corrupt / MILLION} of the clients assumed corrupt, where ${corrupt} is the least`;
  }
  if (config.topology === 'harary' && !config.arcSafe && policy.thinRings !== true) {
    return 'a ring of which an arc can be summed alone';
  }
  const { maxClients = DEFAULTS.maxClients } = policy;
  if (config.maxClients > maxClients) {
    return `${config.maxClients} clients, where ${maxClients} are the most`;
  }
  return belowSigma(policy, config) ?? belowNoise(policy, config);
}

function belowNoise({ noise: floor }: ClientPolicy, config: RoundConfig): string | undefined {
  if (floor === undefined) return undefined;
  const { law, shareVariance } = config.noise;
  if (law === 'none' || (floor.law !== undefined && law !== floor.law)) {
    return `noise of law ${law}, where ${floor.law ?? 'one'} is asked for`;
  }
  const { clip, scale } = encodingOf(config);
  const multiplier = Math.sqrt(shareVariance) / (clip * scale);
  if (multiplier >= floor.shareMultiplier * ROUNDING) return undefined;
  return `noise of ${multiplier} clips from each client, where ${floor.shareMultiplier} is the least`;
}

function belowSigma(policy: ClientPolicy, config: RoundConfig): string | undefined {
  const { sigma = DEFAULTS.sigma, beacons } = policy;
  const given = config.sigma;
  if (given < sigma) return `σ = ${given}, where ${sigma} is the least`;
  if (config.topology === 'complete' || given >= SIGMA_OF_TRIED_GRAPHS) return undefined;
  if (usesBeacon(config) && beacons?.(config.beacon.slice()) === true) return undefined;
  const why = usesBeacon(config) ? 'a beacon that its owner does not accept' : 'no beacon';
  return `σ = ${given} with ${why}, where ${SIGMA_OF_TRIED_GRAPHS} is the least`;
}
