/**
 * A grid of losses, k·h for integers k: all of them near 0, and fewer and fewer far out, where only
 * every second, fourth, … is used. Far losses are rare or large, and either way need less detail.
 *
 * @module
 */

/** Losses that a discrete distribution may have. Places are numbered without gaps, in order. */
export interface LossGrid {
  /** h. */
  readonly interval: number;
  /** The integer k of a place. */
  indexOf(place: number): number;
  /** The loss of a place. */
  lossOf(place: number): number;
  /** The last place whose loss is at most `loss`. */
  placeBelow(loss: number): number;
}

/**
 * A grid of multiples of `interval` on which neighbours are an interval apart, and from 2·`resolution`
 * intervals on at least 1/(2·`resolution`) and at most 1/`resolution` of their loss.
 *
 * @param resolution - A power of two.
 */
export function createLossGrid(interval: number, resolution: number): LossGrid {
  /** The octave of k ≥ 0: in octave v multiples of 2ᵛ are used. */
  const octaveOf = (k: number): number => (k < 2 * resolution ? 0 : exponentOf(k / resolution));
  const indexOf = (place: number): number => {
    const far = Math.abs(place);
    if (far < 2 * resolution) return place;
    const octave = Math.floor(far / resolution) - 1;
    return Math.sign(place) * (far - octave * resolution) * 2 ** octave;
  };
  const lossOf = (place: number): number => indexOf(place) * interval;
  const placeBelow = (loss: number): number => {
    const k = Math.floor(loss / interval);
    let place: number;
    if (k >= 0) {
      const octave = octaveOf(k);
      place = octave * resolution + Math.floor(k / 2 ** octave);
    } else {
      const octave = octaveOf(-k - 1);
      place = -(octave * resolution + Math.ceil(-k / 2 ** octave));
    }
    // The quotient may be off by its last bit.
    if (lossOf(place) > loss) return place - 1;
    return lossOf(place + 1) <= loss ? place + 1 : place;
  };
  return { interval, indexOf, lossOf, placeBelow };
}

/** The exponent of a normal number: exact, as logarithms are not. */
function exponentOf(x: number): number {
  const guess = Math.floor(Math.log2(x));
  if (2 ** guess > x) return guess - 1;
  return 2 ** (guess + 1) <= x ? guess + 1 : guess;
}
