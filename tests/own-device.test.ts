import { findNodeGpu } from '../src/backend/webgpu/adapter-node.ts';
import { aggregate, createBackend } from '../src/index.ts';
import { ownDeviceSuite } from './own-device.ts';

ownDeviceSuite('under Node', {
  aggregate,
  createBackend,
  requestDevice: async () => {
    const found = await findNodeGpu({ software: true });
    return found!.adapter.requestDevice();
  },
});
