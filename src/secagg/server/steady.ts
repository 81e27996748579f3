/**
 * Devices that may fail: portable code does what they do not, and gives the same words. The owner hears of it.
 *
 * @module
 */

import { SecureError } from '../../core/errors.ts';
import { hostCodec } from '../codec.ts';
import { type Masks, referenceMasks } from '../masks.ts';
import type { Packing } from '../packing.ts';
import type { ServerRound } from './round.ts';

/** Masks of a device, or the same by portable code. */
export function steadyMasks(round: ServerRound): Masks {
  const { masks } = round.options;
  return {
    add: (words, keys) =>
      either(round, [() => masks.add(words, keys), () => referenceMasks().add(words, keys)]),
  };
}

/** Words packed by a codec, or the same by the host. */
export function packedBy(round: ServerRound, words: Uint32Array): Promise<Uint8Array> {
  const { codec = hostCodec(), config } = round.options;
  const bits = config.ringBits;
  return either(round, [() => codec.pack(words, bits), () => hostCodec().pack(words, bits)]);
}

/** The entries of a packed input, `undefined` where its padding is not zero. */
export async function unpackedBy(
  round: ServerRound,
  bytes: Uint8Array,
  packing: Packing,
): Promise<Uint32Array | undefined> {
  const { codec = hostCodec() } = round.options;
  try {
    return await either(round, [
      () => codec.unpack(bytes, packing),
      () => hostCodec().unpack(bytes, packing),
    ]);
  } catch (error) {
    if (isMalformed(error)) return undefined;
    throw error;
  }
}

async function either<T>(
  round: ServerRound,
  [first, second]: readonly [() => Promise<T>, () => Promise<T>],
): Promise<T> {
  try {
    return await first();
  } catch (error) {
    if (isMalformed(error)) throw error;
    round.failed(error);
    return await second();
  }
}

/** What is wrong with bytes is not the device's fault. */
function isMalformed(error: unknown): boolean {
  return error instanceof SecureError && error.code === 'malformed';
}
