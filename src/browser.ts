/**
 * Aggregis in browsers: aggregates federated-learning updates, robustly, on a GPU or the CPU. Needs
 * neither cross-origin isolation nor a worker.
 *
 * @module
 */

import { type Aggregate, type AggregateAll, aggregateAllWith, aggregateWith } from './aggregate.ts';
import { createBackend } from './backend/create-browser.ts';

export { createBackend } from './backend/create-browser.ts';
export * from './portable.ts';

/** Aggregates the updates of a round: see {@link Aggregate}. */
export const aggregate: Aggregate = /* @__PURE__ */ aggregateWith(createBackend);
/** {@inheritDoc AggregateAll} */
export const aggregateAll: AggregateAll = /* @__PURE__ */ aggregateAllWith(createBackend);
