/**
 * What a hostile server knows of the inputs, from what it holds: the oracle by which strategies against
 * secure aggregation are judged. Pure set arithmetic; no secret passes through here.
 *
 * Every masked input is a sum of independent uniform streams and of what is to stay secret:
 *
 *   y_u = x_u + p_u + Σ_{v ∈ B_u} ±r_uv,
 *
 * B_u being the neighbours whose boxes the server gave u. The server takes p_u away once it holds t
 * shares of u's seed, and r_uv once u or v is in league with it or it holds t shares of the mask secret
 * of either. A combination Σ a_u·y_u then tells something of the inputs only if all streams that are
 * still unknown cancel in it:
 *
 * - a_u = 0 where p_u is unknown,
 * - a_u = a_v where r_uv is unknown and in both inputs,
 * - a_u = 0 where r_uv is unknown and in that of u alone.
 *
 * So a_u is constant on the connected components of the graph of unknown r_uv, and 0 on those that hold
 * a client whose stream stays. What the server can learn is exactly spanned by the sums over the other
 * components: the *exposed sums*. It is a leak if one of them is over fewer honest inputs than
 * n_sum_min less the clients in league with the server, and, whatever it serves for, if both secrets of
 * an honest client are known.
 *
 * More shares, more inputs or more clients in league never take an exposed combination away: who looks
 * for leaks needs to look at the most that a server can get.
 *
 * @module
 */

/** What a server holds. */
export interface Knowledge {
  /** Clients whose secrets and shares are all the server's. */
  readonly corrupt: ReadonlySet<number>;
  /** Of each honest client that sent its masked input: B, the neighbours whose masks are in it. */
  readonly inputs: ReadonlyMap<number, ReadonlySet<number>>;
  /** By whose seed: which neighbours' shares of it the server holds. */
  readonly seedShares: ReadonlyMap<number, ReadonlySet<number>>;
  /** The same for mask secrets. */
  readonly maskShares: ReadonlyMap<number, ReadonlySet<number>>;
  /** Shares that restore a secret of this client. */
  readonly threshold: (owner: number) => number;
}

/** What must not be known. */
export interface Floor {
  /** Fewest honest inputs that a sum may be of. */
  readonly honestInputs: number;
}

/** Something that must not be known, and is. */
export type Leak =
  /** A sum over too few honest inputs, ascending. */
  | { readonly kind: 'small-sum'; readonly clients: readonly number[] }
  /** Seed and mask secret of one honest client. */
  | { readonly kind: 'both-secrets'; readonly client: number };

/** The clients of each exposed sum, ascending; the sums by their first client. */
export function exposedSums(knowledge: Knowledge): number[][] {
  const { inputs } = knowledge;
  const exposed: number[][] = [];
  const seen = new Set<number>();
  for (const start of [...inputs.keys()].sort((a, b) => a - b)) {
    if (seen.has(start)) continue;
    const component = componentOf(start, knowledge);
    for (const client of component) seen.add(client);
    if (component.every((client) => isStripped(client, knowledge))) {
      exposed.push(component.sort((a, b) => a - b));
    }
  }
  return exposed;
}

/** The worst that is known, if anything is that must not be. */
export function findLeak(knowledge: Knowledge, { honestInputs }: Floor): Leak | undefined {
  const { corrupt, inputs, seedShares, maskShares } = knowledge;
  const small = exposedSums(knowledge)
    .filter(({ length }) => length < honestInputs)
    .sort((a, b) => a.length - b.length)[0];
  if (small !== undefined) return { kind: 'small-sum', clients: small };
  const owners = new Set([...inputs.keys(), ...seedShares.keys(), ...maskShares.keys()]);
  for (const client of owners) {
    if (corrupt.has(client)) continue;
    if (knowsSeed(client, knowledge) && knowsMask(client, knowledge)) {
      return { kind: 'both-secrets', client };
    }
  }
  return undefined;
}

/** Whether t shares of a client's seed are held. */
export function knowsSeed(owner: number, { seedShares, threshold }: Knowledge): boolean {
  return (seedShares.get(owner)?.size ?? 0) >= threshold(owner);
}

/** Whether a client's mask secret is known: from t shares, or because it is in league. */
export function knowsMask(owner: number, { corrupt, maskShares, threshold }: Knowledge): boolean {
  return corrupt.has(owner) || (maskShares.get(owner)?.size ?? 0) >= threshold(owner);
}

/** Clients whose inputs can only be had together with that of `start`. */
function componentOf(start: number, knowledge: Knowledge): number[] {
  const { inputs } = knowledge;
  const component = new Set([start]);
  for (const client of component) {
    // What one input has alone keeps that input covered; it does not tie the other to it.
    for (const other of inputs.get(client)!) {
      const isShared = inputs.get(other)?.has(client) ?? false;
      if (isShared && !knowsPair(client, other, knowledge)) component.add(other);
    }
  }
  return [...component];
}

/** Whether no unknown stream is in this input alone. */
function isStripped(client: number, knowledge: Knowledge): boolean {
  const { inputs } = knowledge;
  return (
    knowsSeed(client, knowledge) &&
    [...inputs.get(client)!].every(
      (other) => knowsPair(client, other, knowledge) || inputs.get(other)?.has(client) === true,
    )
  );
}

function knowsPair(a: number, b: number, knowledge: Knowledge): boolean {
  return knowsMask(a, knowledge) || knowsMask(b, knowledge);
}
