/**
 * Where the rows of a matrix lie: told apart for engine and bodies alike.
 *
 * @module
 */

import type { DeviceRow, HostRow, RowSource } from './kernels.ts';

/** Whether a row lies on the GPU. */
export function isDeviceRow(row: RowSource): row is DeviceRow {
  return 'buffer' in row;
}

/** A row in memory. */
export function arrayRow(values: Float32Array): HostRow {
  return {
    cols: values.length,
    read: (from, to, into) => into.set(values.subarray(from, to)),
  };
}
