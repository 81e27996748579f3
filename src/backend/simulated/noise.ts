/**
 * addSimulatedNoise, with its bodies: noise for simulation. It is not private, see {@link SimulatedNoise}.
 *
 * @module
 */

import { assertInteger, assertOneOf, assertPositive } from '../../core/assert.ts';
import { chacha20State } from '../../core/chacha20.ts';
import type { ExtraOperation, Matrix, Place, SimulatedNoise, Tile } from '../kernels.ts';
import { asNode, build } from '../matrix.ts';
import { compiledOnce } from '../wasm/module.ts';
import { dataBuffer } from '../webgpu/buffers.ts';
import { bitsOf, COLUMN_GROUP, DRAW_OPERATIONS } from '../webgpu/column-kernels.ts';
import type { GpuTools } from '../webgpu/webgpu.ts';
import { checkStream, MAX_NOISE_COLS } from '../words.ts';
import { commonBytes, kernelsText } from './kernels.gen.ts';
import { addSimulatedNoise as reference } from './reference-noise.ts';
import { shaders } from './shaders.gen.ts';

/** A draw takes about as long as so many entries of other operations. */
const NOISE_EFFORT = 16;

/** So that noise is a normal f32, whatever is drawn. */
const MAX_SCALE = 2 ** 100;

/**
 * The one row of `x`, whose columns are numbered from 0, and noise of a continuous law: **not private**.
 * Each value drawn is rounded to f32, and so is the sum; backends agree to 2⁻¹⁷ of the scale and a
 * rounding of the sum. Entries are finite. 1×d → 1×d
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
  return build({ op: 'extra', rows: 1, cols: node.cols, x: node, operation: operationFor(noise) });
}

const noiseModule = /* @__PURE__ */ compiledOnce(kernelsText, commonBytes);

function operationFor(noise: SimulatedNoise): ExtraOperation {
  const { law, scale, key, nonce } = noise;
  const isLaplace = Number(law === 'laplace');
  return {
    name: 'addSimulatedNoise',
    reference([x], [out], { firstCol }) {
      out!.set(x!);
      reference(out!, noise, firstCol);
    },
    wasm: {
      library: 'simulated',
      module: noiseModule,
      kernel: 'addSimulatedNoise',
      effort: NOISE_EFFORT,
      table: () => Uint32Array.of(...chacha20State(key, nonce), bitsOf(scale), isLaplace),
    },
    async webgpu(x: Tile, { firstCol }: Place, { session, columns }: GpuTools): Promise<Tile> {
      const state = await dataBuffer(session, 'noise state', chacha20State(key, nonce));
      try {
        const shader = { name: 'add_simulated_noise', text: shaders.add_simulated_noise };
        return await columns.run(shader, x, {
          extra: [state],
          params: [isLaplace, x.cols, bitsOf(scale)],
          columns: 4 * COLUMN_GROUP,
          operations: DRAW_OPERATIONS,
          firstCol,
        });
      } finally {
        state.destroy();
      }
    },
  };
}
