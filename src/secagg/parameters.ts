/**
 * How many neighbours a client has, and how many shares restore its secrets.
 *
 * Complete graphs: Bonawitz and others. "Practical secure aggregation for privacy-preserving machine
 * learning", CCS 2017. Harary graphs, their degree and their failure probabilities: Bell, Bonawitz,
 * Gascón, Lepoint, Raykova. "Secure single-server aggregation with (poly)logarithmic overhead", CCS 2020.
 *
 * Of n clients, A = ⌊γn⌋ collude with the server and ⌊δn⌋ drop out, wherever they stand in a ring whose
 * order nobody chose. A neighbourhood of k then is k places of it, so what it holds of either is
 * hypergeometric. Server and client both compute this, and come to the same numbers on every engine.
 *
 * @module
 */

import { assertFinite, assertInteger, assertOneOf, assertOptions } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { growingQuantile } from './hypergeometric.ts';
import { MAX_SHARES } from './shamir.ts';

/**
 * What the server is assumed to do, with all corrupt clients in league: anything, or to follow the
 * protocol and look at what it gets. SAGG1 runs with thresholds against the former; those against the
 * latter are for comparison.
 */
export type Adversary = 'malicious' | 'honest-but-curious';

/** Who is neighbour of whom: everyone of everyone, or the k/2 next on either side of a ring. */
export type NeighbourGraph = 'complete' | 'harary';

/** What must hold. */
export interface Requirements {
  /** n: clients of the roster, from 3 up. */
  readonly clients: number;
  /** γ in [0, 1): the share that colludes with the server. Taken in millionths. */
  readonly corrupt: number;
  /** δ in [0, 1): the share that drops out. Taken in millionths. */
  readonly dropout: number;
  /** σ: privacy fails with probability 2^−σ at most. An integer in [1, 256]. */
  readonly sigma: number;
  /** η: the round fails, with no more dropouts than assumed, with probability 2^−η at most. An integer in [1, 256]. */
  readonly eta: number;
  /** `malicious` unless given. */
  readonly adversary?: Adversary;
  /**
   * Of a ring: that no arc of it can be cut off and summed alone by a server that shows it another view
   * than the rest. Takes a higher threshold and a larger degree. Default false.
   */
  readonly arcSafe?: boolean;
}

/** A graph, and the threshold of its shares. */
export interface GraphParameters {
  readonly graph: NeighbourGraph;
  /** Neighbours of each client: the shares of its secrets. */
  readonly k: number;
  /** Shares that restore a secret. */
  readonly t: number;
}

/** Parameters that were found. */
export interface FoundParameters extends GraphParameters {
  /** Corrupt neighbours that an honest client may have. */
  readonly c: number;
  /** Neighbours that may drop out by the requirements. */
  readonly dropped: number;
  /** Neighbours that can drop out before shares are too few: k − t. */
  readonly toleratedDropouts: number;
}

/** An inequality that proposed parameters do not meet. */
export interface Shortfall {
  /**
   * `shape`: the graph is none, or not of these clients. `connected`: those who stay honest and alive
   * could fall apart. `privacy`: corrupt neighbours could get at a secret. `liveness`: too few shares
   * could be left.
   */
  readonly requirement: 'shape' | 'connected' | 'privacy' | 'liveness';
  /** The inequality, with its numbers. */
  readonly message: string;
}

/** Up to here, all are neighbours of all. */
export const COMPLETE_UP_TO = 256;

/** Clients that a roster can hold: indices have four bytes. */
const MAX_CLIENTS: number = 2 ** 32 - 1;
const MAX_EXPONENT = 256;
const MILLION = 1_000_000;

/**
 * The parameters for these requirements: the complete graph up to 256 clients, and above it the Harary
 * graph of the least even degree that will do; or the graph that is asked for. Takes time that is
 * linear in the degree: milliseconds.
 *
 * @throws {SecureError} `infeasible` where no parameters meet the requirements.
 * @throws {TypeError} and {RangeError} for requirements that are none.
 */
export function findParameters(
  requirements: Requirements & { readonly graph?: NeighbourGraph },
): FoundParameters {
  const { graph, ...rest } = requirements;
  if (graph !== undefined) assertOneOf('graph', graph, ['complete', 'harary']);
  const needs = needsOf(rest);
  if (graph === 'complete' || (graph === undefined && needs.n <= COMPLETE_UP_TO)) {
    return completeParameters(needs);
  }
  const found = hararyParameters(needs);
  if (found !== undefined) return found;
  if (graph === undefined) return completeParameters(needs);
  throw new SecureError(
    'infeasible',
    `no even degree below ${Math.min(needs.n - 1, MAX_SHARES + 1)} will do for ${describe(needs)}`,
  );
}

/**
 * What parameters that somebody proposes fall short of, or nothing. More than is needed does not fall
 * short. For clients, who take no server's word for it.
 *
 * @throws {TypeError} and {RangeError} for requirements that are none; never for what is proposed.
 */
