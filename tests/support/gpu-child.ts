/**
 * A program that takes a GPU, adds on it, prints the outcome as JSON and must then end by itself.
 * `--destroy` destroys the device first.
 *
 * @module
 */

import { explainNoNodeGpu, findNodeGpu } from '../../src/backend/webgpu/adapter-node.ts';
import { countRightSums } from './add-on-gpu.ts';

const found = await findNodeGpu({ software: true });
const device = await found?.adapter.requestDevice();
console.log(
  JSON.stringify({
    reason: await explainNoNodeGpu({ software: true }),
    description: found?.description,
    rightSums: device === undefined ? 0 : await countRightSums(device),
    leftBehind: process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES,
  }),
);
if (process.argv.includes('--destroy')) device?.destroy();
