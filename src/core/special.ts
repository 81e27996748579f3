/**
 * Special functions in f64: the normal distribution far into its tails, logarithms of Γ and of
 * binomials, and sums and differences of numbers known by their logarithms.
 *
 * The scaled complementary error function is a trapezoidal sum with its poles taken off: Chiarella,
 * Reichel. "On the evaluation of integrals related to the error function", Mathematics of Computation
 * 22, 1968. The rest is in the NIST Digital Library of Mathematical Functions: §7.6 (series of erf),
 * §5.11 (Stirling), §26.3 (binomials).
 *
 * @module
 */

const SQRT_HALF_PI = Math.sqrt(Math.PI / 2);
const LOG_SQRT_TWO_PI = Math.log(2 * Math.PI) / 2;

/** Step of the trapezoidal sum: what the poles leave is e^−(π/h)² = 7·10⁻¹⁸ of the value. */
const STEP = 0.5;
/** h²·n² and 2·exp(−h²·n²) for n = 1 … 12; the next term is below 10⁻¹⁸ of the sum. */
const NODES: readonly (readonly [square: number, weight: number])[] = Array.from(
  { length: 12 },
  (_, i) => {
    const square = (STEP * (i + 1)) ** 2;
    return [square, 2 * Math.exp(-square)] as const;
  },
);
/** From here on the poles' share, e^(x² − 2πx/h), is below 10⁻¹⁷ of the value. */
const NO_POLES = Math.PI / STEP;
/** Below it erfc(x) = 1 − erf(x) loses nothing, and the sum would. */
const SERIES_END = 0.5;

/**
 * exp(x²)·erfc(x) for x ≥ −½, which falls from 1 at 0 like 1/(x·√π): never over- nor underflows. NaN
 * for NaN. Relative error below 10⁻¹⁵.
 */
export function erfcx(x: number): number {
  if (x < SERIES_END) return Math.exp(x * x) * (1 - erfSeries(x));
  const square = x * x;
  // Of 1/(1 + (nh/x)²), where x² would overflow.
  let sum = 1;
  for (const [node, weight] of NODES) sum += weight / (1 + node / square);
  const trapezoid = (STEP / (Math.PI * x)) * sum;
  if (x >= NO_POLES) return trapezoid;
  return trapezoid - (2 * Math.exp(square)) / Math.expm1((2 * Math.PI * x) / STEP);
}

/** erf(x) = 2/√π · exp(−x²) · Σ 2ᵏ·x²ᵏ⁺¹/(2k+1)!!, all terms of one sign. For |x| ≤ 1 or so. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let odd = 3; Math.abs(term) > Math.abs(sum) * 2 ** -56; odd += 2) {
    term *= (2 * x * x) / odd;
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * Mills' ratio of the normal distribution, (1 − Φ(x))/φ(x) for x ≥ −½: from √(π/2) at 0 it falls like 1/x.
 * Relative error below 10⁻¹⁵.
 */
export function millsRatio(x: number): number {
  return SQRT_HALF_PI * erfcx(x * Math.SQRT1_2);
}

/** Φ(x), the normal distribution function. Relative error below 10⁻¹⁵ while the value is normal. */
export function normalCdf(x: number): number {
  if (x > 0) return 1 - normalCdf(-x);
  return 0.5 * expOfHalfSquare(x) * erfcx(-x * Math.SQRT1_2);
}

/** exp(−x²/2) without the rounding of x²: x = h + r with h a multiple of 1/16, and h² is exact. */
function expOfHalfSquare(x: number): number {
  const coarse = Math.round(x * 16) / 16;
  if (!(Math.abs(coarse) < 64)) return Math.exp((-x * x) / 2);
  return Math.exp((-coarse * coarse) / 2) * Math.exp((-(x - coarse) * (x + coarse)) / 2);
}

/**
 * ln Φ(x) for any x: about −x²/2 far below 0, about −Φ(−x) far above. Relative error of the logarithm
 * below 10⁻¹⁵.
 */
export function logNormalCdf(x: number): number {
  if (x > 0) return Math.log1p(-normalCdf(-x));
  return (-x * x) / 2 + logScaledNormalCdf(x);
}

/**
 * ln Φ(x) + x²/2 for x ≤ 0. A sum in which x²/2 cancels against other exponents keeps its digits so.
 * Absolute error below 10⁻¹⁵.
 */
export function logScaledNormalCdf(x: number): number {
  return Math.log(0.5 * erfcx(-x * Math.SQRT1_2));
}

