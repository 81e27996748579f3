/**
 * A loss of privacy on a grid, never better than the true one.
 *
 * "Connect the dots": the mass of each loss between two neighbouring grid losses goes to the two, in
 * the one proportion that keeps both P's and Q's mass. Q/P is then spread without a change of its
 * mean, so no δ(ε) falls (Blackwell), and δ at the grid's losses stays the same: δ is drawn straight
 * between them, over e^ε. Errors do not add up over compositions as they do when losses are rounded up.
 *
 * Doroshenko, Ghazi, Kamath, Kumar, Manurangsi. "Connect the dots: tighter discrete approximations of
 * privacy loss distributions", PoPETs 2022. There masses are second differences of δ, which lose all
 * digits in the tails; here each is a sum of positive terms, with a relative error as stated.
 *
 * @module
 */

import { createLossGrid, type LossGrid } from './loss-grid.ts';
import type { LossPiece, PrivacyLoss } from './privacy-loss.ts';

/** Masses of P at multiples of an interval. */
export interface DiscreteLoss {
  /** h. */
  readonly interval: number;
  /** Integers k in rising order: losses k·h. */
  readonly indices: Float64Array;
  /** P's mass at each; > 0. */
  readonly masses: Float64Array;
  /** Their logarithms. */
  readonly logMasses: Float64Array;
  /** P's mass where the loss is infinite. */
  readonly infinite: number;
}

/** How to discretise. */
export interface GridOptions {
  /** h, the distance of grid losses near 0. */
  readonly interval: number;
  /** Far losses are told apart to 1/`resolution` of their size at the worst; a power of two. */
  readonly resolution: number;
}

/** Far losses on the grid on which they are composed. */
export const FINE_RESOLUTION: number = 2 ** 14;

/**
 * Bound on the relative error of each mass on a grid of {@link FINE_RESOLUTION}. A loss l is computed
 * to a few units in its last place, l·2⁻⁵¹; between neighbours no nearer than l·2⁻¹⁵ this moves at most
 * 2⁻³⁶ of its mass to the wrong one. Quadrature and exponentials add less than 2⁻³⁸.
 */
export const MASS_ERROR: number = 2 ** -35;

/** The loss on a grid: one pass over the grid, some five exponentials for each of its places. */
export function discretize(loss: PrivacyLoss, { interval, resolution }: GridOptions): DiscreteLoss {
  const grid = createLossGrid(interval, resolution);
  const { low, high } = rangeOf(loss);
  const first = grid.placeBelow(low);
  // Two ends of the last cell, and one more cell for a range that ends on a grid loss.
  const sums = new Float64Array(grid.placeBelow(high) - first + 3);
  for (const { loss: l, mass } of loss.points) {
    const place = grid.placeBelow(l);
    const cell = cellAt(grid, place);
    spread(sums, place - first, mass, mass * upperShare(cell, l));
  }
  for (const piece of loss.pieces) addPiece(sums, first, grid, piece);
  const { indices, masses } = compact(sums, first, grid);
  return { interval, indices, masses, logMasses: masses.map(Math.log), infinite: loss.infinite };
}

/** The least and the greatest finite loss. */
function rangeOf({ points, pieces }: PrivacyLoss): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  const widen = (loss: number): void => {
    low = Math.min(low, loss);
    high = Math.max(high, loss);
  };
  for (const { loss } of points) widen(loss);
  for (const piece of pieces) {
    widen(piece.loss(piece.from));
    widen(piece.loss(piece.to));
  }
  return { low, high };
}

/** Two neighbouring losses of a grid. */
interface Cell {
  readonly low: number;
  readonly high: number;
  /** 1 − e^(low − high). */
  readonly span: number;
}

function cellAt(grid: LossGrid, place: number): Cell {
  const low = grid.lossOf(place);
  const high = grid.lossOf(place + 1);
  return { low, high, span: -Math.expm1(low - high) };
}

/** The share of a mass at `loss` that goes to the upper end of its cell: (1 − e^(low − l))/span. */
function upperShare({ low, span }: Cell, loss: number): number {
  return Math.min(1, Math.max(0, -Math.expm1(low - loss) / span));
}

function spread(sums: Float64Array, at: number, mass: number, upper: number): void {
  sums[at]! += mass - upper;
  sums[at + 1]! += upper;
}

/** Adds a piece, cell by cell: what ends of cells are in x is known in closed form. */
function addPiece(sums: Float64Array, first: number, grid: LossGrid, piece: LossPiece): void {
  let from = piece.from;
  for (let place = grid.placeBelow(piece.loss(from)); from < piece.to; place++) {
    const cell = cellAt(grid, place);
    const to = Math.min(piece.to, Math.max(from, piece.where(cell.high)));
    const parts = Math.ceil((to - from) / piece.scale);
    for (let i = 0; i < parts; i++) {
      const a = from + ((to - from) * i) / parts;
      const b = from + ((to - from) * (i + 1)) / parts;
      addPart(sums, place - first, cell, piece, a, b);
    }
    from = to;
  }
}

/** Adds the integral from a to b, where the loss is inside one cell. */
function addPart(
  sums: Float64Array,
  at: number,
  cell: Cell,
  piece: LossPiece,
  a: number,
  b: number,
): void {
  const half = (b - a) / 2;
  const middle = (a + b) / 2;
  const { nodes, weights } = ruleFor((b - a) / piece.scale);
  let mass = 0;
  let upper = 0;
  for (let i = 0; i < nodes.length; i++) {
    const x = middle + half * nodes[i]!;
    const part = half * weights[i]! * piece.density(x);
    mass += part;
    upper += part * upperShare(cell, piece.loss(x));
  }
  spread(sums, at, mass, upper);
}

/** Gauss and Legendre's nodes and weights on [−1, 1]. */
interface Rule {
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
}

const TWO_NODES: Rule = { nodes: [-0.5773502691896257, 0.5773502691896257], weights: [1, 1] };
const THREE_NODES: Rule = {
  nodes: [-0.7745966692414834, 0, 0.7745966692414834],
  weights: [5 / 9, 8 / 9, 5 / 9],
};
const SIX_NODES: Rule = {
  nodes: [
    -0.932469514203152, -0.6612093864662645, -0.2386191860831969, 0.2386191860831969,
    0.6612093864662645, 0.932469514203152,
  ],
  weights: [
    0.17132449237917036, 0.3607615730481386, 0.46791393457269104, 0.46791393457269104,
    0.3607615730481386, 0.17132449237917036,
  ],
};

/**
 * The rule for a part of `width` scales. With m nodes the relative error is about
 * width²ᵐ·(m!)⁴/((2m + 1)·(2m)!³), by the 2m-th derivative: width⁴/4320, width⁶/2016000 and
 * 2·10⁻¹⁶·width¹² for 2, 3 and 6 nodes. It is below 10⁻¹² here.
 */
function ruleFor(width: number): Rule {
  if (width < 0.008) return TWO_NODES;
  return width < 0.1 ? THREE_NODES : SIX_NODES;
}

/** The places that have mass. */
function compact(
  sums: Float64Array,
  first: number,
  grid: LossGrid,
): { indices: Float64Array; masses: Float64Array } {
  const used = sums.reduce((count, mass) => count + Number(mass > 0), 0);
  const indices = new Float64Array(used);
  const masses = new Float64Array(used);
  let next = 0;
  sums.forEach((mass, i) => {
    if (!(mass > 0)) return;
    indices[next] = grid.indexOf(first + i);
    masses[next] = mass;
    next++;
  });
  return { indices, masses };
}