export function checkParameters(
  requirements: Requirements,
  proposed: GraphParameters,
): readonly Shortfall[] {
  const needs = needsOf(requirements);
  const shape = shapeFault(needs, proposed);
  if (shape !== undefined) return [{ requirement: 'shape', message: shape }];
  const { graph, k, t } = proposed;
  if (graph === 'complete') return shortfalls({ ...wholeRoster(needs), t }, needs);
  const neighbourhood = { ...neighbourhoodOf(needs, k), t };
  return [...shortfalls(neighbourhood, needs), ...arcShortfalls(neighbourhood, needs)];
}

/**
 * The least threshold for k neighbours of whom c may be corrupt. A malicious server could tell some that
 * a client lives and others that it died: 2t > k + c leaves no two sets of t without an honest one in
 * common. A curious one has c shares: t > c.
 */
export function leastThreshold(
  k: number,
  { c, adversary }: { c: number; adversary: Adversary },
): number {
  // A polynomial of degree 0 would be the secret itself.
  return Math.max(2, adversary === 'malicious' ? Math.floor((k + c) / 2) + 1 : c + 1);
}

/**
 * The least threshold for which no arc of a ring can be cut off. A server could tell the members of an
 * arc that their neighbours beyond it never shared, but for some that dropped out; and the others that
 * only these did.
 *
 * - An outermost member has k/2 neighbours within and takes part only with t: t − k/2 beyond must be said
 *   to have dropped out, or be corrupt. With t > k/2 + c + 1 that leaves two honest ones at least.
 * - It takes t shares of that member's seed. As many as that have too few neighbours alive to reveal
 *   anything: k − t remain on each side, and c corrupt: 3t > 2k + 2c + 1 leaves too few.
 */
export function leastArcThreshold(k: number, c: number): number {
  return Math.max(Math.floor(k / 2) + c + 2, Math.floor((2 * k + 2 * c + 1) / 3) + 1);
}

/** Requirements that were checked, in integers. */
export interface Needs {
  readonly n: number;
  /** A = ⌊γn⌋. */
  readonly corrupt: number;
  /** ⌊δn⌋. */
  readonly dropped: number;
  readonly sigma: number;
  readonly eta: number;
  readonly adversary: Adversary;
  readonly arcSafe: boolean;
}

/** Checks requirements and rounds fractions of clients down, exactly. */
export function needsOf(requirements: Requirements): Needs {
  const { clients, corrupt, dropout, sigma, eta, adversary, arcSafe } = assertOptions(
    requirements,
    {
      clients: true,
      corrupt: true,
      dropout: true,
      sigma: true,
      eta: true,
      adversary: true,
      arcSafe: true,
    },
  );
  const n = assertInteger('clients', clients, 3, MAX_CLIENTS);
  return {
    n,
    corrupt: fractionOf('corrupt', corrupt, n),
    dropped: fractionOf('dropout', dropout, n),
    sigma: assertInteger('sigma', sigma, 1, MAX_EXPONENT),
    eta: assertInteger('eta', eta, 1, MAX_EXPONENT),
    adversary: assertOneOf('adversary', adversary ?? 'malicious', [
      'malicious',
      'honest-but-curious',
    ]),
    arcSafe: arcSafe ?? false,
  };
}

function fractionOf(name: string, fraction: number, n: number): number {
  const millionths = Math.round(assertFinite(name, fraction) * MILLION);
  if (fraction < 0 || millionths >= MILLION) {
    throw new RangeError(`${name} must be in [0, 1), in millionths, got ${fraction}`);
  }
  // Below 2⁵³.
  return Math.floor((millionths * n) / MILLION);
}

/** 2^−exponent by halving: exact on every engine. */
export function powerOfHalf(exponent: number): number {
  let power = 1;
  for (let i = 0; i < exponent; i++) power /= 2;
  return power;
}

/** What k neighbours of an honest client hold, but for chances that are neglected. */
interface Neighbourhood {
  readonly k: number;
  /** Corrupt ones, at most. */
  readonly c: number;
  /** Dropouts, at most. */
  readonly dropped: number;
  /** Bounds the chance that the honest who stay are not connected. */
  readonly cut: number;
}

function wholeRoster({ n, corrupt, dropped }: Needs): Neighbourhood {
  return { k: n - 1, c: corrupt, dropped, cut: 0 };
}

function completeParameters(needs: Needs): FoundParameters {
  const found = withThreshold('complete', wholeRoster(needs), needs);
  const [fault] = found.k > MAX_SHARES ? [tooManyShares(found.k)] : faultsOf(found, needs);
  if (fault === undefined) return found;
  throw new SecureError('infeasible', `${fault}, for ${describe(needs)}`);
}

function faultsOf(found: FoundParameters, needs: Needs): string[] {
  return shortfalls({ ...found, cut: 0 }, needs).map(({ message }) => message);
}

function tooManyShares(k: number): string {
  return `a secret can have ${MAX_SHARES} shares, and ${k} neighbours would each have one`;
}

