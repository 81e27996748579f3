/**
 * Who takes part in a round: drawn by random words alone, and accounted for as it was drawn.
 *
 * Sampling makes a round cheaper only where nobody who sees the result knows who was drawn. What is
 * known of that is an argument of every draw, without a default; where it does not hold, the event says
 * that everybody took part.
 *
 * The words must come from ChaCha20 under a key of the platform's CSPRNG, as those of `createRandom` do
 * for a seed of 32 bytes, or from the CSPRNG itself.
 *
 * Lemire. "Fast random integer generation in an interval", ACM Transactions on Modeling and Computer
 * Simulation 29, 2019. Durstenfeld. "Algorithm 235: random permutation", CACM 7, 1964.
 *
 * @module
 */

import { assertInteger, assertOneOf, show } from '../core/assert.ts';
import { NO_SAMPLING, type Sampling } from './event.ts';

/** Random words of 32 bits. */
export interface RandomWords {
  /** The next word, in [0, 2³²). */
  uint32(): number;
}

/** What is true of a round, and why, as far as the gain by sampling depends on it. */
export interface RoundFacts {
  /** Whether all have the same chance, or some a higher one: by power, speed, data or a price. */
  readonly selection: 'uniform' | 'weighted';
  /**
   * Whether the round takes all who were drawn (a reply that is missing counts as zero), or closes when
   * enough have replied: who is in it then depends on more than the draw.
   */
  readonly closing: 'all' | 'quorum';
  /** Whether anybody who sees results sees who takes part: on the network, in logs, in a list. */
  readonly participation: 'hidden' | 'visible';
  /** Against whom the guarantee is given. The server knows whom it drew. */
  readonly adversary: 'outsider' | 'server';
  /** Why that is so, in a sentence for whoever reads the records. */
  readonly reason: string;
}

/** The draw is a secret: sampling counts. */
export interface SecretDraw extends RoundFacts {
  readonly selection: 'uniform';
  readonly closing: 'all';
  readonly participation: 'hidden';
  readonly adversary: 'outsider';
}

/** Something gives the draw away, or makes it another: sampling does not count. */
export type OpenDraw = RoundFacts &
  (
    | { readonly selection: 'weighted' }
    | { readonly closing: 'quorum' }
    | { readonly participation: 'visible' }
    | { readonly adversary: 'server' }
  );

/** How secret a draw is. */
export type Secrecy = SecretDraw | OpenDraw;

type Of<K extends Sampling['kind']> = Extract<Sampling, { kind: K }>;

/** The sampling that an event may claim: `S` for a secret draw, none for an open one. */
export type Claimed<S extends Sampling, D extends Secrecy> = D extends SecretDraw
  ? S
  : Extract<Sampling, { kind: 'none' }>;

/** A cohort that was drawn. */
export interface DrawnCohort<S extends Sampling> {
  /** Numbers of those who take part, in [0, population), ascending. */
  readonly members: readonly number[];
  /** What the round's event says. */
  readonly sampling: S;
  /** Why sampling counts, or does not: the reason that was given, and what it is a reason for. */
  readonly because: string;
}

/** Of a coin's 2³² equally likely words. */
const WORDS = 2 ** 32;
/** Numbers of clients fit a word. */
const MAX_POPULATION = WORDS;

/**
 * The rate that a coin realises: ⌊q·2³²⌋/2³², at most q.
 *
 * An f64 holds it exactly, so that the rate which accountants are given, rounded up, is the same number:
 * it is never less than the chance that a word is below ⌊q·2³²⌋.
 *
 * @param rate - q in [2⁻³², 1].
 */
export function realisedRate(rate: number): number {
  if (!(rate >= 1 / WORDS && rate <= 1)) {
    throw new RangeError(`rate must be in [2^-32, 1], got ${show(rate)}`);
  }
  return Math.floor(rate * WORDS) / WORDS;
}

/**
 * A coin of its own for each unit of the population: it takes part if its word is below ⌊q·2³²⌋. Takes
 * as many words as there are units, whatever comes up. Accounted for under `add-remove` or `zero-out`.
 *
 * `rate`: q in [2⁻³², 1]; what is accounted for is {@link realisedRate}.
 */
export function poissonCohort<const D extends Secrecy>(
  words: RandomWords,
  {
    population,
    rate,
    secrecy,
  }: { readonly population: number; readonly rate: number; readonly secrecy: D },
): DrawnCohort<Claimed<Of<'poisson'>, D>> {
  const members = heads(words, { population, rate });
  return claim(members, { sampling: { kind: 'poisson', rate: realisedRate(rate) }, secrecy });
}

/**
 * Coins as for {@link poissonCohort}; of more than `cohort` heads so many, all subsets alike. Accounted
 * for by the PLD accountant alone, under `add-remove` or `zero-out`.
 */
