/**
 * Who is asked to take part in a round.
 *
 * Candidates are ordered by id before anything is drawn, and all chance comes from one stream of words, so
 * the same candidates and the same stream give the same members, on whatever machine. (The weighted scheme
 * takes logarithms, whose last bits may differ between engines: two keys would have to agree to 2⁻⁵⁰.)
 *
 * - `everybody`: all candidates.
 * - `uniform`: so many of them, all subsets alike.
 * - `poisson`: each by a coin of its own, for accounting under `add-remove`; the number is random.
 * - `reputation`: so many, without replacement, by trust. Each candidate gets an exponential waiting time
 *   of rate w, and those with the shortest are taken. That is as if one were drawn after another, each time
 *   with chances in proportion to the weights of those left. So the *first* draw is in proportion to
 *   weight; chances of being among k > 1 are not: they are nearer to each other, and heavy ones are in
 *   almost surely. Weights are in [leastWeight, 1]: nobody is preferred without bound, nobody is shut out.
 *
 * Efraimidis, Spirakis. "Weighted random sampling with a reservoir", Information Processing Letters 97,
 * 2006: algorithm A, whose keys u^(1/w) are these waiting times under a decreasing function.
 *
 * @module
 */

import { assertFinite, assertInteger, show } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import { NO_SAMPLING, type Sampling } from '../privacy/event.ts';
import { claimSampling, fixedCohort, poissonCohort, type Secrecy } from '../privacy/sampling.ts';
import { compareClients, type Exclusion } from './events.ts';
import type { ClientState, RunState } from './run-state.ts';

/** A client that may be selected. */
export interface Candidate {
  readonly client: string;
  /** Its weight in a weighted selection, in (0, 1]. */
  readonly weight: number;
}

/** How members are drawn. */
export type SelectionScheme =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'uniform'; readonly count: number }
  /** `rate` in [2⁻³², 1]. */
  | { readonly kind: 'poisson'; readonly rate: number }
  | { readonly kind: 'reputation'; readonly count: number };

/** What {@link select} needs. */
export interface SelectionOptions {
  readonly scheme: SelectionScheme;
  /** So many times the count are asked, since some will drop out; in [1, 10]. Default 1. */
  readonly overSelection?: number;
  /** Where chance comes from: under a key of the platform's CSPRNG if the draw is to be a secret. */
  readonly random: Pick<Random, 'uint32' | 'uniform'>;
  /** What is known of the draw, for accounting. */
  readonly secrecy: Secrecy;
}

/** Who was drawn, and what an account may make of it. */
export interface Selection {
  /** Ascending. */
  readonly selected: readonly string[];
  readonly sampling: Sampling;
  /** Why sampling counts, or does not. */
  readonly because: string;
}

/** Which clients may be selected. */
export interface CandidateOptions {
  readonly now: number;
  /** Of these alone, such as those that are present. Default: all that are enrolled. */
  readonly among?: Iterable<string>;
  /** A condition on what a client says of itself. */
  readonly where?: (client: string, state: ClientState) => boolean;
  /** Whether quarantine and trust count. Not where updates are private: see `composition.ts`. */
  readonly reputation: boolean;
}

const MOST_OVER = 10;

/** Clients that may be selected, and those that may not for what is held against them; both ascending. */
export function candidatesOf(
  { clients, reputation }: RunState,
  { now, among = clients.keys(), where = () => true, reputation: counts }: CandidateOptions,
): { readonly candidates: readonly Candidate[]; readonly excluded: readonly Exclusion[] } {
  const candidates: Candidate[] = [];
  const excluded: Exclusion[] = [];
  for (const client of [...new Set(among)].sort(compareClients)) {
    const state = clients.get(client);
    if (state === undefined || state.revoked || (state.expires ?? now + 1) <= now) continue;
    if (!where(client, state)) continue;
    if (counts && reputation.isQuarantined(client)) {
      excluded.push({ client, reason: reputation.explain(client) });
    } else candidates.push({ client, weight: counts ? reputation.weight(client) : 1 });
  }
  return { candidates, excluded };
}

/**
 * Draws the members of a round. If there are fewer candidates than are asked for, all are taken.
 *
 * @throws {TypeError | RangeError} if an option is out of its range, a client is a candidate twice, or a
 *   weight is not in (0, 1].
 */
export function select(candidates: readonly Candidate[], options: SelectionOptions): Selection {
  const { scheme, overSelection = 1, random, secrecy } = options;
  assertFinite('overSelection', overSelection);
  if (!(overSelection >= 1 && overSelection <= MOST_OVER)) {
    throw new RangeError(`overSelection must be in [1, ${MOST_OVER}], got ${overSelection}`);
  }
  const all = [...candidates].sort((a, b) => compareClients(a.client, b.client));
  checkCandidates(all);
  const asked = (count: number): number =>
    Math.min(all.length, Math.ceil(assertInteger('count', count, 1) * overSelection));
  const population = all.length;
  const drawn = (members: readonly number[]): string[] => members.map((i) => all[i]!.client);
  if (population === 0) return open([], secrecy);
  switch (scheme.kind) {
    case 'everybody':
      return open(drawn([...all.keys()]), secrecy);
    case 'uniform': {
      const cohort = asked(scheme.count);
      const { members, sampling, because } = fixedCohort(random, { population, cohort, secrecy });
      return { selected: drawn(members), sampling, because };
    }
    case 'poisson': {
      const { rate } = scheme;
      const { members, sampling, because } = poissonCohort(random, { population, rate, secrecy });
      return { selected: drawn(members), sampling, because };
    }
    case 'reputation': {
      const members = shortestWaits(all, { count: asked(scheme.count), random });
      return open(drawn(members), { ...secrecy, selection: 'weighted' });
    }
    default:
      throw new RangeError(
        `there is no scheme ${show((scheme satisfies never as SelectionScheme).kind)}`,
      );
  }
}

function open(selected: readonly string[], secrecy: Secrecy): Selection {
  const { because } = claimSampling(NO_SAMPLING, secrecy);
  return { selected, sampling: NO_SAMPLING, because };
}

/** Places of the `count` shortest waiting times, ascending. One draw for each candidate, whoever wins. */
function shortestWaits(
  all: readonly Candidate[],
  { count, random }: { readonly count: number; readonly random: Pick<Random, 'uniform'> },
): number[] {
  // 1 − u is in (0, 1], so that the logarithm is finite.
  const waits = all.map(({ weight }) => -Math.log(1 - random.uniform()) / weight);
  return [...all.keys()]
    .sort((i, j) => waits[i]! - waits[j]! || i - j)
    .slice(0, count)
    .sort((i, j) => i - j);
}

function checkCandidates(all: readonly Candidate[]): void {
  for (const [i, { client, weight }] of all.entries()) {
    if (i > 0 && all[i - 1]!.client === client) throw new RangeError(`${client} is there twice`);
    if (weight > 0 && weight <= 1) continue;
    throw new RangeError(`weight of ${client} must be in (0, 1], got ${show(weight)}`);
  }
}