function withThreshold(
  graph: NeighbourGraph,
  { k, c, dropped }: Neighbourhood,
  { adversary, arcSafe }: Needs,
): FoundParameters {
  const onArc = arcSafe && graph === 'harary' ? leastArcThreshold(k, c) : 0;
  const t = Math.max(leastThreshold(k, { c, adversary }), onArc);
  return { graph, k, t, c, dropped, toleratedDropouts: k - t };
}

function hararyParameters(needs: Needs): FoundParameters | undefined {
  for (const neighbourhood of neighbourhoods(needs)) {
    if (neighbourhood.k % 2 === 1) continue;
    const found = withThreshold('harary', neighbourhood, needs);
    if (shortfalls({ ...neighbourhood, t: found.t }, needs).length === 0) return found;
  }
  return undefined;
}

function neighbourhoodOf(needs: Needs, k: number): Neighbourhood {
  for (const neighbourhood of neighbourhoods(needs)) {
    if (neighbourhood.k === k) return neighbourhood;
  }
  throw new RangeError(`k must be below ${needs.n - 1}, got ${k}`);
}

/**
 * Neighbourhoods of k = 1, 2, … places of the ring. The bounds are over all clients: 2^−η, and half of
 * 2^−σ, the other half being for the cut. That the client in the middle is honest itself only lowers
 * the chance.
 */
function* neighbourhoods({
  n,
  corrupt,
  dropped,
  sigma,
  eta,
}: Needs): Generator<Neighbourhood, void> {
  const quantileOf = (marked: number, exponent: number): ReturnType<typeof growingQuantile> =>
    growingQuantile({ population: n, marked, bound: powerOfHalf(exponent) / n });
  const corruptOnes = quantileOf(corrupt, sigma + 1);
  const dropouts = quantileOf(dropped, eta);
  const bad = corrupt + dropped;
  // Pr[k given places are all bad]
  let allBad = 1;
  for (let k = 1; k < n - 1 && k <= MAX_SHARES; k++) {
    allBad *= Math.max(0, bad - k + 1) / (n - k + 1);
    corruptOnes.drawOne();
    dropouts.drawOne();
    // A ring of k/2 on each side falls apart where two runs of k/2 are bad, of n(n − k − 1)/2 pairs.
    const cut = ((n * (n - k - 1)) / 2) * allBad;
    yield { k, c: corruptOnes.quantile, dropped: dropouts.quantile, cut };
  }
}

function shapeFault({ n }: Needs, { graph, k, t }: GraphParameters): string | undefined {
  if (graph !== 'complete' && graph !== 'harary') return 'the graph must be complete or harary';
  if (!Number.isSafeInteger(k) || !Number.isSafeInteger(t)) return 'k and t must be integers';
  if (k > MAX_SHARES) return tooManyShares(k);
  if (graph === 'complete' && k !== n - 1) {
    return `of ${n} clients in a complete graph each has k = ${n - 1} neighbours, not ${k}`;
  }
  if (graph === 'harary' && (k < 2 || k % 2 !== 0 || k >= n - 1)) {
    return `the degree of a Harary graph of ${n} is even, from 2 and below ${n - 1}; k is ${k}`;
  }
  if (t < 2 || t > k) return `2 ≤ t ≤ k does not hold: t = ${t}, k = ${k}`;
  return undefined;
}

function shortfalls(
  { k, t, c, dropped, cut }: Neighbourhood & { readonly t: number },
  { sigma, adversary }: Needs,
): Shortfall[] {
  const found: Shortfall[] = [];
  if (cut > powerOfHalf(sigma + 1)) {
    const message =
      `with k = ${k} the graph of the honest who stay falls apart with probability up to ` +
      `${cut.toPrecision(3)}, above 2^−${sigma + 1}`;
    found.push({ requirement: 'connected', message });
  }
  if (t < leastThreshold(k, { c, adversary })) {
    const inequality = adversary === 'malicious' ? '2t > k + c' : 't > c';
    const message = `${inequality} does not hold: t = ${t}, k = ${k}, c = ${c} corrupt neighbours`;
    found.push({ requirement: 'privacy', message });
  }
  if (t > k - dropped) {
    const message =
      `t ≤ k − d does not hold: t = ${t}, k = ${k} (c = ${c} of them corrupt), ` +
      `d = ${dropped} that may drop out`;
    found.push({ requirement: 'liveness', message });
  }
  return found;
}

function arcShortfalls(
  { k, t, c }: Neighbourhood & { readonly t: number },
  { arcSafe }: Needs,
): Shortfall[] {
  if (!arcSafe || t >= leastArcThreshold(k, c)) return [];
  const message =
    `t > k/2 + c + 1 and 3t > 2k + 2c + 1 do not both hold: t = ${t}, k = ${k}, c = ${c} corrupt ` +
    'neighbours; an arc of the ring could be summed alone';
  return [{ requirement: 'privacy', message }];
}

function describe({ n, corrupt, dropped, sigma, eta, adversary }: Needs): string {
  return (
    `${n} clients, of whom ${corrupt} collude with a ${adversary} server and ${dropped} drop out, ` +
    `at σ = ${sigma}, η = ${eta}`
  );
}
