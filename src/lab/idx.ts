/**
 * The IDX format of the MNIST files: a magic number, sizes, and raw bytes.
 *
 * LeCun, Cortes, Burges. "The MNIST database of handwritten digits", file formats section.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';
import type { Dataset } from './dataset.ts';

/** An array of bytes with its sizes, the last varying fastest. */
export interface IdxArray {
  readonly shape: readonly number[];
  /** A view of the file's bytes. */
  readonly values: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const MAX_DIMENSIONS = 4;

/**
 * Reads an IDX file of unsigned bytes.
 *
 * @param name - What messages call the file.
 * @throws {FormatError} `malformed` if the bytes are not IDX or not as many as the sizes say,
 *   `unsupported` for other types of element or more than 4 dimensions.
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0) {
    throw new FormatError('malformed', `${name}: an IDX file starts with two zero bytes`);
  }
  const [type, dimensions] = [bytes[2]!, bytes[3]!];
  if (type !== UNSIGNED_BYTE || dimensions < 1 || dimensions > MAX_DIMENSIONS) {
    const came = `type 0x${type.toString(16).padStart(2, '0')} in ${dimensions} dimensions`;
    throw new FormatError(
      'unsupported',
      `${name}: only unsigned bytes (0x08) in 1 to ${MAX_DIMENSIONS} dimensions are read, got ${came}`,
    );
  }
  const start = 4 + 4 * dimensions;
  if (bytes.length < start) {
    throw new FormatError('malformed', `${name}: ends within its ${start}-byte header`);
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  // Four sizes below 2³² may exceed 2⁵³, where the product is inexact, but then no file matches.
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length - start !== count) {
    throw new FormatError(
      'malformed',
      `${name}: sizes ${shape.join(' × ')} need ${count} bytes, got ${bytes.length - start}`,
    );
  }
  return { shape, values: bytes.subarray(start) };
}

/**
 * Joins images and labels to a dataset; grey 255 becomes 1.
 *
 * @throws {FormatError} `mismatch` if they are not images and as many labels, or there are none.
 */
export function idxDataset(images: IdxArray, labels: IdxArray, name: string): Dataset {
  const [size = 0, ...rest] = images.shape;
  const features = rest.reduce((a, b) => a * b, 1);
  if (rest.length === 0 || size === 0 || features === 0) {
    throw new FormatError(
      'mismatch',
      `${name}: images need 2 to 4 dimensions, none of them 0, got ${images.shape.join(' × ')}`,
    );
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== size) {
    throw new FormatError(
      'mismatch',
      `${name}: ${size} images need ${size} labels, got ${labels.shape.join(' × ')}`,
    );
  }
  return {
    inputs: Float32Array.from(images.values, (grey) => grey / 255),
    labels: labels.values.slice(),
    size,
    features,
    classes: labels.values.reduce((a, b) => Math.max(a, b), 1) + 1,
  };
}
