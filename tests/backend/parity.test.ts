import { createBackend } from '../../src/backend/create-node.ts';
import { Engine } from '../../src/backend/engine.ts';
import { WasmKernels } from '../../src/backend/wasm/wasm.ts';
import { paritySuite } from './parity.ts';

paritySuite(
  'webgpu',
  (memory) => createBackend('webgpu', memory === undefined ? {} : { memory }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);

for (const regime of ['network', 'search'] as const) {
  paritySuite(
    `wasm by ${regime}`,
    async (memory) =>
      new Engine(await WasmKernels.create({ regime }), memory === undefined ? {} : { memory }),
    (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
  );
}
