/** Work on a run's store that can be broken off anywhere and gone on with: updates, a model, a ledger. */

import { merkleRootOf } from '../../src/federation/merkle.ts';
import type { UploadPlan } from '../../src/federation/store/chunk-map.ts';
import { sha256 } from '../../src/federation/store/sha256.ts';
import type { Store } from '../../src/federation/store/store.ts';

export const CONFIG = { rule: 'mean', rounds: 2 };
export const UPDATES = 6;
export const CHUNK = 1024;

/** Bytes of update i: two chunks and a part of a third. */
export function updateBytes(i: number): Uint8Array {
  return Uint8Array.from(
    { length: 2 * CHUNK + 100 + i },
    (_, k) => (k * 7 + i * 13 + (k >> 8)) & 255,
  );
}

export function planOf(bytes: Uint8Array): UploadPlan {
  const root = merkleRootOf(bytes, CHUNK, sha256);
  return { length: bytes.length, chunkSize: CHUNK, root };
}

export function chunkOf(bytes: Uint8Array, k: number): Uint8Array {
  return bytes.subarray(k * CHUNK, Math.min((k + 1) * CHUNK, bytes.length));
}

/** What was promised: said only once the store has kept it. */
export type Tell = (promise: string) => void;

/** Commits the updates that are not committed yet, each after the one before it. */
export async function advance(store: Store, tell: Tell, updates: number = UPDATES): Promise<void> {
  const done = await committed(store);
  const ledger = store.ledger(() => 1);
  for (let i = 0; i < updates; i++) {
    if (!done.has(i)) await commitUpdate(store, { i, tell });
    if (!done.has(i) && i % 2 === 1) await ledger.append(`line of ${i}\n`);
    if (!done.has(i) && i % 2 === 1) tell(`ledger ${i}`);
  }
  const model = await store.blobs.putBytes(new TextEncoder().encode('model'));
  await store.append([{ type: 'round.published', body: { round: 1, model: model.name } }], 5);
  tell(`blob ${model.name}`);
}

async function commitUpdate(store: Store, { i, tell }: { i: number; tell: Tell }): Promise<void> {
  const bytes = updateBytes(i);
  const begun = await store.uploads.begin(`u-${i}`, planOf(bytes));
  if (!begun.ok) throw new Error(begun.refusal.message);
  const upload = begun.value;
  for (const k of [1, 0, 2]) {
    const verdict = await upload.write(k, [
      chunkOf(bytes, k).subarray(0, 60),
      chunkOf(bytes, k).subarray(60),
    ]);
    if (!verdict.ok) throw new Error(verdict.refusal.message);
    tell(`chunk ${i} ${k}`);
  }
  const sealed = await upload.seal();
  if (!sealed.ok) throw new Error(sealed.refusal.message);
  const body = { round: 1, update: i, blob: sealed.value.name };
  const [event] = await store.append([{ type: 'update.committed', body }], 10 + i);
  tell(`update ${i} ${event!.seq} ${sealed.value.name}`);
  await store.uploads.forget(`u-${i}`);
  tell(`forgotten ${i}`);
}

/** Blobs of updates that the log says are committed. */
export async function committed(store: Store): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for await (const { type, body } of store.events()) {
    if (type === 'update.committed') found.set(Number(body.update), String(body.blob));
  }
  return found;
}
