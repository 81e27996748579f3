/**
 * Updates as integers modulo 2^b, and their sum as floats again.
 *
 * Entries are signed fixed-point numbers of q bits in two's complement, rounded at random, so that what
 * rounding loses cancels in the sum. Four slots come first: the constant 1, which counts who is in the
 * sum; two constants of the round, which do not add up unless every mask has cancelled; and the client's
 * weight, which the server learns the sum of and nothing else.
 *
 * A sum of n entries is right if n·(2^(q−1) − 1) < 2^(b−1): q + ⌈log₂ n⌉ ≤ b is enough, and is asked for
 * before anything is encoded.
 *
 * Words are computed modulo 2³² and of them only the low b bits matter.
 *
 * @module
 */

import { chacha20 } from '@noble/ciphers/chacha.js';
import { assertInteger, assertPositive, show } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { log2Ceil } from '../core/integers.ts';
import { dequantized, type Quantization, quantized } from '../core/stochastic-rounding.ts';
import { KEY_BYTES, SLOTS } from './suite.ts';

/** How updates are weighed: all alike, or by their examples, of which so many count at most. */
export type WeightMode = 'uniform' | { readonly maxWeight: number };

/** What an encoding is for. */
export interface EncodingOptions {
  /** D, entries of an update. */
  readonly dimensions: number;
  /** b, in [8, 32]: sums are taken modulo 2^b. */
  readonly ringBits: number;
  /** q, in [2, 24]: bits of an entry, its sign counted. */
  readonly valueBits: number;
  /** c: weighted entries beyond ± this are brought to it. In [2⁻⁶⁴, 2⁶⁴], taken as an f32. */
  readonly clip: number;
  /** The most clients that a sum may be of. */
  readonly maxClients: number;
  readonly weights: WeightMode;
}

/** An encoding that admits no overflow: the same for every client of a round and its server. */
export interface EncodingPlan extends EncodingOptions, Quantization {
  /** s: the largest f32 with c·s ≤ 2^(q−1) − 1. */
  readonly scale: number;
  /** 2^(q−1) − 1, the largest entry. */
  readonly limit: number;
  /** ω = b − 1 − ⌈log₂ n⌉: a weight of 1 is 2^ω in its slot. */
  readonly weightBits: number;
}

/** The two words that stand in slots 1 and 2, made from the context of the round. */
export type ContextConstants = readonly [number, number];

const COUNT = 0;
const FIRST_CONSTANT = 1;
const SECOND_CONSTANT = 2;
const WEIGHT = 3;

const MIN_RING_BITS = 8;
const MAX_RING_BITS = 32;
const MIN_VALUE_BITS = 2;
/** An f32 has no more: beyond, it has no fractions to round by. */
const MAX_VALUE_BITS = 24;
const MAX_CLIENTS = 2 ** 30;
const MAX_CLIP = 2 ** 64;
const MAX_WORD = 2 ** 32 - 1;

/**
 * Plans an encoding.
 *
 * @throws {SecureError} `overflow` unless q + ⌈log₂ n⌉ ≤ b, with the numbers.
 * @throws {TypeError | RangeError} if a number is out of its range.
 */
export function planEncoding(options: EncodingOptions): EncodingPlan {
  const dimensions = assertInteger('dimensions', options.dimensions, 1, MAX_WORD - SLOTS);
  const ringBits = assertInteger('ringBits', options.ringBits, MIN_RING_BITS, MAX_RING_BITS);
  const valueBits = assertInteger('valueBits', options.valueBits, MIN_VALUE_BITS, MAX_VALUE_BITS);
  const maxClients = assertInteger('maxClients', options.maxClients, 1, MAX_CLIENTS);
  const clip = checkClip(options.clip);
  const countBits = log2Ceil(maxClients);
  if (valueBits + countBits > ringBits) {
    throw new SecureError(
      'overflow',
      `q + ⌈log₂ n⌉ ≤ b is needed for sums not to wrap around, got ${valueBits} + ${countBits} > ` +
        `${ringBits} for n = ${maxClients} clients: take fewer bits of value or a wider ring`,
    );
  }
  const limit = 2 ** (valueBits - 1) - 1;
  return {
    dimensions,
    ringBits,
    valueBits,
    clip,
    maxClients,
    weights: checkWeights(options.weights),
    scale: scaleFor(clip, limit),
    limit,
    weightBits: ringBits - 1 - countBits,
  };
}

