/**
 * Whether every model, update, report and memory that the log names is there, byte for byte.
 *
 * @module
 */

import { counted } from '../../core/counted.ts';
import { StoreError } from '../../core/errors.ts';
import type { RunEvent } from '../events.ts';
import { type Evidence, Mismatch, replay } from './check.ts';

/** @throws {Mismatch} at the first event that names a blob which is gone, or holds something else. */
export async function checkBlobs(evidence: Evidence): Promise<string> {
  const seen = new Set<string>();
  /** What each client's last declaration is cut into: its root is the name. */
  const chunks = new Map<string, number>();
  for await (const { logged, event } of replay(evidence)) {
    if (event.type === 'update.declared') chunks.set(event.body.client, event.body.chunkBytes);
    const chunkSize = event.type === 'update.committed' ? chunks.get(event.body.client) : undefined;
    for (const name of blobsOf(event)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const plan = chunkSize === undefined ? {} : { chunkSize };
      await evidence.run.blobs.verify(name, plan).catch((error: unknown) => {
        if (error instanceof StoreError) throw new Mismatch(logged, error.message);
        throw error;
      });
    }
  }
  const { size } = seen;
  return `${counted(size, 'file')} ${size === 1 ? 'holds what its name says' : 'hold what their names say'}`;
}

/** Names of blobs that an event has. */
function blobsOf(event: RunEvent): string[] {
  switch (event.type) {
    case 'run.opened':
      return [event.body.model];
    case 'update.committed':
      return [event.body.blob];
    case 'round.screened':
      return present(event.body.report, event.body.memories);
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
