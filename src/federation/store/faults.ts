/**
 * Steps between which a crash would leave the store in different states. Tests stop at each of them;
 * nothing else does.
 *
 * @module
 */

import type { NewEvent } from './chain.ts';

/** In the order of an update's life. */
export const STEPS = [
  'run.folders-made',
  'run.config-written',
  'upload.map-written',
  'upload.data-made',
  'chunk.piece-written',
  'chunk.written',
  'chunk.marked',
  'upload.synced',
  'upload.sealed',
  'blob.written',
  'blob.synced',
  'blob.renamed',
  'blob.folder-synced',
  'log.begun',
  'log.inserted',
  'log.committed',
  'log.confirmed',
  'upload.forgotten',
  'sweep.begun',
  'sweep.removed',
] as const;

/** One of {@link STEPS}. */
export type Step = (typeof STEPS)[number];

/**
 * Called at each step, with the events that are written where it is one of the log; what it throws is
 * what the step throws.
 */
export type OnStep = (step: Step, events?: readonly NewEvent[]) => void;

/** Who watches the stores of a whole program; a test that starts one with more code sets it. @internal */
export const watcher: { onStep: OnStep } = { onStep: () => {} };
