/**
 * Chooses a backend: the one file that knows every body.
 *
 * @module
 */

import { assertOneOf } from '../core/assert.ts';
import { Engine, type EngineOptions } from './engine.ts';
import type { Backend, BackendName } from './kernels.ts';
import { ReferenceKernels } from './reference/reference.ts';

/** What may be asked for. */
export type BackendChoice = 'auto' | BackendName;

/** Makes a backend. Close it when done, or hold it with `await using`. */
export async function createBackend(
  choice: BackendChoice = 'auto',
  options: EngineOptions = {},
): Promise<Backend> {
  assertOneOf('backend', choice, ['auto', 'reference', 'webgpu']);
  return new Engine(new ReferenceKernels(), options);
}
