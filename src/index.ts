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
export { type FileSource, fileSource, writeFileAtomic } from './formats/node-files.ts';
export * from './portable.ts';
export { dropTornLine, FileStorage } from './privacy/ledger/file-ledger.ts';

/** Aggregates the updates of a round: see {@link Aggregate}. */
export const aggregate: Aggregate = /* @__PURE__ */ aggregateWith(createBackend);
/** {@inheritDoc AggregateAll} */
export const aggregateAll: AggregateAll = /* @__PURE__ */ aggregateAllWith(createBackend);

/** Aggregates model files into a model file: see {@link AggregateFiles}. */
export const aggregateFiles: AggregateFiles = /* @__PURE__ */ aggregateFilesWith(aggregate);
