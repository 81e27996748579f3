/**
 * Aggregis, secure aggregation on backends: masks by a GPU or by threads, numbers as integers and back, and
 * words in fewer bits. The entry `aggregis/secure/backend`, beside `aggregis/secure` and on any backend of
 * `aggregis`; the operations bring their kernels along, so that nobody else's program holds them.
 *
 * @module
 */

export type {
  ColumnRange,
  DequantizeOptions,
  MaskKeys,
  PackedShape,
  QuantizeOptions,
} from './backend/kernels.ts';
export { addMasks } from './backend/secure/masks.ts';
export { readPacked, unpackWords } from './backend/secure/pack.ts';
export { dequantize, quantize } from './backend/secure/quantize.ts';
export type { AddMasks, BackendMasksOptions, MaskBackend, MaskFault } from './secagg/masks.ts';
export { type BackendCodecOptions, backendCodec, type CodecBackend } from './secure-codec.ts';
export { backendMasks } from './secure-masks.ts';
