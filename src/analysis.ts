/**
 * `aggregis/analysis` in browsers: which updates of a round are unlike what honest clients send, and why.
 *
 * @module
 */

import { type Inspect, inspectWith } from './analysis/inspect.ts';
import { createBackend } from './backend/create-browser.ts';

export * from './analysis-portable.ts';

/** Inspects the updates of a round: see {@link Inspect}. */
export const inspect: Inspect = /* @__PURE__ */ inspectWith(createBackend);
