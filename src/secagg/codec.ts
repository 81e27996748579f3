/**
 * Updates as words on the wire and sums as numbers again: rounding, packing, and their inverses, by whatever
 * is fastest, and on the host.
 *
 * @module
 */

import {
  type DecodedSum,
  decodeSum,
  type EncodedSum,
  type EncodedUpdate,
  type EncodingPlan,
  encodeUpdate,
  type UpdateToEncode,
} from './encode.ts';
import { type Packing, pack, unpack } from './packing.ts';

/** What makes words of updates and numbers of sums. All give the same bits. */
export interface Codec {
  /** As `encodeUpdate`, and with its errors. The update must not change meanwhile. */
  encode(plan: EncodingPlan, input: UpdateToEncode): Promise<EncodedUpdate>;
  /** The low b bits of every word, packed: ⌈n·b/8⌉ bytes, in an array of its own. */
  pack(words: Uint32Array, bits: number): Promise<Uint8Array>;
  /**
   * The entries of packed bytes.
   *
   * @throws {SecureError} `malformed` if bytes are missing or too many, or the bits after the last entry
   *   are not zero.
   */
  unpack(bytes: Uint8Array, packing: Packing): Promise<Uint32Array>;
  /** As `decodeSum`, and with its errors. */
  decode(plan: EncodingPlan, sum: EncodedSum): Promise<DecodedSum>;
}

/** On this thread, in portable code. */
export function hostCodec(): Codec {
  return {
    encode: async (plan, input) => encodeUpdate(plan, input),
    pack: async (words, bits) => pack(words, bits),
    unpack: async (bytes, packing) => unpack(bytes, packing),
    decode: async (plan, sum) => decodeSum(plan, sum),
  };
}
