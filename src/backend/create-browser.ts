/**
 * `createBackend` in a browser: `navigator.gpu`, in a page or a worker.
 *
 * @module
 */

import { backendMaker, type CreateBackend } from './create.ts';
import { explainNoBrowserGpu, findBrowserGpu } from './webgpu/adapter-browser.ts';

/** Makes a backend in a browser. See {@link CreateBackend} for what each choice means. */
export const createBackend: CreateBackend = backendMaker({
  find: findBrowserGpu,
  explain: explainNoBrowserGpu,
});