function checkClip(clip: number): number {
  if (assertPositive('clip', clip) >= 1 / MAX_CLIP && clip <= MAX_CLIP) return Math.fround(clip);
  throw new RangeError(`clip must be in [2^-64, 2^64], got ${clip}`);
}

function checkWeights(weights: WeightMode): WeightMode {
  if (weights === 'uniform') return weights;
  if (typeof weights !== 'object' || weights === null) {
    throw new TypeError(`weights must be 'uniform' or hold maxWeight, got ${show(weights)}`);
  }
  return { maxWeight: assertInteger('weights.maxWeight', weights.maxWeight, 1) };
}

/** The largest f32 whose product with the clip, which f64 holds exactly, is not above the limit. */
function scaleFor(clip: number, limit: number): number {
  const scale = Float32Array.of(limit / clip);
  const bits = new Uint32Array(scale.buffer);
  while (clip * scale[0]! > limit) bits[0]!--;
  return scale[0]!;
}

/**
 * The weight of a client as it stands in its slot: round(min(samples, W_max)/W_max·2^ω), and 1 at least:
 * a client that takes part counts, with fewer than W_max/2^ω samples as if it had so many. It is 2^ω
 * where weights are uniform.
 *
 * @param samples - Examples that the client has trained on, at least 1; where weights are uniform they
 *   are not looked at.
 */
export function weightOf({ weights, weightBits }: EncodingPlan, samples?: number): number {
  const unit = 2 ** weightBits;
  if (weights === 'uniform') return unit;
  if (samples === undefined) throw new TypeError('samples must be given where updates are weighed');
  // What came is not quoted: how many samples a client has is its own affair.
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw new RangeError('samples must be a positive integer');
  }
  const counted = Math.min(samples, weights.maxWeight);
  return Math.max(1, Math.round((counted / weights.maxWeight) * unit));
}

/** What a client encodes. */
export interface UpdateToEncode {
  /** D entries. */
  readonly update: Float32Array;
  /** Examples that it was trained on, at least 1; needed unless weights are uniform. */
  readonly samples?: number;
  /** 32 secret bytes that serve this once: what is rounded up depends on them. The caller clears them. */
  readonly key: Uint8Array;
  readonly ctxConstants: ContextConstants;
}

/** An update that is ready to be masked. A secret. */
export interface EncodedUpdate {
  /** Slots, then entries: D + 4 words. */
  readonly words: Uint32Array;
  /**
   * Share of the entries that were beyond the clip. For the client to look at: if it is not near 0, the
   * clip is too small for such updates, and their sum tells less than it should.
   */
  readonly clippedFraction: number;
}

/**
 * Encodes an update. Entry j, times the client's weight and rounded to f32, is `quantized` by word j of
 * ChaCha20 under the key, nonce 0: the same words as the backends' `quantize` makes. Infinities are
 * brought to the clip.
 *
 * @throws {SecureError} `bad-update` if the update has another length or holds a NaN. It does not say
 *   where.
 * @throws {TypeError | RangeError} if the arguments are wrong in another way.
 */
export function encodeUpdate(
  plan: EncodingPlan,
  { ctxConstants, ...input }: UpdateToEncode,
): EncodedUpdate {
  const { weight, values, clippedFraction } = weighed(plan, input);
  const words = framed(plan, { weight, ctxConstants });
  roundInto(words.subarray(SLOTS), values, { key: input.key, quantization: plan });
  if (values !== input.update) values.fill(0);
  return { words, clippedFraction };
}

/** An update times its weight. */
export interface Weighed {
  readonly weight: number;
  /** The update itself where it counts in full; else a copy, which is a secret of its own. */
  readonly values: Float32Array;
  readonly clippedFraction: number;
}

/**
 * What is rounded of an update.
 *
 * @throws {SecureError | TypeError | RangeError} as `encodeUpdate`.
 */
export function weighed(
  plan: EncodingPlan,
  { update, samples, key }: Omit<UpdateToEncode, 'ctxConstants'>,
): Weighed {
  const weight = weightOf(plan, samples);
  checkUpdate(plan, update);
  assertKey(key);
  const factor = weight / 2 ** plan.weightBits;
  const values = factor === 1 ? update : update.map((value) => value * factor);
  // Loops, as calls for each entry take longer than what they do.
  let clipped = 0;
  for (let j = 0; j < values.length; j++) clipped += Number(Math.abs(values[j]!) > plan.clip);
  return { weight, values, clippedFraction: clipped / plan.dimensions };
}

