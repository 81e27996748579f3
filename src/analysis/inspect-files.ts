/**
 * The inspection of model files. Under Node alone.
 *
 * As on the road for aggregates, no file is held in memory: rows are read by range.
 *
 * @module
 */

import { Meter, type OwnFiles, type Progress, withCohort } from '../aggregate-files.ts';
import { show } from '../core/assert.ts';
import type { TensorPolicies } from '../formats/layout.ts';
import type { Inspect, Inspection, InspectOptions } from './inspect.ts';

/** What an inspection of files may be told. */
export interface InspectFilesOptions
  extends Omit<InspectOptions, 'cols' | 'step' | 'root' | 'model'> {
  /** The model that the updates are full models of: rows are then differences to it. */
  readonly base?: string;
  /** The global model after its last step (with `base`), or the step. */
  readonly step?: string;
  /** A model (with `base`) or update of the server's own, from data that it trusts. */
  readonly root?: string;
  /** Adds the article's scores: see {@link InspectOptions.model}. Needs `base`. */
  readonly article?: boolean;
  /** What becomes of tensors that are not aggregated: they are not looked at. */
  readonly policies?: TensorPolicies;
  /** Called often while rows are read. */
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Inspects safetensors or npy files. Clients are named, and files excluded that are malformed or unlike
 * most, as `aggregateFiles` does it.
 *
 * @throws {AggregationError} and others as `inspect`.
 * @throws {FormatError} if a file of the server's own is malformed.
 * @throws the system's own error for a file that cannot be opened.
 */
export type InspectFiles = (
  paths: readonly string[],
  options?: InspectFilesOptions,
) => Promise<Inspection>;

/** The function `inspectFiles` of a platform, over its `inspect`. */
export function inspectFilesWith(inspect: Inspect): InspectFiles {
  return async (paths, options = {}) => {
    if (!Array.isArray(paths)) throw new TypeError(`paths must be an array, got ${show(paths)}`);
    const { base, step, root, article = false, policies, onProgress, ...rest } = options;
    if (article && base === undefined) throw new TypeError('article needs base, the global model');
    const own: OwnFiles = {
      trusted: { step, root },
      ...(base !== undefined && { base }),
      ...(policies && { policies }),
    };
    return await withCohort(paths, own, async ({ updates, trusted, cols, base: model }) => {
      const meter = new Meter(onProgress);
      const given = Object.fromEntries(trusted);
      return await inspect(
        updates.map((update) => meter.watch(update)),
        {
          ...rest,
          ...given,
          ...(cols !== undefined && { cols }),
          ...(article && model && { model }),
        },
      );
    });
  };
}
