/**
 * What a server holds while inputs arrive: one sum, and what clients shared; not the inputs.
 *
 * @module
 */

import type { SecureServer } from '../../../secagg/server.ts';
import { heldBytes, sizeOf } from '../machine.ts';
import { measureDealt, type Tools } from './rounds.ts';

/** Bytes that a server held once all inputs but the last had arrived. */
export interface HeldBytes {
  /** Its state, written down. */
  readonly state: number;
  /** By how much this process had grown since the first advertisement. */
  readonly growth: number;
  /** What is wrong with the sum, if anything. */
  readonly problem?: string;
}

/** What is measured, and with what. */
export interface MemoryRound extends Tools {
  readonly n: number;
  readonly d: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/** Measures what a server holds in a round of n clients of whom nobody drops out. */
export async function measureHeld({ crypto, masks, ...round }: MemoryRound): Promise<HeldBytes> {
  const tools = { crypto, masks };
  let taken = 0;
  let before = 0;
  let held: HeldBytes = { state: Number.NaN, growth: Number.NaN };
  const onTaken = async (server: SecureServer): Promise<void> => {
    if (taken === 0) before = heldBytes();
    // Advertisements and shares came before.
    if (taken === 3 * round.n - 2) {
      held = { growth: heldBytes() - before, state: sizeOf(await server.snapshot()) };
    }
    taken++;
  };
  const { problem } = await measureDealt({
    ...round,
    dropped: 0,
    server: tools,
    dealer: tools,
    onTaken,
  });
  return { ...held, ...(problem !== undefined && { problem }) };
}
