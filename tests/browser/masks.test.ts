import { createBackend } from '../../src/browser.ts';
import { maskSuite } from '../backend/masks.ts';

for (const name of ['webgpu', 'wasm'] as const) {
  maskSuite(
    `${name} in a browser`,
    (memory) => createBackend(name, memory === undefined ? {} : { memory }),
    (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
  );
}
