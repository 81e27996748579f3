/**
 * What a round must come to, by sets alone: who is out at which stage, against the thresholds of the
 * protocol. It knows nothing of messages, keys or time.
 *
 * @module
 */

import type { RoundConfig } from '../../src/secagg/config.ts';
import type { Graph } from '../../src/secagg/graph.ts';
import type { Reason } from '../../src/secagg/reasons.ts';

/** What goes wrong in a round. */
export interface Mishaps {
  /** By client, the first of rounds 0 … 4 that it does not finish. */
  readonly out: ReadonlyMap<number, number>;
  /** Who names whom for a box that does not open. */
  readonly complaints?: ReadonlyMap<number, ReadonlySet<number>>;
  /** By owner of a secret, who reveals a wrong share of it. */
  readonly wrongShares?: ReadonlyMap<number, ReadonlySet<number>>;
  /** Whether something is in the sum that shows in its slots. */
  readonly breaksSlots?: boolean;
}

/** A sum of exactly these, or no sum and why. */
export type Verdict =
  | { readonly phase: 'done'; readonly members: readonly number[] }
  | { readonly phase: 'aborted'; readonly reason: Reason };

/** The verdict for one sum. Clients are numbered as in the roster, where nobody is out in round 0. */
export function verdictOn(
  mishaps: Mishaps,
  { config, graph }: { readonly config: RoundConfig; readonly graph: Graph },
): Verdict {
  const all = Array.from({ length: graph.clients }, (_, i) => i);
  const finishing = (round: number, from: readonly number[]): number[] =>
    from.filter((client) => (mishaps.out.get(client) ?? 5) > round);
  const advertised = finishing(0, all);
  if (advertised.length < config.minStart) return aborted('too-few-clients');
  // Whoever is out from the start is in no graph: those who are left form one of their own.
  if (advertised.length < all.length) return { phase: 'done', members: advertised };

  const sharers = core(finishing(1, advertised), graph);
  if (sharers.length < config.minStart) return aborted('too-few-neighbours');

  const survivors = finishing(2, sharers);
  for (const [accused, by] of mishaps.complaints ?? []) {
    if (by.size > graph.terms(accused).corrupt) return aborted('complaints');
  }
  if (survivors.length < config.minSum) return aborted('too-few-inputs');
  if (isThin(sharers, survivors, graph)) return aborted('too-few-neighbours');

  const consenting = finishing(3, survivors);
  if (isThin(sharers, consenting, graph)) return aborted('no-consent');

  const revealing = finishing(4, consenting);
  const isLost = sharers.some((owner) => {
    const liars = mishaps.wrongShares?.get(owner) ?? new Set();
    return isThin(
      [owner],
      revealing.filter((client) => !liars.has(client)),
      graph,
    );
  });
  if (isLost) return aborted('missing-shares');
  return mishaps.breaksSlots ? aborted('canary') : { phase: 'done', members: survivors };
}

function aborted(reason: Reason): Verdict {
  return { phase: 'aborted', reason };
}

/** Whether one of `owners` has fewer than t neighbours among `others`. */
function isThin(owners: readonly number[], others: readonly number[], graph: Graph): boolean {
  const left = new Set(others);
  return owners.some(
    (owner) =>
      graph.neighbours(owner).filter((other) => left.has(other)).length <
      graph.terms(owner).threshold,
  );
}

/** The largest set of `clients` of whom each has t neighbours in it. */
function core(clients: readonly number[], graph: Graph): number[] {
  const kept = clients.filter((client) => !isThin([client], clients, graph));
  return kept.length === clients.length ? kept : core(kept, graph);
}
