/**
 * The Rényi curve of an event: which bound is known for which mechanism, sampling and relation.
 *
 * Laplace: Mironov, "Rényi differential privacy", CSF 2017. Discrete Gaussian: Canonne, Kamath, Steinke,
 * "The discrete Gaussian for differential privacy", NeurIPS 2020; sums of such: Kairouz, Liu, Steinke, "The
 * distributed discrete Gaussian mechanism for federated learning with secure aggregation", ICML 2021.
 * Skellam: Agarwal, Kairouz, Liu, "The Skellam mechanism for differentially private federated learning",
 * NeurIPS 2021. Tree: Kairouz et al., "Practical and private (deep) learning without sampling or
 * shuffling", ICML 2021.
 *
 * @module
 */

import { PrivacyError } from '../../core/errors.ts';
import { checkEvent, type Mechanism, type PrivacyEvent, type Sampling } from '../event.ts';
import { poissonSampled } from './poisson.ts';
import { chords, NO_LOSS, type RenyiCurve } from './renyi.ts';
import { gaussianCurve, sampledGaussianCurve } from './sampled-gaussian.ts';
import { withoutReplacement } from './without-replacement.ts';

type Of<K extends Mechanism['kind']> = Extract<Mechanism, { kind: K }>;

/**
 * The curve of one release.
 *
 * @throws {PrivacyError} `unsupported` where no bound is known.
 * @throws {TypeError | RangeError} if the event is none.
 */
export function curveOf(event: PrivacyEvent): RenyiCurve {
  const { mechanism, sampling } = checkEvent(event);
  if (sampling.kind === 'truncated-poisson') {
    throw unsupported(event, 'the pld accountant knows what cutting off a cohort costs');
  }
  const share = shareOf(sampling);
  if (share === 0) return NO_LOSS;
  if (share === 1) return unsampledCurve(event);
  if (mechanism.kind === 'tree' || mechanism.kind === 'randomized-response') {
    throw unsupported(event, 'no gain by sampling is known for it');
  }
  return sampling.kind === 'poisson' ? poissonCurve(event, share) : fixedCurve(event, share);
}

/** The chance of a unit to take part. */
function shareOf(sampling: Exclude<Sampling, { kind: 'truncated-poisson' }>): number {
  switch (sampling.kind) {
    case 'none':
      return 1;
    case 'poisson':
      return sampling.rate;
    case 'without-replacement':
      return sampling.cohort / sampling.population;
    default:
      return sampling satisfies never;
  }
}

function poissonCurve(event: PrivacyEvent, rate: number): RenyiCurve {
  if (event.relation === 'replace-one') {
    throw unsupported(event, 'coins are accounted for under add-remove or zero-out');
  }
  const { mechanism } = event;
  if (mechanism.kind === 'gaussian') {
    return sampledGaussianCurve({ rate, noiseMultiplier: mechanism.noiseMultiplier });
  }
  // All noise here is symmetric, and so is reflection of a whole vector; of `zcdp` nothing is known.
  const symmetric = mechanism.kind !== 'zcdp';
  return poissonSampled(unsampledCurve(event), { rate, symmetric });
}

function fixedCurve(event: PrivacyEvent, share: number): RenyiCurve {
  if (event.relation !== 'replace-one') {
    throw unsupported(event, 'a cohort of fixed size is accounted for under replace-one');
  }
  const base = unsampledCurve(event);
  const { mechanism } = event;
  if (mechanism.kind === 'gaussian') {
    return withoutReplacement(base, { share, noiseMultiplier: mechanism.noiseMultiplier });
  }
  if (mechanism.kind === 'discrete-gaussian') {
    // Moments at integers are those of normal noise, for any shift by integers.
    return withoutReplacement(base, {
      share,
      noiseMultiplier: mechanism.sigma / mechanism.sensitivity,
    });
  }
  return withoutReplacement(base, { share });
}

