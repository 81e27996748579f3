/**
 * `aggregis/analysis` under Node: which updates of a round are unlike what honest clients send, and why.
 *
 * @module
 */

import { type Inspect, inspectWith } from './analysis/inspect.ts';
import { type InspectFiles, inspectFilesWith } from './analysis/inspect-files.ts';
import { createBackend } from './backend/create-node.ts';

export type { InspectFiles, InspectFilesOptions } from './analysis/inspect-files.ts';
export * from './analysis-portable.ts';

/** Inspects the updates of a round: see {@link Inspect}. */
export const inspect: Inspect = /* @__PURE__ */ inspectWith(createBackend);

/** Inspects model files: see {@link InspectFiles}. */
export const inspectFiles: InspectFiles = /* @__PURE__ */ inspectFilesWith(inspect);
