/**
 * Reads columns of a row out of its file: under Node, where threads share descriptors.
 *
 * @module
 */

import { readSync } from 'node:fs';
import type { ReadRow } from './job.ts';

/** As {@link ReadRow}. */
export const readRow: ReadRow = ({ file, first }, { from, to }, memory, address) => {
  /** The first column that is still to be read, and that of the run. */
  let col = first + from;
  let start = 0;
  for (const { at, length } of file.runs) {
    const bytes = 4 * (Math.min(start + length, first + to) - col);
    if (bytes > 0) {
      const place = address + 4 * (col - first - from);
      readBytes(file.descriptor, memory.subarray(place, place + bytes), at + 4 * (col - start));
      col += bytes / 4;
    }
    start += length;
  }
};

function readBytes(descriptor: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length; ) {
    const bytes = readSync(descriptor, into, done, into.length - done, position + done);
    if (bytes === 0) throw new Error(`a file has ended at byte ${position + done}`);
    done += bytes;
  }
}