/** The curve of a mechanism in which everybody takes part. */
function unsampledCurve(event: PrivacyEvent): RenyiCurve {
  const { mechanism, relation } = event;
  switch (mechanism.kind) {
    case 'gaussian':
      return gaussianCurve(mechanism.noiseMultiplier);
    case 'discrete-gaussian':
      return gaussianCurve(mechanism.sigma / mechanism.sensitivity);
    case 'zcdp':
      return gaussianCurve(Math.sqrt(0.5 / mechanism.rho));
    case 'laplace':
      return laplaceCurve(mechanism);
    case 'discrete-laplace':
      return discreteLaplaceCurve(mechanism);
    case 'skellam':
      return skellamCurve(mechanism);
    case 'distributed-discrete-gaussian':
      return sharedDiscreteGaussianCurve(mechanism);
    case 'randomized-response':
      if (relation === 'replace-one') return swappedWordsCurve(mechanism);
      if (relation === 'zero-out') return randomWordCurve(mechanism);
      throw unsupported(event, 'whether a word was sent at all is in plain sight');
    case 'tree':
      return treeCurve(mechanism);
    default:
      return mechanism satisfies never;
  }
}

/**
 * e^K(α) = α/(2α−1)·e^((α−1)ε) + (α−1)/(2α−1)·e^(−αε), ε = 1/scale. In any number of dimensions: K is
 * convex in the shift and 0 at 0, so that all of it in one coordinate is the worst.
 */
function laplaceCurve({ scale }: Of<'laplace'>): RenyiCurve {
  const epsilon = 1 / scale;
  return {
    logMoment: (order) => twoSided(epsilon, order, order / (2 * order - 1)),
    pureEpsilon: epsilon,
  };
}

/**
 * As for Laplace noise, with the share (E − r)/((E − 1)(1 + r)), E = e^((2α−1)·rate), r = e^−rate, on
 * the first term: the sums over integers are geometric. Convex in the shift too.
 */
function discreteLaplaceCurve({ rate, sensitivity }: Of<'discrete-laplace'>): RenyiCurve {
  const epsilon = rate * sensitivity;
  const r = Math.exp(-rate);
  const logMoment = (order: number): number => {
    // Both over E, which may overflow.
    const share = Math.expm1(-2 * order * rate) / (Math.expm1((1 - 2 * order) * rate) * (1 + r));
    return twoSided(epsilon, order, share);
  };
  return { logMoment, pureEpsilon: epsilon };
}

/** ln(s·e^((α−1)ε) + (1−s)·e^(−αε)) */
function twoSided(epsilon: number, order: number, share: number): number {
  return logMean([
    [share, (order - 1) * epsilon],
    [1 - share, -order * epsilon],
  ]);
}

/**
 * ρ(α) ≤ α·Δ₂²/(2μ) + min(((2α−1)·Δ₂² + 6·Δ₁)/(4μ²), 3·Δ₁/(2μ)) at integer orders, for integer shifts of
 * that size in L2 and L1; chords between.
 */
function skellamCurve(mechanism: Of<'skellam'>): RenyiCurve {
  const { variance, l1Sensitivity: l1, l2Sensitivity: l2 } = mechanism;
  const atInteger = (order: number): number => {
    const fine = ((2 * order - 1) * l2 * l2 + 6 * l1) / (4 * variance * variance);
    const coarse = (3 * l1) / (2 * variance);
    return (order - 1) * ((order * l2 * l2) / (2 * variance) + Math.min(fine, coarse));
  };
  return { logMoment: chords(atInteger), pureEpsilon: Number.POSITIVE_INFINITY };
}

/**
 * The least of three bounds, with s² = n·σ², τ how far a sum of n draws is from a single discrete Gaussian:
 * α·Δ₂²/(2s²) + τ·d, α/2·(Δ₂²/s² + 2τ·Δ₁/s + τ²·d) and α/2·(Δ₂/s + τ·√d)².
 */
