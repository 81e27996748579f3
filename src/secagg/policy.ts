/**
 * What a client insists on, whatever the server proposes: floors that only its owner can move, and
 * hard ones that nobody can.
 *
 * @module
 */

import { assertFinite, assertInteger, show } from '../core/assert.ts';
import { type RoundConfig, usesBeacon } from './config.ts';
import type { Enrolment } from './enrolment.ts';
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
  readonly patience?: Partial<Patience>;
}

/** Two other inputs are the least that one can hide among. */
const HARD_MIN_SUM = 3;
const DEFAULTS = { minSum: 16, corrupt: 0.1, sigma: 40 } as const;
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
  return policy;
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
  return belowSigma(policy, config);
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
