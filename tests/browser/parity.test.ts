import { Engine } from '../../src/backend/engine.ts';
import { WasmKernels } from '../../src/backend/wasm/wasm.ts';
import { createBackend } from '../../src/browser.ts';
import { paritySuite } from '../backend/parity.ts';

paritySuite(
  'webgpu in a browser',
  (memory) => createBackend('webgpu', memory === undefined ? {} : { memory }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);

paritySuite(
  'wasm in a browser',
  async (memory) => new Engine(await WasmKernels.create(), memory === undefined ? {} : { memory }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);
