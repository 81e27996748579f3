/**
 * The configuration of a round: what the server proposes and signs, and each client judges. Its hash,
 * the *context*, is in everything that is signed, derived or sealed afterwards.
 *
 * The context holds the hash of the global model: clients that were shown different models derive
 * different masks, which do not cancel (Pasquini, Francati, Ateniese. "Eluding secure aggregation in
 * federated learning via model inconsistency", CCS 2022).
 *
 * @module
 */

import { assertFinite, assertInteger, assertOneOf, show } from '../core/assert.ts';
import { log2Ceil } from '../core/integers.ts';
import { malformed, parsed, type Reader, Writer } from './bytes.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { type EncodingPlan, planEncoding } from './encode.ts';
import { KEY_BYTES, label, SUITE } from './suite.ts';

/** How clients are joined by masks. */
export type Topology = 'complete' | 'harary' | 'groups';
/** The law of the noise that clients add, if any. */
export type NoiseLaw = 'none' | 'skellam' | 'discrete-gaussian';

/** How long the server waits for each message of clients, in milliseconds. */
export interface Deadlines {
  readonly advertise: number;
  readonly shares: number;
  readonly masked: number;
  readonly consent: number;
  readonly unmask: number;
}

/** Noise that clients add to their integers. */
export interface NoiseTerms {
  readonly law: NoiseLaw;
  /** Of one client's share, in squared steps of the lattice; 0 without noise. */
  readonly shareVariance: number;
  /** Honest clients whose shares are sure to be in a sum; 0 without noise. */
  readonly minHonest: number;
}

/** What a round is. Fractions are in millionths, so that all sides count with the same integers. */
export interface RoundConfig {
  /** 16 bytes. */
  readonly federation: Uint8Array;
  /** Above every round that a client has taken part in. */
  readonly round: number;
  /** 32 random bytes of the server. */
  readonly nonce: Uint8Array;
  /** SHA-256 of the bytes of the global model. */
  readonly model: Uint8Array;
  /** D: entries of an update. */
  readonly dimensions: number;
  /** b in [8, 32]: sums are taken modulo 2ᵇ. */
  readonly ringBits: number;
  /** q in [2, 24]: bits of an entry, sign included. */
  readonly valueBits: number;
  /** Entries are clipped to ±clip; an f32. */
  readonly clip: number;
  /** Samples beyond which a weight grows no more; 0 for equal weights. */
  readonly maxSamples: number;
  /** n₀: those who are invited, and the most that a sum can be of. */
  readonly maxClients: number;
  /** γ: clients assumed in league with the server, in millionths. */
  readonly corrupt: number;
  /** δ: clients assumed to drop out, in millionths. */
  readonly dropout: number;
  /** σ: privacy fails with a chance of 2^−σ at most. */
  readonly sigma: number;
  /** η: the round fails for lack of neighbours with a chance of 2^−η at most. */
  readonly eta: number;
  readonly topology: Topology;
  /** k and t; 0 where they follow from the number of clients. What is stated may only be stronger. */
  readonly degree: number;
  readonly threshold: number;
  /** Of a ring: that its threshold keeps arcs of it from being summed alone. */
  readonly arcSafe: boolean;
  /** Fewest clients to begin with. */
  readonly minStart: number;
  /** Fewest inputs in a sum that is unmasked: of each group, where there are groups. */
  readonly minSum: number;
  /** Fewest clients in a group; 0 without groups. */
  readonly groupSize: number;
  readonly noise: NoiseTerms;
  readonly deadlines: Deadlines;
  /** Which value of a public beacon the graph is drawn from; zeros for none. 32 bytes */
  readonly beacon: Uint8Array;
}

