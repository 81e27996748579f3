/**
 * What clients have revealed in a round, as an observer of the wire counts it.
 *
 * @module
 */

import type { SimulatedRound } from '../../src/lab/secure/simulate-round.ts';
import { decodeBitmap } from '../../src/secagg/bitmap.ts';
import { openMessage, parseUnmask, parseView } from '../../src/secagg/messages.ts';
import type { Scene } from './secure-scene.ts';

/**
 * Clients of whom t neighbours revealed shares of the seed, and t shares of the mask secret: whose
 * inputs lie open. There must never be one.
 */
export function bothKinds(round: SimulatedRound, { graph }: Scene): number[] {
  const seeds = new Map<number, Set<number>>();
  const secrets = new Map<number, Set<number>>();
  for (const [client, survivors] of viewsOf(round, graph.clients)) {
    for (const owner of revealedBy(round, client)) {
      const kind = survivors.has(owner) ? seeds : secrets;
      kind.set(owner, new Set([...(kind.get(owner) ?? []), client]));
    }
  }
  const isOpen = (kind: ReadonlyMap<number, ReadonlySet<number>>, owner: number): boolean =>
    (kind.get(owner)?.size ?? 0) >= graph.terms(owner).threshold;
  return [...seeds.keys()].filter((owner) => isOpen(seeds, owner) && isOpen(secrets, owner));
}

/** Survivors by the first view that came to each client. */
function viewsOf({ transcript }: SimulatedRound, clients: number): Map<number, Set<number>> {
  const views = new Map<number, Set<number>>();
  for (const { type, to, message, comesAt } of transcript.carried) {
    if (type !== 'view' || to === 'server' || comesAt === undefined || views.has(to)) continue;
    const bitmaps = parseView(openMessage(message)!.body, clients);
    const survivors = bitmaps && decodeBitmap(bitmaps.survivors, clients);
    if (survivors !== undefined) views.set(to, survivors);
  }
  return views;
}

function revealedBy({ transcript }: SimulatedRound, client: number): number[] {
  const sent = transcript.carried.filter(({ type, from }) => type === 'unmask' && from === client);
  return sent.flatMap(({ message }) =>
    (parseUnmask(openMessage(message)!.body.slice(0, -64)) ?? []).map(({ index }) => index),
  );
}
