/**
 * Golden vectors on disk. The one file of the conformance run that needs Node.
 *
 * @module
 */

import { basename, dirname, join } from 'node:path';
import { fileSource } from '../../formats/node-files.ts';
import { type Golden, openGolden } from './golden.ts';

/**
 * Opens the index at a path, and what lies beside it.
 *
 * @throws {FormatError} if a file cannot be read or is not what the index says.
 */
export function openGoldenFile(path: string): Promise<Golden> {
  const folder = dirname(path);
  return openGolden({ file: basename(path), name: path }, (file) => fileSource(join(folder, file)));
}
