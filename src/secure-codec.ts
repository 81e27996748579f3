/**
 * Updates as words on the wire and sums as numbers again, on a backend: with the bits of the host.
 *
 * Of what a backend gives one unit of entries, drawn once it is home, is made again on the host. A device
 * that got it wrong, or that fails, is replaced by the host from there on: one that is wrong throughout is
 * found for certain, one that is wrong in w of B units with probability w/B.
 *
 * @module
 */

import type { Backend } from './backend/kernels.ts';
import { readPacked, unpackWords } from './backend/secure/pack.ts';
import { dequantize, quantize } from './backend/secure/quantize.ts';
import { BLOCK_WORDS, COUNTER, chacha20Block, chacha20State } from './core/chacha20.ts';
import { BackendError } from './core/errors.ts';
import { createRandom } from './core/random.ts';
import { dequantized, quantized } from './core/stochastic-rounding.ts';
import { type Codec, hostCodec } from './secagg/codec.ts';
import {
  type DecodedSum,
  type EncodedUpdate,
  type EncodingPlan,
  readSum,
  type UpdateToEncode,
  weighed,
  withSlots,
} from './secagg/encode.ts';
import { checkPacked, pack, packedBytes, unpack } from './secagg/packing.ts';
import { SLOTS } from './secagg/suite.ts';

/** What a codec needs of a backend. */
export type CodecBackend = Pick<
  Backend,
  'info' | 'matrix' | 'words' | 'read' | 'readWords' | 'readCoded' | 'release'
>;

/** How a backend is used. */
export interface BackendCodecOptions {
  /** From the platform's CSPRNG: it chooses which entries are looked at, once they are computed. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** Hears of the first fault, for people; there is no second. */
  readonly onFault?: (message: string) => void;
}

/** Entries that are looked at: packed, they are whole words. */
const UNIT = 32;

/** On a backend, which stays open. */
export function backendCodec(
  backend: CodecBackend,
  { randomBytes, onFault }: BackendCodecOptions,
): Codec {
  const host = hostCodec();
  let isTrusted = true;
  /** What the backend makes, unless it fails or is wrong; else what the host does. */
  const tried = async <T>(
    there: () => Promise<T | undefined>,
    here: () => Promise<T>,
  ): Promise<T> => {
    if (isTrusted) {
      let fault: string;
      try {
        const made = await there();
        if (made !== undefined) return made;
        fault = 'entries are not those that the host makes';
      } catch (error) {
        if (!(error instanceof BackendError) || error.code === 'closed') throw error;
        fault = error.message;
      }
      if (isTrusted) onFault?.(`${backend.info.adapter}: ${fault}`);
      isTrusted = false;
    }
    return here();
  };
  /** Some entries in a row, of so many. */
  const drawn = (entries: number): { from: number; to: number } => {
    const random = createRandom(randomBytes(32));
    const from = UNIT * random.below(Math.ceil(entries / UNIT));
    return { from, to: Math.min(entries, from + UNIT) };
  };
  return {
    async encode(plan, input) {
      return tried(
        () => encodeOn(backend, { plan, input, drawn }),
        () => host.encode(plan, input),
      );
    },
    async pack(words, bits) {
      packedBytes(words.length, bits);
      if (words.length === 0) return host.pack(words, bits);
      return tried(
        async () => {
          const row = backend.words([words]);
          try {
            const packed = await readPacked(backend, row, { bits });
            const { from, to } = drawn(words.length);
            const want = pack(words.slice(from, to), bits);
            const found = packed.subarray((from / 8) * bits, (from / 8) * bits + want.length);
            return isSame(found, want) ? packed : undefined;
          } finally {
            backend.release(row);
          }
        },
        () => host.pack(words, bits),
      );
    },
    async unpack(bytes, packing) {
      checkPacked(bytes, packing);
      const { bits, entries } = packing;
      if (entries === 0) return new Uint32Array(0);
      return tried(
        async () => {
          const row = unpackWords([bytes], { bits, cols: entries });
          try {
            const words = await backend.readWords(row);
            const { from, to } = drawn(entries);
            const start = (from / 8) * bits;
            const some = bytes.subarray(start, start + packedBytes(to - from, bits));
            const want = unpack(some, { bits, entries: to - from });
            return isSame(words.subarray(from, to), want) ? words : undefined;
          } finally {
            backend.release(row);
          }
        },
        () => host.unpack(bytes, packing),
      );
    },
    async decode(plan, sum) {
      const { unit, integers, totalWeight } = readSum(plan, sum);
      const decoded = (mean: Float32Array): DecodedSum => {
        return { mean, integers, totalWeight, count: sum.survivors };
      };
      return tried(
        async () => {
          const row = backend.words([sum.words.subarray(SLOTS)]);
          try {
            const scaled = dequantize(row, { scale: unit, bits: plan.ringBits });
            const mean = await backend.read(scaled);
            const { from, to } = drawn(plan.dimensions);
            const want = Float32Array.from(integers.subarray(from, to), (n) =>
              dequantized(n, unit),
            );
            return isSame(mean.subarray(from, to), want) ? decoded(mean) : undefined;
          } finally {
            backend.release(row);
          }
        },
        () => host.decode(plan, sum),
      );
    },
  };
}

