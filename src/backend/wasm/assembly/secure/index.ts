/**
 * Everything that the module of secure aggregation exports: a program of its own, with its own memory,
 * that comes with the operations.
 *
 * @module
 */

export { clear, heapBase } from '../memory';
export { addMasks } from './add-masks';
export { pack, unpack } from './packing';
export { dequantize, quantize } from './quantize';
