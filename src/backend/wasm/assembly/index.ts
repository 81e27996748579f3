/**
 * Everything that the compiled module exports. Addresses are handed out from `heapBase` on by
 * runner.ts; kernels allocate nothing.
 *
 * @module
 */

export { addLatticeNoise } from './add-lattice-noise';
export { addEight, addRows, combineFour, eightStride, replaceSums, roundSums } from './combine';
export { deviation } from './deviation';
export { clear, heapBase } from './memory';
export { nearestMeanNetwork } from './nearest-mean';
export { nearestMeanSearch } from './nearest-mean-search';
export { pairs } from './pairs';
export { rankMeanNetwork } from './rank-mean';
export { rankMeanSearch } from './rank-mean-search';
export { rankSumNetwork, rankSumSearch } from './rank-sum';
export { columnNumbers, screen } from './screen';
export { signSum } from './sign-sum';
export { splitRow, squaredDistances } from './squared-distances';
export { sumRows } from './sum-rows';
