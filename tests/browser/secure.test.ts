import { createBackend } from '../../src/browser.ts';
import { maskSuite } from '../backend/masks.ts';
import { packingSuite } from '../backend/packing.ts';
import { quantizeSuite } from '../backend/quantize.ts';

for (const name of ['webgpu', 'wasm'] as const) {
  for (const suite of [maskSuite, quantizeSuite, packingSuite]) {
    suite(
      `${name} in a browser`,
      (memory) => createBackend(name, memory === undefined ? {} : { memory }),
      (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
    );
  }
}
