import { findBrowserGpu } from '../../src/backend/webgpu/adapter-browser.ts';
import { aggregate, createBackend } from '../../src/browser.ts';
import { ownDeviceSuite } from '../own-device.ts';

ownDeviceSuite('in a browser', {
  aggregate,
  createBackend,
  requestDevice: async () => {
    const found = await findBrowserGpu({ software: true });
    return found!.adapter.requestDevice();
  },
});