/** Bytes of a configuration. */
export const CONFIG_BYTES = 207;
export const FEDERATION_BYTES = 16;
const TOPOLOGIES = ['complete', 'harary', 'groups'] as const satisfies readonly Topology[];
const LAWS = ['none', 'skellam', 'discrete-gaussian'] as const satisfies readonly NoiseLaw[];
const MILLION = 1_000_000;
/** Of two, each would know the other's input. */
const MIN_CLIENTS = 3;
const MAX_CLIENTS = 2 ** 24;
const MAX_U32 = 2 ** 32 - 1;
/** One-way: nobody waits longer than a week. */
const MAX_DEADLINE = 7 * 24 * 3600 * 1000;

/**
 * The configuration, if it makes sense in itself.
 *
 * @throws {TypeError | RangeError} that names the field, what was needed and what came.
 */
export function checkConfig(config: RoundConfig): RoundConfig {
  assertBytes('federation', config.federation, FEDERATION_BYTES);
  assertBytes('nonce', config.nonce, KEY_BYTES);
  assertBytes('model', config.model, KEY_BYTES);
  assertBytes('beacon', config.beacon, KEY_BYTES);
  assertInteger('round', config.round, 1);
  assertInteger('dimensions', config.dimensions, 1, MAX_U32 - 4);
  assertInteger('ringBits', config.ringBits, 8, 32);
  assertInteger('valueBits', config.valueBits, 2, 24);
  if (!(assertFinite('clip', config.clip) > 0) || Math.fround(config.clip) !== config.clip) {
    throw new RangeError(`clip must be an f32 above 0, got ${config.clip}`);
  }
  assertInteger('maxSamples', config.maxSamples, 0, MAX_U32);
  assertInteger('maxClients', config.maxClients, MIN_CLIENTS, MAX_CLIENTS);
  const { valueBits, ringBits, maxClients } = config;
  if (valueBits + log2Ceil(maxClients) > ringBits) {
    throw new RangeError(
      `sums may wrap around: q + ⌈log₂ n⌉ ≤ b does not hold for q = ${valueBits}, n = ${maxClients}, b = ${ringBits}`,
    );
  }
  assertInteger('corrupt', config.corrupt, 0, MILLION - 1);
  assertInteger('dropout', config.dropout, 0, MILLION - 1);
  assertInteger('sigma', config.sigma, 1, 256);
  assertInteger('eta', config.eta, 1, 256);
  assertOneOf('topology', config.topology, TOPOLOGIES);
  assertInteger('degree', config.degree, 0, MAX_U32);
  assertInteger('threshold', config.threshold, 0, MAX_U32);
  assertInteger('minSum', config.minSum, 1, config.maxClients);
  assertInteger(
    'minStart',
    config.minStart,
    Math.max(MIN_CLIENTS, config.minSum),
    config.maxClients,
  );
  if (typeof config.arcSafe !== 'boolean' || (config.arcSafe && config.topology !== 'harary')) {
    throw new RangeError('arcSafe must be a boolean, and false but for a ring');
  }
  checkGroups(config);
  checkNoise(config.noise);
  for (const [name, wait] of Object.entries(config.deadlines)) {
    assertInteger(`deadlines.${name}`, wait, 1, MAX_DEADLINE);
  }
  return config;
}

function checkGroups({ topology, groupSize, minSum, maxClients }: RoundConfig): void {
  if (topology !== 'groups') {
    if (groupSize !== 0) throw new RangeError(`groupSize must be 0 without groups`);
    return;
  }
  assertInteger('groupSize', groupSize, Math.max(MIN_CLIENTS, minSum), maxClients);
}

function checkNoise({ law, shareVariance, minHonest }: NoiseTerms): void {
  assertOneOf('noise.law', law, LAWS);
  const none = law === 'none';
  assertFinite('noise.shareVariance', shareVariance);
  assertInteger('noise.minHonest', minHonest, none ? 0 : 1, none ? 0 : MAX_CLIENTS);
  if (none ? shareVariance !== 0 : !(shareVariance > 0)) {
    throw new RangeError(`noise.shareVariance does not go with ${law}, got ${shareVariance}`);
  }
}

