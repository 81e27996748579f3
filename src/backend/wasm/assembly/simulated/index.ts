/**
 * Everything that the module of noise for simulation exports: a program of its own, with its own memory,
 * that comes with the operation.
 *
 * @module
 */

export { clear, heapBase } from '../memory';
export { addSimulatedNoise } from './add-simulated-noise';