/** Stirling's B₂ₖ/(2k·(2k−1)), k = 1 …: ln Γ(x) = (x−½)·ln x − x + ln √(2π) + Σ cₖ·x^(1−2k). */
const STIRLING: readonly number[] = [
  1 / 12,
  -1 / 360,
  1 / 1260,
  -1 / 1680,
  1 / 1188,
  -691 / 360360,
  1 / 156,
];
/** From here on the eighth term of Stirling's series is below 10⁻¹⁷. */
const STIRLING_START = 15;

/**
 * ln Γ(x) for x > 0; Infinity at 0. Error below 10⁻¹⁵ of the value, or below 2·10⁻¹⁴ where that is
 * more: about its zeros 1 and 2.
 */
export function logGamma(x: number): number {
  // Γ(x) = Γ(x + m)/(x·(x+1)⋯(x+m−1))
  let product = 1;
  let shifted = x;
  while (shifted < STIRLING_START) {
    product *= shifted;
    shifted++;
  }
  if (shifted === Number.POSITIVE_INFINITY) return shifted;
  const inverse = 1 / shifted;
  const series = STIRLING.reduceRight((sum, c) => sum * inverse * inverse + c, 0) * inverse;
  const stirling = (shifted - 0.5) * Math.log(shifted) - shifted + LOG_SQRT_TWO_PI + series;
  return product === 1 ? stirling : stirling - Math.log(product);
}

/** ln n! that were asked for; the sums over binomials of an accountant ask for each many times. */
const logFactorials: number[] = [0, 0];
const MAX_REMEMBERED = 2 ** 13;

function logFactorial(n: number): number {
  if (n >= MAX_REMEMBERED) return logGamma(n + 1);
  for (let next = logFactorials.length; next <= n; next++) logFactorials.push(logGamma(next + 1));
  return logFactorials[n]!;
}

/** ln of the binomial coefficient n over k, for integers 0 ≤ k ≤ n; −Infinity for other k. */
export function logBinomial(n: number, k: number): number {
  if (k < 0 || k > n) return Number.NEGATIVE_INFINITY;
  const few = Math.min(k, n - k);
  if (few === 1) return Math.log(n);
  return logFactorial(n) - logFactorial(few) - logFactorial(n - few);
}

/** A number by its sign, −1, 0 or 1, and the logarithm of its size: −Infinity for 0. */
export interface SignedLog {
  readonly sign: number;
  readonly log: number;
}

/**
 * The generalised binomials `a` over 0, 1, 2, …, for a real `a`, without end: each is the one before
 * times (a − i)/(i + 1), so that signs change for i > a + 1, and for an integer zeros follow.
 */
export function* signedBinomials(a: number): Generator<SignedLog, never> {
  let sign = 1;
  let log = 0;
  for (let i = 0; ; i++) {
    yield { sign, log };
    const factor = (a - i) / (i + 1);
    // Never −0.
    sign = sign * Math.sign(factor) || 0;
    log += Math.log(Math.abs(factor));
  }
}

/** ln(eˣ + eʸ). */
export function logAddExp(x: number, y: number): number {
  const high = Math.max(x, y);
  const low = Math.min(x, y);
  // Also where both are −Infinity, or one is Infinity: their difference may be NaN.
  if (low === Number.NEGATIVE_INFINITY || high === Number.POSITIVE_INFINITY) return high;
  return high + Math.log1p(Math.exp(low - high));
}

/** ln Σ exp(xᵢ); −Infinity for none. */
export function logSumExp(terms: Iterable<number>): number {
  const all = [...terms];
  const high = all.reduce((max, x) => Math.max(max, x), Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(high)) return high;
  return high + Math.log(all.reduce((sum, x) => sum + Math.exp(x - high), 0));
}

/** ln(1 − eˣ) for x ≤ 0: −Infinity at 0, NaN above. Mächler, "Accurately computing log(1 − exp(−|a|))", 2012. */
export function log1mExp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** ln(eˣ − eʸ) for x ≥ y: −Infinity where they are equal, NaN where x < y. */
export function logSubExp(x: number, y: number): number {
  if (x === y) return Number.NEGATIVE_INFINITY;
  return x + log1mExp(y - x);
}

/** ln(eˣ − 1) for x ≥ 0, where eˣ may overflow. */
export function logExpm1(x: number): number {
  return x < 1 ? Math.log(Math.expm1(x)) : x + Math.log1p(-Math.exp(-x));
}
