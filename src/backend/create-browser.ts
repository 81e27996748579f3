/**
 * `createBackend` in a browser: `navigator.gpu`, in a page or a worker; workers of its own in a page
 * that is cross-origin isolated.
 *
 * @module
 */

import { browserSpawner } from '../core/spawn-browser.ts';
import { backendMaker, type CreateBackend } from './create.ts';
import { explainNoBrowserGpu, findBrowserGpu } from './webgpu/adapter-browser.ts';

/** Makes a backend in a browser. See {@link CreateBackend} for what each choice means. */
export const createBackend: CreateBackend = backendMaker({
  gpu: { find: findBrowserGpu, explain: explainNoBrowserGpu },
  workers: browserSpawner,
});
