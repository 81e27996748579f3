/**
 * Clipping layer by layer: a row is cut at public places, and each layer is brought within a norm of
 * its own, so that no large layer takes the room of the others. The whole is then within the norm of
 * all bounds together, exactly, in integers.
 *
 * McMahan, Ramage, Talwar, Zhang. "Learning differentially private recurrent language models", ICLR
 * 2018, §3 ("per-layer clipping").
 *
 * @module
 */

import { assertInteger, assertPositive, show } from '../../core/assert.ts';
import { clipToLattice, DEFAULT_BOUND, type Lattice, latticeFor } from './clip.ts';

/** A layer, as everybody knows it. */
export interface LayerClip {
  /** Entries, at least 1. */
  readonly length: number;
  /** C_l, above 0: the layer's entries are clipped to this L2 norm. */
  readonly clipNorm: number;
}

/** One lattice for all layers: sums of rows need no scale for each. */
export interface LayeredLattice extends Lattice {
  /** In the order in which a row has them; Σ bound_l² ≤ bound². */
  readonly layers: readonly { readonly length: number; readonly bound: number }[];
  /** Entries of a row. */
  readonly length: number;
}

/** What clipping a row by layers gives. */
export interface LayeredClipped {
  /** Integers: each layer within its bound, the row within the bound of all. Zeros if rejected. */
  readonly values: Int32Array;
  /** Entries that are NaN or infinite; with any, the whole row is rejected. */
  readonly nonFinite: number;
  /** By what each layer was multiplied; all 0 for a row that was rejected. */
  readonly factors: readonly number[];
}

/**
 * The lattice for layers: that of the norm C = √(Σ C_l²), with B_l = ⌊scale · C_l⌋.
 *
 * Σ B_l² ≤ scale²·C² < B², as scale is below B/C by 2⁻²⁴ of it or more, and roundings of f64 here are
 * below 2⁻⁴⁰ of anything.
 *
 * @param bound - B, the largest norm of a row in steps, in [1, 2²⁴].
 * @throws {RangeError} if there is no layer, or one has less than a step of the lattice.
 */
export function layeredLatticeFor(
  layers: readonly LayerClip[],
  bound: number = DEFAULT_BOUND,
): LayeredLattice {
  assertInteger('number of layers', layers.length, 1);
  for (const [l, { length, clipNorm }] of layers.entries()) {
    assertInteger(`layers[${l}].length`, length, 1);
    assertPositive(`layers[${l}].clipNorm`, clipNorm);
  }
  const lattice = latticeFor(Math.hypot(...layers.map(({ clipNorm }) => clipNorm)), bound);
  const bounds = layers.map(({ clipNorm }) => Math.floor(lattice.scale * clipNorm));
  for (const [l, own] of bounds.entries()) {
    if (own >= 1) continue;
    throw new RangeError(
      `layers[${l}].clipNorm must be at least a step of the lattice, ${1 / lattice.scale}, ` +
        `got ${layers[l]!.clipNorm}`,
    );
  }
  return {
    ...lattice,
    layers: layers.map(({ length }, l) => ({ length, bound: bounds[l]! })),
    length: layers.reduce((sum, { length }) => sum + length, 0),
  };
}

/**
 * Rounds each layer of `x` to the lattice and brings it within its own bound, as
 * {@link clipToLattice} does with a row. One entry that is no number rejects the whole row: the bound
 * holds either way, and half an update is none.
 *
 * @throws {TypeError} if `x` is not a Float32Array.
 * @throws {RangeError} if it is not as long as the layers are together.
 */
export function perLayerClip(x: Float32Array, lattice: LayeredLattice): LayeredClipped {
  if (!(x instanceof Float32Array)) {
    throw new TypeError(`x must be a Float32Array, got ${show(x)}`);
  }
  const { scale, layers, length } = lattice;
  if (x.length !== length) {
    throw new RangeError(`x must have ${length} entries, as its layers, got ${x.length}`);
  }
  const values = new Int32Array(length);
  const factors: number[] = [];
  let nonFinite = 0;
  let from = 0;
  for (const layer of layers) {
    const part = x.subarray(from, from + layer.length);
    const clipped = clipToLattice(part, { bound: layer.bound, scale });
    values.set(clipped.values, from);
    factors.push(clipped.factor);
    nonFinite += clipped.nonFinite;
    from += layer.length;
  }
  if (nonFinite === 0) return { values, nonFinite, factors };
  return { values: values.fill(0), nonFinite, factors: factors.fill(0) };
}
