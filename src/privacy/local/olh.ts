/**
 * Optimised local hashing: each client hashes its word to one of few values with a public hash of its
 * own, and answers for that by randomised response. A report is small however many words there are.
 *
 * Wang, Blocki, Li, Jha. "Locally differentially private protocols for frequency estimation", USENIX
 * Security 2017, §4.4. The hashes are those of Carter and Wegman, 1979, with multiplier 0 allowed,
 * which makes two words' hashes exactly independent before they are cut down.
 *
 * @module
 */

import { assertInteger } from '../../core/assert.ts';
import { type ResponseChances, respond, responseChances } from './k-rr.ts';
import { assertEpsilon, defineFrequency, type FrequencyProtocol, isIndex } from './protocol.ts';

/** Options of {@link optimisedLocalHashing}. */
export interface OptimisedLocalHashingOptions {
  /** The ε aimed at, in (0, 20]. */
  readonly epsilon: number;
  /** Number of words, 2 … 2³¹ − 1. */
  readonly values: number;
}

/** A client's hash, v ↦ ((multiplier·v + shift) mod 2³¹ − 1) mod g, and its answer in 0 … g − 1. */
export interface HashedReport {
  readonly multiplier: number;
  readonly shift: number;
  readonly answer: number;
}

/** A Mersenne prime: as many words as there may be, and no fewer than there are hashes' values. */
const PRIME = 2 ** 31 - 1;
/** Beyond it g = e^ε + 1 leaves the cut of the prime into g parts no meaning. */
const MAX_OLH_EPSILON = 20;

/**
 * OLH with g = round(e^ε) + 1 values of the hash. The hash is public and the same for any word, so the
 * cost is that of the answer alone. Estimates take a hash for each report and word.
 *
 * @throws {TypeError | RangeError} if an option is out of its range.
 */
export function optimisedLocalHashing({
  epsilon,
  values,
}: OptimisedLocalHashingOptions): FrequencyProtocol<HashedReport> {
  if (assertEpsilon(epsilon) > MAX_OLH_EPSILON) {
    throw new RangeError(`epsilon must be in (0, ${MAX_OLH_EPSILON}], got ${epsilon}`);
  }
  assertInteger('values', values, 2, PRIME);
  const buckets = Math.round(Math.exp(epsilon)) + 1;
  const answers = responseChances({ epsilon, values: buckets });
  return defineFrequency({
    name: 'olh',
    values,
    epsilon: answers.epsilon,
    support: { own: answers.own, other: strangerChance(answers) },
    randomise: (value, random) => {
      const hash = { multiplier: random.below(PRIME), shift: random.below(PRIME) };
      return { ...hash, answer: respond(bucketOf(value, { hash, buckets }), answers, random) };
    },
    isReport: (report): report is HashedReport => isHashedReport(report, buckets),
    count: (report, counts) => {
      for (let value = 0; value < values; value++) {
        if (bucketOf(value, { hash: report, buckets }) === report.answer) counts[value]! += 1;
      }
    },
  });
}

/** The hash of a word. */
function bucketOf(
  value: number,
  {
    hash: { multiplier, shift },
    buckets,
  }: { readonly hash: Omit<HashedReport, 'answer'>; readonly buckets: number },
): number {
  // Halves of 16 bits keep products below 2⁵³.
  const high = ((multiplier >>> 16) * value) % PRIME;
  return ((high * 2 ** 16 + (multiplier & 0xffff) * value + shift) % PRIME) % buckets;
}

/**
 * Chance that a report supports a word that is not its own: both words' values before the last cut are
 * independent and uniform below the prime, so they meet with c = Σ (part/prime)², and then the answer
 * is that of the true word, else of one of the g − 1 others.
 */
function strangerChance({ own, values: buckets }: ResponseChances): number {
  const small = Math.floor(PRIME / buckets);
  const larger = PRIME % buckets;
  const meet = (larger * (small + 1) ** 2 + (buckets - larger) * small ** 2) / PRIME ** 2;
  return own * meet + ((1 - own) / (buckets - 1)) * (1 - meet);
}

function isHashedReport(report: unknown, buckets: number): report is HashedReport {
  if (typeof report !== 'object' || report === null) return false;
  const { multiplier, shift, answer } = report as Partial<Record<keyof HashedReport, unknown>>;
  return isIndex(multiplier, PRIME) && isIndex(shift, PRIME) && isIndex(answer, buckets);
}
