/**
 * Whether every model, update and report that the log names is there, byte for byte.
 *
 * @module
 */

import { StoreError } from '../../core/errors.ts';
import type { RunEvent } from '../events.ts';
import { counted, type Evidence, Mismatch, replay } from './check.ts';

/** @throws {Mismatch} at the first event that names a blob which is gone, or holds something else. */
export async function checkBlobs(evidence: Evidence): Promise<string> {
  const seen = new Set<string>();
  for await (const { logged, event } of replay(evidence)) {
    for (const name of blobsOf(event)) {
      if (seen.has(name)) continue;
      seen.add(name);
      await evidence.run.blobs.verify(name).catch((error: unknown) => {
        if (error instanceof StoreError) throw new Mismatch(logged, error.message);
        throw error;
      });
    }
  }
  return `${counted(seen.size, 'file')} hold what their names say`;
}

/** Names of blobs that an event has. */
function blobsOf(event: RunEvent): string[] {
  switch (event.type) {
    case 'run.opened':
      return [event.body.model];
    case 'update.committed':
      return [event.body.blob];
    case 'round.screened':
      return present(event.body.report);
    case 'round.unmasked':
      return event.body.sums.map(({ blob }) => blob);
    case 'round.aggregated':
      return present(event.body.blob, event.body.report);
    case 'round.published':
      return present(event.body.model, event.body.optimizer);
    default:
      return [];
  }
}

function present(...names: readonly (string | undefined)[]): string[] {
  return names.filter((name) => name !== undefined);
}