function assertBytes(name: string, value: Uint8Array, length: number): void {
  if (value instanceof Uint8Array && value.length === length) return;
  throw new TypeError(`${name} must be ${length} bytes, got ${show(value)}`);
}

/** The one way to write a configuration. */
export function encodeConfig(config: RoundConfig): Uint8Array {
  const { noise, deadlines } = checkConfig(config);
  return new Writer(CONFIG_BYTES)
    .u16(SUITE)
    .bytes(config.federation)
    .u64(config.round)
    .bytes(config.nonce)
    .bytes(config.model)
    .u32(config.dimensions)
    .u8(config.ringBits)
    .u8(config.valueBits)
    .f32(config.clip)
    .u32(config.maxSamples)
    .u32(config.maxClients)
    .u32(config.corrupt)
    .u32(config.dropout)
    .u16(config.sigma)
    .u16(config.eta)
    .u8(TOPOLOGIES.indexOf(config.topology))
    .u32(config.degree)
    .u32(config.threshold)
    .u8(config.arcSafe ? 1 : 0)
    .u32(config.minStart)
    .u32(config.minSum)
    .u32(config.groupSize)
    .u8(LAWS.indexOf(noise.law))
    .f64(noise.shareVariance)
    .u32(noise.minHonest)
    .u32(deadlines.advertise)
    .u32(deadlines.shares)
    .u32(deadlines.masked)
    .u32(deadlines.consent)
    .u32(deadlines.unmask)
    .bytes(config.beacon)
    .end();
}

/** The configuration in these bytes, or `undefined` if there is none, or one that makes no sense. */
export function parseConfig(bytes: Uint8Array): RoundConfig | undefined {
  return parsed(bytes, readConfig);
}

function readConfig(reader: Reader): RoundConfig {
  if (reader.u16() !== SUITE) malformed();
  const config: RoundConfig = {
    federation: reader.bytes(FEDERATION_BYTES),
    round: reader.u64(),
    nonce: reader.bytes(KEY_BYTES),
    model: reader.bytes(KEY_BYTES),
    dimensions: reader.u32(),
    ringBits: reader.u8(),
    valueBits: reader.u8(),
    clip: reader.f32(),
    maxSamples: reader.u32(),
    maxClients: reader.u32(),
    corrupt: reader.u32(),
    dropout: reader.u32(),
    sigma: reader.u16(),
    eta: reader.u16(),
    topology: TOPOLOGIES[reader.u8()] ?? malformed(),
    degree: reader.u32(),
    threshold: reader.u32(),
    arcSafe: [false, true][reader.u8()] ?? malformed(),
    minStart: reader.u32(),
    minSum: reader.u32(),
    groupSize: reader.u32(),
    noise: {
      law: LAWS[reader.u8()] ?? malformed(),
      shareVariance: reader.f64(),
      minHonest: reader.u32(),
    },
    deadlines: {
      advertise: reader.u32(),
      shares: reader.u32(),
      masked: reader.u32(),
      consent: reader.u32(),
      unmask: reader.u32(),
    },
    beacon: reader.bytes(KEY_BYTES),
  };
  try {
    return checkConfig(config);
  } catch {
    return malformed();
  }
}

/** ctx: what binds everything to this round. 32 bytes */
export function contextOf(config: RoundConfig, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256(label('context'), encodeConfig(config));
}

/** Whether the graph is drawn from a beacon. */
export function usesBeacon({ beacon }: RoundConfig): boolean {
  return beacon.some((byte) => byte !== 0);
}

/** How updates of a round become integers. */
export function encodingOf(config: RoundConfig): EncodingPlan {
  const { dimensions, ringBits, valueBits, clip, maxClients, maxSamples } = config;
  const weights = maxSamples === 0 ? 'uniform' : { maxWeight: maxSamples };
  return planEncoding({ dimensions, ringBits, valueBits, clip, maxClients, weights });
}
