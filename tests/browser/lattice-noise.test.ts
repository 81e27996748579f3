import { createBackend } from '../../src/browser.ts';
import { latticeSuite } from '../backend/lattice-noise.ts';

for (const name of ['webgpu', 'wasm'] as const) {
  latticeSuite(
    `${name} in a browser`,
    (memory) => createBackend(name, memory === undefined ? {} : { memory }),
    (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
  );
}
