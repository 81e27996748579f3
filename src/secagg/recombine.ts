/**
 * Secrets from their shares, told from lies: the server's side of `shamir.ts`.
 *
 * Works on tables, so that traces of shares stay in caches: for whoever may know them.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { fieldTables } from './field.ts';
import { logLagrangeWeights } from './lagrange.ts';
import { assertShare, MAX_SHARES, SHARE_BYTES } from './shamir.ts';
import { findWrongShares, type WordPoint } from './wrong-shares.ts';

/** A share, and where it was taken. */
export interface SharePoint {
  /** In [1, 65535]. */
  readonly x: number;
  /** 32 bytes, from whoever: any bytes. */
  readonly share: Uint8Array;
}

/** A secret that was accepted. */
export interface Recombined {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /**
   * The x of shares that were found wrong, ascending. None are looked for where the first t shares
   * restore the secret. Right while at most ⌊(m − t)/2⌋ of m lied; beyond it, t who collude, and so
   * know the secret, could make shares that put the blame on others.
   */
  readonly liars: readonly number[];
}

/** How a secret is known when it is seen. */
export interface VerifyOptions {
  /** t: how many shares restore it. */
  readonly threshold: number;
  /** Whether these 32 bytes are the secret. Those that are not are overwritten afterwards. */
  readonly accept: (secret: Uint8Array) => boolean | Promise<boolean>;
}

/** Restores secrets, and keeps the weights of sets of x that come again. */
export interface Recombiner {
  /**
   * The secret that the first t shares restore, whatever they say, right or wrong. Takes t²/2 steps
   * where the set of their x is new, and 16·t in any case.
   *
   * @throws {RangeError} if there are fewer than t shares, or an x is out of range or comes twice.
   * @throws {TypeError} if a share is not of 32 bytes.
   */
  recombine(shares: readonly SharePoint[], threshold: number): Uint8Array;
  /**
   * The secret, where it can be told from lies. Tried are the first t shares; then those that agree
   * with one polynomial, which are found whenever at most ⌊(m − t)/2⌋ of m are wrong; and then, where
   * there are at most {@link MAX_SUBSETS} choices of t shares, all of them. `undefined` if none was
   * accepted, or fewer than t came; what shares hold never throws.
   *
   * Takes 16·m·(m − t) steps more where the first t are wrong: who was seen to lie should come last.
   *
   * @throws {RangeError} if an x is out of range or comes twice.
   * @throws {TypeError} if a share is not of 32 bytes.
   */
  recombineVerified(
    shares: readonly SharePoint[],
    options: VerifyOptions,
  ): Promise<Recombined | undefined>;
}

/** Choices of t shares that are tried one by one at most. */
export const MAX_SUBSETS = 1000;

/** Sets of x whose weights are kept; of t = 700 they take 1 MiB with their names. */
const KEPT_WEIGHTS = 256;

/** What to try, and how. */
interface Trial extends VerifyOptions {
  readonly shares: readonly SharePoint[];
  /** The secret of as many points as restore it. */
  readonly restore: (points: readonly WordPoint[]) => Uint8Array;
}

/** A {@link Recombiner} that has kept nothing yet. */
export function createRecombiner(): Recombiner {
  const weightsOf = rememberedWeights();
  const restore = (points: readonly WordPoint[]): Uint8Array => {
    const words = weightedSum(weightsOf(points.map(({ x }) => x)), points);
    const secret = bytesOf(words);
    words.fill(0);
    return secret;
  };
  return {
    recombine(shares, threshold) {
      assertInteger('threshold', threshold, 1, MAX_SHARES);
      if (shares.length < threshold) {
        throw new RangeError(`shares must be ${threshold} at least, got ${shares.length}`);
      }
      checkShares(shares);
      return restore(pointsOf(shares.slice(0, threshold)));
    },
    async recombineVerified(shares, { threshold, accept }) {
      assertInteger('threshold', threshold, 1, MAX_SHARES);
      checkShares(shares);
      if (shares.length < threshold) return undefined;
      return await verified({ shares, threshold, accept, restore });
    },
  };
}

/**
 * How many shares agree with one polynomial of a degree below t, with all but ⌊(m − t)/2⌋ of m at most;
 * 0 if there is none. Takes 16·m·(m − t) steps.
 *
 * @throws {RangeError} if an x is out of range or comes twice.
 * @throws {TypeError} if a share is not of 32 bytes.
 */
export function countAgreeing(shares: readonly SharePoint[], threshold: number): number {
  checkShares(shares);
  if (shares.length < threshold) return 0;
  const wrong = findWrongShares(pointsOf(shares), threshold);
  return wrong === undefined ? 0 : shares.length - wrong.length;
}

