/**
 * Numbers that some optimisers ask of every client beside its row. They are claims: each has bounds
 * that the policy sets, and where single clients are to stay hidden there must be none.
 *
 * @module
 */

import { assertFinite, assertInteger, show } from '../../core/assert.ts';

/** What clients may be asked for. */
export type ClientScalarName = 'steps' | 'loss';

/** A number that every client says of itself. */
export interface ClientScalar {
  readonly name: ClientScalarName;
  readonly meaning: string;
  readonly integer: boolean;
  /** The least and the greatest that count. */
  readonly min: number;
  readonly max: number;
  /** Whether a claim beyond the bounds is taken for the nearer one, or costs the client its row. */
  readonly beyond: 'clamp' | 'refuse';
}

/** Claims as they came. */
export type Claims = Readonly<Partial<Record<ClientScalarName, unknown>>>;

/** Claims within their bounds, or why the client’s row is refused. */
export type BoundedClaims =
  | { readonly scalars: Readonly<Partial<Record<ClientScalarName, number>>> }
  | { readonly refused: string };

/**
 * Brings what a client claims into its bounds. What nobody asked for is left out; a claim that is
 * missing or no such number is a reason to refuse the row, never an error.
 */
export function boundClaims(asked: readonly ClientScalar[], claims: Claims): BoundedClaims {
  const scalars: Partial<Record<ClientScalarName, number>> = {};
  for (const scalar of asked) {
    const { name, min, max, integer, beyond } = scalar;
    const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
    const isNumber = integer ? Number.isSafeInteger(claim) : Number.isFinite(claim);
    const value = claim as number;
    // Below zero there is neither a count nor a loss, whatever the bounds.
    const isSane = isNumber && value >= 0;
    if (!isSane || (beyond === 'refuse' && (value < min || value > max))) {
      return { refused: `${name} must be ${wanted(scalar)}, got ${show(claim)}` };
    }
    scalars[name] = Math.min(max, Math.max(min, value));
  }
  return { scalars };
}

function wanted({ integer, min, max, beyond }: ClientScalar): string {
  const kind = integer ? 'an integer' : 'a number';
  return beyond === 'refuse' ? `${kind} in [${min}, ${max}]` : `${kind}, at least 0`;
}

/**
 * A claim that was bounded before.
 *
 * @throws {TypeError | RangeError} if it is missing or out of its bounds.
 */
export function boundedClaim(
  { name, integer, min, max }: ClientScalar,
  value: number | undefined,
): number {
  const what = `${name} of a client`;
  if (integer) return assertInteger(what, value as number, min, max);
  const claim = assertFinite(what, value as number);
  if (claim >= min && claim <= max) return claim;
  throw new RangeError(`${what} must be in [${min}, ${max}], got ${claim}`);
}

/** A mode in which nothing but a sum or a noised sum may be learned of clients. */
export type HidingMode = 'central-dp' | 'local-dp' | 'secure-aggregation';

const HIDDEN_BY: Readonly<Record<HidingMode, string>> = {
  'central-dp': 'they are of single clients, and the noise of the round does not cover them',
  'local-dp': 'they leave the client without noise',
  'secure-aggregation': 'they tell of single clients what the sum is to hide',
};

/**
 * Why an optimiser cannot be used in a mode, in a sentence; undefined where it can. Without client
 * scalars a step is a function of what was released: it tells nothing more.
 */
export function refusalUnder(
  mode: HidingMode,
  { name, clientScalars }: { name: string; clientScalars: readonly ClientScalarName[] },
): string | undefined {
  if (clientScalars.length === 0) return undefined;
  const asked = clientScalars.join(' and ');
  return `${name} asks every client for ${asked}; under ${mode} ${HIDDEN_BY[mode]}`;
}