function sharedDiscreteGaussianCurve(mechanism: Of<'distributed-discrete-gaussian'>): RenyiCurve {
  const { shares, sigma, dimensions, l1Sensitivity, l2Sensitivity } = mechanism;
  const stdDev = Math.sqrt(shares) * sigma;
  const [l1, l2] = [l1Sensitivity / stdDev, l2Sensitivity / stdDev];
  const tau = distanceOfSum(sigma, shares);
  const added = tau * dimensions;
  const fine = l2 * l2 + 2 * l1 * tau + tau * added;
  const coarse = (l2 + tau * Math.sqrt(dimensions)) ** 2;
  const logMoment = (order: number): number =>
    (order - 1) * Math.min((order / 2) * l2 * l2 + added, (order / 2) * Math.min(fine, coarse));
  return { logMoment, pureEpsilon: Number.POSITIVE_INFINITY };
}

/** Beyond so many terms of τ, all are nearly alike. */
const TAU_TERMS = 10_000;

/** τ = 10·Σ exp(−2π²σ²·k/(k+1)), k = 1 … n − 1; terms fall, so that the last one seen bounds the rest. */
function distanceOfSum(sigma: number, shares: number): number {
  const seen = Math.min(shares - 1, TAU_TERMS);
  let sum = 0;
  let term = 0;
  for (let k = 1; k <= seen; k++) {
    term = 10 * Math.exp((-2 * (Math.PI * sigma) ** 2 * k) / (k + 1));
    sum += term;
  }
  return sum + (shares - 1 - seen) * term;
}

/**
 * Of k words, the true one has chance a, each other b. `replace-one`: two words swap their chances,
 * e^K(α) = a·e^x + b·e^−x + (k−2)·b with x = (α−1)·ln(a/b).
 */
function swappedWordsCurve({ values, noiseProbability }: Of<'randomized-response'>): RenyiCurve {
  const b = noiseProbability / values;
  const a = 1 - noiseProbability + b;
  const epsilon = Math.log(a / b);
  const logMoment = (order: number): number => {
    const x = (order - 1) * epsilon;
    return logMean([
      [a, x],
      [b, -x],
      [(values - 2) * b, 0],
    ]);
  };
  return { logMoment, pureEpsilon: epsilon };
}

/**
 * `zero-out`: who has no word sends one at random. The larger of Σ p^α·u^(1−α) and Σ u^α·p^(1−α), with
 * u = 1/k against a and k − 1 times b.
 */
function randomWordCurve({ values, noiseProbability }: Of<'randomized-response'>): RenyiCurve {
  const others = values - 1;
  // a/u and b/u
  const up = Math.log1p((1 - noiseProbability) * others);
  const down = Math.log(noiseProbability);
  const logMoment = (order: number): number => {
    const x = order - 1;
    const fromTrue = logMean([
      [Math.exp(up) / values, x * up],
      [(others * noiseProbability) / values, x * down],
    ]);
    const fromRandom = logMean([
      [1 / values, -x * up],
      [others / values, -x * down],
    ]);
    return Math.max(fromTrue, fromRandom);
  };
  return { logMoment, pureEpsilon: Math.max(up, -down) };
}

/** ln Σ wᵢ·e^xᵢ for weights that sum to 1: without loss near 0, without overflow. */
function logMean(terms: readonly (readonly [weight: number, exponent: number])[]): number {
  const present = terms.filter(([weight]) => weight > 0);
  const high = Math.max(...present.map(([, exponent]) => exponent));
  if (high < 1) return Math.log1p(present.reduce((sum, [w, x]) => sum + w * Math.expm1(x), 0));
  if (high === Number.POSITIVE_INFINITY) return high;
  return high + Math.log(present.reduce((sum, [w, x]) => sum + w * Math.exp(x - high), 0));
}

/** One round of a unit is in ⌈log₂(steps + 1)⌉ nodes: so many Gaussians. */
function treeCurve({ noiseMultiplier, steps }: Of<'tree'>): RenyiCurve {
  return gaussianCurve(noiseMultiplier / Math.sqrt(treeHeight(steps)));
}

/** ⌈log₂(steps + 1)⌉, exact. */
export function treeHeight(steps: number): number {
  return steps.toString(2).length;
}

function unsupported({ mechanism, sampling, relation }: PrivacyEvent, why: string): PrivacyError {
  const what = `${mechanism.kind} with ${sampling.kind} sampling under ${relation}`;
  return new PrivacyError('unsupported', `rdp has no bound for ${what}: ${why}`);
}
