/**
 * The sum of many independent losses, and its δ(ε).
 *
 * Laws are tilted, folded onto a window of a power-of-two size, and multiplied as spectra. Three
 * things could make the result too small, and are bounded and added: losses that are infinite, losses
 * beyond the window's top, and round-off. Losses that leave the window at one end come in at the
 * other, as additional mass, which can only raise δ.
 *
 * Round-off is added to each mass of the tilted sum before δ is read off: with a spectrum's error of
 * η = 16·u·log₂N (u = 2⁻⁵³; the l1 norm is 1) in each value f, a product of T of them is off by at
 * most (|f| + η)ᵀ − |f|ᵀ, and a mass by the mean of these over all frequencies plus η times the mean
 * of the products. At the tilt that belongs to ε this is about T·η of δ(ε), however small δ is.
 *
 * Koskela, Jälkö, Honkela. "Computing tight differential privacy guarantees using FFT", AISTATS 2020,
 * for composition by FFT.
 *
 * @module
 */

import { type DiscreteLoss, MASS_ERROR } from './discrete-loss.ts';
import { createRealFft } from './real-fft.ts';
import { cumulants, infiniteMass, type RepeatedLoss, type Tilt } from './tilted-sum.ts';

/** A sum of losses as seen at one tilt. */
export interface ComposedLoss {
  /** An upper bound on δ(ε). Close where the tilt was made for it. */
  delta(epsilon: number): number;
  /** An upper bound, ≥ 0, on the least ε with δ(ε) ≤ `delta`; Infinity if none is proven. */
  epsilon(delta: number): number;
}

/** The most places of a window. */
export const MAX_WINDOW: number = 2 ** 22;

const MIN_WINDOW = 16;

/** Relative error of a product of powers by logarithms and angles, for each factor and power: 5·π·u. */
const POWER_ERROR = 16 * 2 ** -53;

/** Relative error of δ's own sums, of positive terms: their number, at most 2²², times 8·2⁻⁵³. */
const SUM_ERROR = 2 ** -28;

/** The places that a window for `tilt` needs at `interval`. */
export function windowSize(tilt: Tilt, interval: number): number {
  const places = Math.max(MIN_WINDOW, Math.ceil((tilt.top - tilt.bottom) / interval) + 2);
  return 2 ** Math.ceil(Math.log2(places));
}

/**
 * The sum of `losses`, all on one interval.
 *
 * Takes a transform of the window's size for each loss and one for the sum, and 4·N numbers of memory;
 * none for a single loss. `tilt` changes how close the bounds are, never that they hold.
 */
export function composeLosses(losses: readonly RepeatedLoss[], tilt: Tilt): ComposedLoss {
  const { interval } = losses[0]!.loss;
  const size = windowSize(tilt, interval);
  const { masses, logScale } = tiltedSum(losses, tilt.theta, size);
  const first = Math.floor(tilt.bottom / interval);
  const curve = hockeyStick(masses, first, tilt.theta * interval, interval);
  return read(curve, {
    first,
    interval,
    theta: tilt.theta,
    logScale: logScale + slack(losses),
    lost: lostMass(losses, tilt, (first + size) * interval),
  });
}

/** What the errors of masses and sums may add to ln δ. */
function slack(losses: readonly RepeatedLoss[]): number {
  return losses.reduce((sum, { count }) => sum + count * MASS_ERROR, SUM_ERROR);
}

/** P's mass that the window does not see: infinite losses, and sums from `top` on. */
function lostMass(losses: readonly RepeatedLoss[], tilt: Tilt, top: number): number {
  const infinite = infiniteMass(losses);
  const highest = losses.reduce((sum, { loss, count }) => sum + count * greatest(loss), 0);
  if (highest < top) return infinite;
  const theta = tilt.theta + tilt.reach;
  return infinite + Math.exp(cumulants(losses, theta).value - theta * top);
}

function greatest({ indices, interval }: DiscreteLoss): number {
  return indices[indices.length - 1]! * interval;
}

/** Upper bounds on the masses of the tilted sum, by index modulo N, and ln of what scaled them. */
interface TiltedSum {
  readonly masses: Float64Array;
  /** K(θ). */
  readonly logScale: number;
}

function tiltedSum(losses: readonly RepeatedLoss[], theta: number, size: number): TiltedSum {
  const x = new Float64Array(size);
  const times = losses.reduce((sum, { count }) => sum + count, 0);
  if (times === 1) return { logScale: fold(x, losses[0]!.loss, theta), masses: x };
  const fft = createRealFft(size);
  const product = createProduct(size);
  let logScale = 0;
  for (const { loss, count } of losses) {
    logScale += count * fold(x.fill(0), loss, theta);
    fft.forward(x);
    multiply(product, x, { count, error: fft.roundOff });
  }
  const powers = times * losses.length * POWER_ERROR;
  const error = writeProduct(product, x, { powers, roundOff: fft.roundOff });
  fft.inverse(x);
  for (let i = 0; i < x.length; i++) x[i] = Math.max(0, x[i]!) + error;
  return { masses: x, logScale };
}

/** Writes the tilted masses into `x` by index modulo N; returns K(θ) of the loss. */
function fold(x: Float64Array, loss: DiscreteLoss, theta: number): number {
  const { indices, logMasses, interval } = loss;
  const { value } = cumulants([{ loss, count: 1 }], theta);
  const step = theta * interval;
  for (let i = 0; i < indices.length; i++) {
    const k = indices[i]!;
    x[modulo(k, x.length)]! += Math.exp(logMasses[i]! + step * k - value);
  }
  return value;
}