function checkUpdate({ dimensions }: EncodingPlan, update: Float32Array): void {
  if (!(update instanceof Float32Array)) {
    throw new TypeError(`update must be a Float32Array, got ${show(update)}`);
  }
  if (update.length !== dimensions) {
    throw new SecureError(
      'bad-update',
      `an update must have ${dimensions} entries, got ${update.length}`,
    );
  }
  for (let j = 0; j < dimensions; j++) {
    if (Number.isNaN(update[j])) throw new SecureError('bad-update', 'an update must not hold NaN');
  }
}

/**
 * A secret key of 32 bytes, which is never quoted.
 *
 * @throws {TypeError} if it is none.
 * @throws {RangeError} if it is all zero, as a key is that was cleared.
 */
export function assertKey(key: Uint8Array): void {
  if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) {
    throw new TypeError(`key must be a Uint8Array of ${KEY_BYTES} bytes`);
  }
  if (key.every((byte) => byte === 0)) {
    throw new RangeError('key must not be all zero: was it cleared before its use?');
  }
}

const NONCE_BYTES = 12;
const BLOCK_WORDS = 16;
/** Words of the keystream made at once. */
const BATCH_WORDS = 2 ** 14;

function roundInto(
  entries: Uint32Array,
  values: Float32Array,
  { key, quantization }: { readonly key: Uint8Array; readonly quantization: Quantization },
): void {
  const nonce = new Uint8Array(NONCE_BYTES);
  const zeros = new Uint8Array(4 * BATCH_WORDS);
  const stream = new Uint8Array(zeros.length);
  const random = new DataView(stream.buffer);
  for (let from = 0; from < values.length; from += BATCH_WORDS) {
    chacha20(key, nonce, zeros, stream, from / BLOCK_WORDS);
    const to = Math.min(from + BATCH_WORDS, values.length);
    for (let j = from; j < to; j++) {
      entries[j] = quantized(values[j]!, random.getUint32(4 * (j - from), true), quantization);
    }
  }
  stream.fill(0);
}

/** What stands before entries that are made elsewhere. */
export interface Frame {
  /** What {@link weightOf} has given. */
  readonly weight: number;
  readonly ctxConstants: ContextConstants;
}

/**
 * Slots before integers that were made elsewhere, such as by a backend's `quantize` or by the rounding
 * that noise is made for.
 *
 * @param entries - D integers in two's complement.
 * @throws {SecureError} `bad-update` if they are not D, or one is beyond ±(2^(q−1) − 1): sums could wrap
 *   around.
 */
export function withSlots(
  plan: EncodingPlan,
  { entries, ...frame }: Frame & { readonly entries: Uint32Array | Int32Array },
): Uint32Array {
  const { dimensions, limit } = plan;
  if (entries.length !== dimensions) {
    throw new SecureError(
      'bad-update',
      `an update must have ${dimensions} entries, got ${entries.length}`,
    );
  }
  const words = framed(plan, frame);
  for (let j = 0; j < dimensions; j++) {
    const entry = entries[j]! | 0;
    if (entry > limit || entry < -limit) {
      words.fill(0);
      throw new SecureError('bad-update', `entries must be integers in [-${limit}, ${limit}]`);
    }
    words[SLOTS + j] = entry;
  }
  return words;
}

/** Slots, and zeros after them. */
function framed(
  { dimensions, weightBits }: EncodingPlan,
  { weight, ctxConstants }: Frame,
): Uint32Array {
  const [first, second] = checkConstants(ctxConstants);
  const words = new Uint32Array(SLOTS + dimensions);
  words[COUNT] = 1;
  words[FIRST_CONSTANT] = first;
  words[SECOND_CONSTANT] = second;
  if (!Number.isInteger(weight) || weight < 1 || weight > 2 ** weightBits) {
    throw new RangeError(`weight must be an integer in [1, 2^${weightBits}]`);
  }
  words[WEIGHT] = weight;
  return words;
}

function checkConstants([first, second]: ContextConstants): ContextConstants {
  assertInteger('ctxConstants[0]', first, 0, MAX_WORD);
  assertInteger('ctxConstants[1]', second, 0, MAX_WORD);
  return [first, second];
}

/** An unmasked sum. */
export interface EncodedSum {
  /** D + 4 words, of which the low b bits count. */
  readonly words: Uint32Array;
  /** |U₃|: whose masked inputs are in the sum. */
  readonly survivors: number;
  readonly ctxConstants: ContextConstants;
}

