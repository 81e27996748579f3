/**
 * Masks on backends: what the protocol asks of masks, and the operation that makes them, meet here.
 *
 * @module
 */

import { addMasks } from './backend/secure/masks.ts';
import { type BackendMasksOptions, type MaskBackend, type Masks, masksOn } from './secagg/masks.ts';

/**
 * Masks on a backend. Once it has failed, or a sampled block was wrong, what it was asked last is done
 * again by the fallback, and so is all that follows.
 */
export function backendMasks(backend: MaskBackend, options: BackendMasksOptions): Masks {
  const device = {
    info: backend.info,
    words: backend.words.bind(backend),
    addMasks: backend.addMasks?.bind(backend) ?? addMasks,
    readWords: backend.readWords.bind(backend),
    release: backend.release.bind(backend),
  };
  return masksOn(device, options);
}