/** An update that a backend has rounded; `undefined` where it has not done so right. */
async function encodeOn(
  backend: CodecBackend,
  {
    plan,
    input: { ctxConstants, ...input },
    drawn,
  }: {
    readonly plan: EncodingPlan;
    readonly input: UpdateToEncode;
    readonly drawn: (entries: number) => { from: number; to: number };
  },
): Promise<EncodedUpdate | undefined> {
  const { weight, values, clippedFraction } = weighed(plan, input);
  const { clip, scale, limit } = plan;
  const row = backend.matrix([values]);
  const rounded = quantize(row, { clip, scale, limit, key: input.key });
  try {
    const entries = await backend.readWords(rounded);
    try {
      const { from, to } = drawn(entries.length);
      const random = keystream(input.key, { from, length: to - from });
      const want = random.map((word, i) => quantized(values[from + i]!, word, plan));
      const isRight = isSame(entries.subarray(from, to), want);
      random.fill(0);
      want.fill(0);
      if (!isRight || !areWithin(limit, entries)) return undefined;
      return { words: withSlots(plan, { entries, weight, ctxConstants }), clippedFraction };
    } finally {
      entries.fill(0);
    }
  } finally {
    backend.release(rounded);
    backend.release(row);
    if (values !== input.update) values.fill(0);
  }
}

/** Whether integers keep to the limit: sums could wrap around if one did not, wherever it is. */
function areWithin(limit: number, entries: Uint32Array): boolean {
  for (let j = 0; j < entries.length; j++) {
    const entry = entries[j]! | 0;
    if (entry > limit || entry < -limit) return false;
  }
  return true;
}

/** Words of ChaCha20 under a nonce of zeros; `from` is a multiple of 16. */
function keystream(
  key: Uint8Array,
  { from, length }: { readonly from: number; readonly length: number },
): Uint32Array {
  const words = new Uint32Array(BLOCK_WORDS * Math.ceil(length / BLOCK_WORDS));
  const state = chacha20State(key, [0, 0, 0]);
  for (let at = 0; at < words.length; at += BLOCK_WORDS) {
    state[COUNTER] = (from + at) / BLOCK_WORDS;
    chacha20Block(state, words.subarray(at, at + BLOCK_WORDS));
  }
  state.fill(0);
  return words.subarray(0, length);
}

function isSame<T extends Uint8Array | Uint32Array | Float32Array>(found: T, want: T): boolean {
  return found.length === want.length && found.every((one, i) => Object.is(one, want[i]));
}
