/**
 * Expressions with noise for simulation: not private, see {@link SimulatedNoise}.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertPositive } from '../core/assert.ts';
import type { Matrix, SimulatedNoise } from './kernels.ts';
import { asNode, build } from './matrix.ts';
import { checkStream, MAX_NOISE_COLS } from './words.ts';

/** So that noise is a normal f32, whatever is drawn. */
const MAX_SCALE = 2 ** 100;

/**
 * The one row of `x` and noise of a continuous law.
 *
 * @throws {TypeError | RangeError} that names what is wrong with `x` or the noise.
 */
export function addSimulatedNoise(x: Matrix, { law, scale, ...stream }: SimulatedNoise): Matrix {
  const node = asNode('x', x);
  if (node.rows !== 1) {
    throw new RangeError(`addSimulatedNoise needs one row, got ${node.rows}`);
  }
  assertInteger('columns that get noise', node.cols, 1, MAX_NOISE_COLS);
  assertOneOf('law', law, ['gaussian', 'laplace']);
  assertPositive('scale', scale);
  if (scale < 1 / MAX_SCALE || scale > MAX_SCALE) {
    throw new RangeError(`scale must be in [2^-100, 2^100], got ${scale}`);
  }
  const noise = { law, scale: Math.fround(scale), ...checkStream(stream) };
  return build({ op: 'addSimulatedNoise', rows: 1, cols: node.cols, x: node, noise });
}