/**
 * Whether the slots are those of a sum of so many updates: the count, both constants times the count
 * modulo 2^b, and a sum of weights that so many can have. Words that are as good as random, because a
 * mask has not cancelled, pass with a probability below 2^−3b.
 */
export function slotsOk(
  plan: EncodingPlan,
  { words, survivors, ctxConstants }: EncodedSum,
): boolean {
  checkSum(plan, words);
  assertInteger('survivors', survivors, 1, plan.maxClients);
  const [first, second] = checkConstants(ctxConstants);
  const low = lowBits(plan.ringBits);
  const holds = (slot: number, sum: number): boolean => ((words[slot]! ^ sum) & low) === 0;
  const total = weightSumOf(plan, words);
  const least = plan.weights === 'uniform' ? survivors * 2 ** plan.weightBits : survivors;
  return (
    holds(COUNT, survivors) &&
    holds(FIRST_CONSTANT, Math.imul(first, survivors)) &&
    holds(SECOND_CONSTANT, Math.imul(second, survivors)) &&
    total >= least &&
    total <= survivors * 2 ** plan.weightBits
  );
}

function checkSum({ dimensions }: EncodingPlan, words: Uint32Array): void {
  if (!(words instanceof Uint32Array)) {
    throw new TypeError(`words must be a Uint32Array, got ${show(words)}`);
  }
  if (words.length !== SLOTS + dimensions) {
    throw new RangeError(
      `words must be ${SLOTS + dimensions} for slots and entries, got ${words.length}`,
    );
  }
}

function lowBits(bits: number): number {
  return -1 >>> (32 - bits);
}

/** Σ w_q: at most n·2^ω ≤ 2^(b−1), without a sign. */
function weightSumOf({ ringBits }: EncodingPlan, words: Uint32Array): number {
  return (words[WEIGHT]! & lowBits(ringBits)) >>> 0;
}

/** What a sum says. */
export interface DecodedSum {
  /** Σ wᵢ·xᵢ / Σ wᵢ, D entries. */
  readonly mean: Float32Array;
  /** Σ of the clients' integers, exactly: D entries. With noise in the ring, with the noise. */
  readonly integers: Int32Array;
  /** Σ wᵢ, a weight of 1 being W_max samples; the count, where weights are uniform. */
  readonly totalWeight: number;
  /** |U₃|. */
  readonly count: number;
}

/**
 * The weighted mean that an unmasked sum stands for: its integers, over the scale and the sum of the
 * weights that they were multiplied by.
 *
 * Each client's part in it is off by at most 1/s by rounding where its weight is 1, and by a rounding to
 * f32 more where it is less; what is beyond the clip is cut off besides.
 *
 * @throws {SecureError} `canary` if the slots are wrong: masks have not cancelled, or somebody's update
 *   was not encoded for this round.
 */
export function decodeSum(plan: EncodingPlan, sum: EncodedSum): DecodedSum {
  const { unit, integers, totalWeight } = readSum(plan, sum);
  const mean = new Float32Array(plan.dimensions);
  for (let j = 0; j < mean.length; j++) mean[j] = dequantized(integers[j]!, unit);
  return { mean, integers, totalWeight, count: sum.survivors };
}

/** What a sum says before its integers are made numbers: each is to be multiplied by `unit`. */
export interface ReadSum extends Pick<DecodedSum, 'integers' | 'totalWeight'> {
  readonly unit: number;
}

/**
 * The integers of a sum, and what they are multiples of.
 *
 * @throws {SecureError} as `decodeSum`.
 */
export function readSum(plan: EncodingPlan, sum: EncodedSum): ReadSum {
  if (!slotsOk(plan, sum)) {
    throw new SecureError(
      'canary',
      `the slots are not those of a sum of ${sum.survivors} updates of this round: nothing of it may ` +
        'be used',
    );
  }
  const { words } = sum;
  const totalWeight = weightSumOf(plan, words) / 2 ** plan.weightBits;
  const above = 32 - plan.ringBits;
  const integers = new Int32Array(plan.dimensions);
  // Shifted up and back, bit b − 1 is the sign.
  for (let j = 0; j < integers.length; j++) integers[j] = (words[SLOTS + j]! << above) >> above;
  return { unit: 1 / (plan.scale * totalWeight), integers, totalWeight };
}