function rememberedWeights(): (xs: readonly number[]) => Uint16Array {
  const kept = new Map<string, Uint16Array>();
  return (xs) => {
    const name = xs.join();
    const known = kept.get(name);
    if (known !== undefined) return known;
    const weights = logLagrangeWeights(xs);
    // The oldest goes.
    if (kept.size === KEPT_WEIGHTS) kept.delete(kept.keys().next().value!);
    kept.set(name, weights);
    return weights;
  };
}

async function verified(trial: Trial): Promise<Recombined | undefined> {
  const { shares, threshold } = trial;
  const first = await acceptedOf(pointsOf(shares.slice(0, threshold)), trial);
  if (first !== undefined) return { secret: first, liars: [] };
  const points = pointsOf(shares);
  const wrong = findWrongShares(points, threshold);
  // All agree on a secret that is not accepted: whoever split it lied.
  if (wrong?.length === 0) return undefined;
  if (wrong !== undefined) {
    const trusted = points.filter((_, place) => !wrong.includes(place));
    const secret = await acceptedOf(trusted.slice(0, threshold), trial);
    if (secret !== undefined) return { secret, liars: ascending(wrong.map((i) => points[i]!.x)) };
  }
  return await fromSubsets(points, trial);
}

/** What these points restore, if it is the secret. */
async function acceptedOf(
  points: readonly WordPoint[],
  { restore, accept }: Trial,
): Promise<Uint8Array | undefined> {
  const secret = restore(points);
  let isIt = false;
  try {
    isIt = await accept(secret);
  } finally {
    if (!isIt) secret.fill(0);
  }
  return isIt ? secret : undefined;
}

async function fromSubsets(
  points: readonly WordPoint[],
  trial: Trial,
): Promise<Recombined | undefined> {
  const { threshold } = trial;
  if (!isFewSubsets(points.length, threshold)) return undefined;
  for (const places of subsets(points.length, threshold)) {
    const chosen = places.map((place) => points[place]!);
    const secret = await acceptedOf(chosen, trial);
    if (secret === undefined) continue;
    const liars = points.filter((point) => !chosen.includes(point) && !agrees(point, chosen));
    return { secret, liars: ascending(liars.map(({ x }) => x)) };
  }
  return undefined;
}

/** Whether m over t is at most {@link MAX_SUBSETS}. */
function isFewSubsets(m: number, t: number): boolean {
  let count = 1;
  for (let i = 1; i <= Math.min(t, m - t); i++) {
    count = (count * (m - i + 1)) / i;
    if (count > MAX_SUBSETS) return false;
  }
  return true;
}

/** All choices of t among 0 … m − 1, each ascending. */
function* subsets(m: number, t: number, from = 0): Generator<number[], void> {
  if (t === 0) yield [];
  else {
    for (let first = from; first <= m - t; first++) {
      for (const rest of subsets(m, t - 1, first + 1)) yield [first, ...rest];
    }
  }
}

/** Whether a point is on the polynomials through others. */
function agrees(point: WordPoint, others: readonly WordPoint[]): boolean {
  // Moved so that the point stands at 0.
  const value = weightedSum(logLagrangeWeights(others.map(({ x }) => x ^ point.x)), others);
  return value.every((word, i) => word === point.words[i]);
}

/** Σ λᵢ·yᵢ, word by word. */
function weightedSum(logWeights: Uint16Array, points: readonly WordPoint[]): Uint16Array {
  const { exp, log } = fieldTables();
  const sum = new Uint16Array(SHARE_BYTES / 2);
  points.forEach(({ words }, i) => {
    const weight = logWeights[i]!;
    for (let word = 0; word < sum.length; word++) {
      const y = words[word]!;
      if (y !== 0) sum[word]! ^= exp[weight + log[y]!]!;
    }
  });
  return sum;
}

function checkShares(shares: readonly SharePoint[]): void {
  const seen = new Set<number>();
  for (const { x, share } of shares) {
    assertInteger('x', x, 1, MAX_SHARES);
    if (seen.has(x)) throw new RangeError(`x must not come twice, got ${x} again`);
    seen.add(x);
    assertShare('a share', share);
  }
}

function pointsOf(shares: readonly SharePoint[]): WordPoint[] {
  const wordCount = SHARE_BYTES / 2;
  // One array for all: to make one for each would take longer than all that is done with them.
  const all = new Uint16Array(shares.length * wordCount);
  return shares.map(({ x, share }, i) => {
    const words = all.subarray(i * wordCount, (i + 1) * wordCount);
    for (let word = 0; word < wordCount; word++) {
      words[word] = share[2 * word]! | (share[2 * word + 1]! << 8);
    }
    return { x, words };
  });
}

function bytesOf(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(SHARE_BYTES);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => {
    view.setUint16(2 * i, word, true);
  });
  return bytes;
}

function ascending(xs: number[]): number[] {
  return xs.sort((a, b) => a - b);
}
