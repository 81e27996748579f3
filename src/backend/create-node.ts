/**
 * `createBackend` under Node: Dawn, or SwiftShader where an emulated GPU was asked for; threads.
 *
 * @module
 */

import { nodeSpawner } from '../core/spawn-node.ts';
import { backendMaker, type CreateBackend } from './create.ts';
import { readRow } from './wasm/read-row-node.ts';
import { workerScript } from './wasm/worker-node.gen.ts';
import { explainNoNodeGpu, findNodeGpu } from './webgpu/adapter-node.ts';

/** Makes a backend under Node. See {@link CreateBackend} for what each choice means. */
export const createBackend: CreateBackend = backendMaker({
  gpu: { find: findNodeGpu, explain: explainNoNodeGpu },
  workers: nodeSpawner,
  files: { script: workerScript, readRow },
});