function modulo(k: number, n: number): number {
  const rest = k % n;
  return rest < 0 ? rest + n : rest;
}

/** A product of powers of spectra, for frequencies 0 … N/2, by logarithm of size and angle. */
interface SpectralProduct {
  readonly logSizes: Float64Array;
  /** The same with each factor enlarged by its error. */
  readonly logBounds: Float64Array;
  readonly angles: Float64Array;
}

function createProduct(length: number): SpectralProduct {
  const places = length / 2 + 1;
  return {
    logSizes: new Float64Array(places),
    logBounds: new Float64Array(places),
    angles: new Float64Array(places),
  };
}

/** Below e^−200 a value adds nothing to any mass; its angle is of no account. */
const NEGLIGIBLE = -200;

/** Multiplies by a spectrum to the power of `count`, each value of which may be off by `error`. */
function multiply(
  { logSizes, logBounds, angles }: SpectralProduct,
  spectrum: Float64Array,
  { count, error }: { count: number; error: number },
): void {
  const last = spectrum.length / 2;
  for (let k = 0; k <= last; k++) {
    if (logBounds[k]! < NEGLIGIBLE) continue;
    const real = k === 0 || k === last;
    const re = k === last ? spectrum[1]! : spectrum[2 * k]!;
    const im = real ? 0 : spectrum[2 * k + 1]!;
    const size = Math.sqrt(re * re + im * im);
    logBounds[k]! += count * Math.log(size + error);
    if (logBounds[k]! < NEGLIGIBLE) continue;
    logSizes[k]! += count * Math.log(size);
    angles[k]! += count * Math.atan2(im, re);
  }
}

/** Writes the product as a spectrum; returns a bound on the error of each value of its sequence. */
function writeProduct(
  { logSizes, logBounds, angles }: SpectralProduct,
  spectrum: Float64Array,
  { powers, roundOff }: { powers: number; roundOff: number },
): number {
  const last = spectrum.length / 2;
  let sizes = 0;
  let errors = 0;
  for (let k = 0; k <= last; k++) {
    const bound = Math.exp(logBounds[k]!);
    const size = logBounds[k]! < NEGLIGIBLE ? 0 : Math.exp(logSizes[k]!);
    const re = size === 0 ? 0 : size * Math.cos(angles[k]!);
    if (k === last) spectrum[1] = re;
    else spectrum[2 * k] = re;
    if (k > 0 && k < last) spectrum[2 * k + 1] = size === 0 ? 0 : size * Math.sin(angles[k]!);
    // Frequencies between the ends stand for their mirror images, too.
    const copies = k > 0 && k < last ? 2 : 1;
    sizes += copies * bound;
    errors += copies * (bound - size);
  }
  return (errors + (powers + roundOff) * sizes) / spectrum.length;
}

/** Far above all that may have underflowed to 0 on the way to a value of D. */
const UNDERFLOW = 1e-290;

/**
 * D(j) = Σ over k ≥ j of m(k)·(e^(−θ(k − j)h) − e^(−(θ + 1)(k − j)h)) in the place of the masses m,
 * from the window's bottom on. e^(−θ·jh) times it is Σ of untilted masses times 1 − e^(jh − loss).
 */
function hockeyStick(
  masses: Float64Array,
  first: number,
  step: number,
  interval: number,
): Float64Array {
  const n = masses.length;
  const curve = new Float64Array(n + 1).fill(UNDERFLOW, n);
  const keep = Math.exp(-step);
  const fall = keep * Math.exp(-interval);
  const gain = -keep * Math.expm1(-interval);
  let above = 0;
  let stick = 0;
  for (let j = n - 1, at = modulo(first - 1, n); j >= 0; j--) {
    stick = fall * stick + gain * above;
    above = keep * above + masses[at]!;
    curve[j] = stick + UNDERFLOW;
    at = at === 0 ? n - 1 : at - 1;
  }
  return curve;
}

/** Scales of a curve. */
interface Reading {
  readonly first: number;
  readonly interval: number;
  readonly theta: number;
  readonly logScale: number;
  /** Added to every δ. */
  readonly lost: number;
}

/** δ at places of the window, straight over e^ε between them. */
function read(curve: Float64Array, reading: Reading): ComposedLoss {
  const { first, interval, theta, logScale, lost } = reading;
  const lossAt = (place: number): number => (first + place) * interval;
  const deltaAt = (place: number): number =>
    Math.min(1, lost + Math.exp(logScale - theta * lossAt(place) + Math.log(curve[place]!)));
  return {
    delta(epsilon) {
      const place = Math.floor(epsilon / interval) - first;
      if (place < 0) return 1;
      if (place >= curve.length - 1) return Math.min(1, lost);
      const part = Math.expm1(epsilon - lossAt(place)) / Math.expm1(interval);
      const low = deltaAt(place);
      return low + Math.min(1, Math.max(0, part)) * (deltaAt(place + 1) - low);
    },
    epsilon(delta) {
      if (delta <= lost) return Number.POSITIVE_INFINITY;
      // δ falls with ε: the first place where it is low enough.
      let enough = curve.length - 1;
      let short = -1;
      while (enough - short > 1) {
        const middle = (enough + short) >> 1;
        if (deltaAt(middle) <= delta) enough = middle;
        else short = middle;
      }
      if (short < 0) return Math.max(0, lossAt(0));
      const high = deltaAt(short);
      const part = (high - delta) / (high - deltaAt(enough));
      return Math.max(0, lossAt(short) + Math.log1p(part * Math.expm1(interval)));
    },
  };
}