export function truncatedPoissonCohort<const D extends Secrecy>(
  words: RandomWords,
  {
    population,
    rate,
    cohort,
    secrecy,
  }: {
    readonly population: number;
    readonly rate: number;
    readonly cohort: number;
    readonly secrecy: D;
  },
): DrawnCohort<Claimed<Of<'truncated-poisson'>, D>> {
  assertInteger('population', population, 1, MAX_POPULATION);
  assertInteger('cohort', cohort, 1, population);
  const all = heads(words, { population, rate });
  const chosen = all.length <= cohort ? all : subset(words, all.length, cohort).map((i) => all[i]!);
  const sampling = {
    kind: 'truncated-poisson',
    rate: realisedRate(rate),
    population,
    cohort,
  } as const;
  return claim(chosen, { sampling, secrecy });
}

/**
 * So many of the population, all subsets alike. Accounted for under `replace-one`. Time and memory grow
 * with the cohort, not with the population.
 */
export function fixedCohort<const D extends Secrecy>(
  words: RandomWords,
  {
    population,
    cohort,
    secrecy,
  }: { readonly population: number; readonly cohort: number; readonly secrecy: D },
): DrawnCohort<Claimed<Of<'without-replacement'>, D>> {
  assertInteger('population', population, 1, MAX_POPULATION);
  assertInteger('cohort', cohort, 1, population);
  const members = subset(words, population, cohort);
  return claim(members, { sampling: { kind: 'without-replacement', population, cohort }, secrecy });
}

/** Who has a word below ⌊q·2³²⌋. */
function heads(
  words: RandomWords,
  { population, rate }: { population: number; rate: number },
): number[] {
  assertInteger('population', population, 1, MAX_POPULATION);
  const below = realisedRate(rate) * WORDS;
  const members: number[] = [];
  for (let i = 0; i < population; i++) if (words.uint32() < below) members.push(i);
  return members;
}

/** The first `count` places of a Fisher–Yates shuffle of 0 … n − 1, ascending; others are never looked at. */
function subset(words: RandomWords, n: number, count: number): number[] {
  /** Who stands at a place, where it is not the one of that number. */
  const moved = new Map<number, number>();
  const chosen: number[] = [];
  for (let i = 0; i < count; i++) {
    const other = i + uniformBelow(words, n - i);
    chosen.push(moved.get(other) ?? other);
    moved.set(other, moved.get(i) ?? i);
  }
  return chosen.sort((a, b) => a - b);
}

/**
 * Uniform among 0 … n − 1, without bias, 1 ≤ n ≤ 2³²: the upper part of n times a word of 64 bits (the
 * first of the two is its upper half). Of 2⁶⁴ words, 2⁶⁴ mod n are too many, and are drawn anew.
 */
export function uniformBelow(words: RandomWords, n: number): number {
  const range = BigInt(n);
  for (;;) {
    const word = (BigInt(words.uint32()) << 32n) | BigInt(words.uint32());
    const product = word * range;
    if (BigInt.asUintN(64, product) >= 2n ** 64n % range) return Number(product >> 64n);
  }
}

const FACTS = {
  selection: ['uniform', 'weighted'],
  closing: ['all', 'quorum'],
  participation: ['hidden', 'visible'],
  adversary: ['outsider', 'server'],
} as const;

/** What each fact says against sampling. */
const OBJECTIONS: Readonly<Record<string, string>> = {
  weighted: 'selection is weighted',
  quorum: 'the round closes by quorum',
  visible: 'participation is visible to the adversary',
  server: 'the server is the adversary',
};

function claim<S extends Sampling, D extends Secrecy>(
  members: readonly number[],
  { sampling, secrecy }: { readonly sampling: S; readonly secrecy: D },
): DrawnCohort<Claimed<S, D>> {
  const { claimed, because } = claimSampling(sampling, secrecy);
  return { members, sampling: claimed, because };
}

/**
 * What an event may say of sampling, and why. For cohorts that somebody else has drawn; the draws here
 * go through it.
 *
 * @throws {TypeError | RangeError} if a fact is missing or unknown, or no reason is given.
 */
export function claimSampling<S extends Sampling, const D extends Secrecy>(
  sampling: S,
  secrecy: D,
): { readonly claimed: Claimed<S, D>; readonly because: string } {
  if (typeof secrecy !== 'object' || secrecy === null) {
    throw new TypeError(`secrecy must say what is known of the draw, got ${show(secrecy)}`);
  }
  const { reason } = secrecy;
  if (typeof reason !== 'string' || reason.trim() === '') {
    throw new TypeError(`secrecy.reason must be a sentence, got ${show(reason)}`);
  }
  const facts = [
    assertOneOf('secrecy.selection', secrecy.selection, FACTS.selection),
    assertOneOf('secrecy.closing', secrecy.closing, FACTS.closing),
    assertOneOf('secrecy.participation', secrecy.participation, FACTS.participation),
    assertOneOf('secrecy.adversary', secrecy.adversary, FACTS.adversary),
  ];
  const against = facts.flatMap((fact) => OBJECTIONS[fact] ?? []);
  const open = against.length > 0;
  const verdict = open
    ? `no gain by sampling, as ${against.join(' and ')}`
    : 'gain by sampling, as the draw is uniform and a secret';
  // The types say the same: `D` is a SecretDraw where nothing speaks against it.
  const claimed = (open ? NO_SAMPLING : sampling) as Claimed<S, D>;
  return { claimed, because: `${verdict}: ${reason.trim()}` };
}
