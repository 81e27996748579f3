import { describe, expect, test } from 'vitest';
import { explainNoBrowserGpu, findBrowserGpu } from '../../src/backend/webgpu/adapter-browser.ts';
import { countRightSums } from '../support/add-on-gpu.ts';

describe('a GPU in a browser', () => {
  test('is found and adds a thousand numbers', async () => {
    const found = await findBrowserGpu({ software: true });
    expect(await explainNoBrowserGpu({ software: true })).toBeUndefined();
    const device = await found!.adapter.requestDevice();
    expect(await countRightSums(device)).toBe(1000);
    device.destroy();
  });

  test('is known for an emulated one, and not taken unless the caller permits it', async () => {
    expect(await findBrowserGpu({ software: true })).toMatchObject({
      software: true,
      description: expect.stringMatching(/swiftshader/i),
    });
    expect(await findBrowserGpu()).toBeUndefined();
    expect(await explainNoBrowserGpu()).toMatch(/emulated on the CPU: .*swiftshader/i);
  });

  test('needs no cross-origin isolation', () => {
    expect(globalThis.crossOriginIsolated).toBe(false);
  });
});
