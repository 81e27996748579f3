/**
 * Aggregis under Node: aggregates federated-learning updates, robustly, on a GPU or the CPU.
 *
 * @module
 */

import { type Aggregate, type AggregateAll, aggregateAllWith, aggregateWith } from './aggregate.ts';
import { type AggregateFiles, aggregateFilesWith } from './aggregate-files.ts';
import { createBackend } from './backend/create-node.ts';

export type { AggregateFiles, AggregateFilesOptions, Progress } from './aggregate-files.ts';
export { createBackend } from './backend/create-node.ts';
export { openIdentity, readIdentity, saveIdentity } from './federation/identity-file.ts';
export { Blobs, type StoredBlob } from './federation/store/blobs.ts';
export type { ChainHead, LoggedEvent, NewEvent } from './federation/store/chain.ts';
export type { UploadPlan } from './federation/store/chunk-map.ts';
export type { EventRange } from './federation/store/event-log.ts';
export type { RoundRow } from './federation/store/projections.ts';
export {
  type CreateOptions,
  openStore,
  type Recovery,
  type ResumeOptions,
  type Store,
  type StoreOptions,
} from './federation/store/store.ts';
export type { ChunkOptions, Pieces, Upload } from './federation/store/upload.ts';
export type { Uploads } from './federation/store/uploads.ts';
export { type FileSource, fileSource, writeFileAtomic } from './formats/node-files.ts';
export * from './portable.ts';
export { dropTornLine, FileStorage } from './privacy/ledger/file-ledger.ts';

/** Aggregates the updates of a round: see {@link Aggregate}. */
export const aggregate: Aggregate = /* @__PURE__ */ aggregateWith(createBackend);
/** {@inheritDoc AggregateAll} */
export const aggregateAll: AggregateAll = /* @__PURE__ */ aggregateAllWith(createBackend);

/** Aggregates model files into a model file: see {@link AggregateFiles}. */
export const aggregateFiles: AggregateFiles = /* @__PURE__ */ aggregateFilesWith(aggregate);
