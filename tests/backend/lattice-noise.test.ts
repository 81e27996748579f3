import { createBackend } from '../../src/backend/create-node.ts';
import { Engine } from '../../src/backend/engine.ts';
import { WasmKernels } from '../../src/backend/wasm/wasm.ts';
import { latticeSuite } from './lattice-noise.ts';

const options = (memory?: number): { memory?: number } => (memory === undefined ? {} : { memory });
const reference = (memory?: number) => createBackend('reference', options(memory));

latticeSuite('webgpu', (memory) => createBackend('webgpu', options(memory)), reference);
latticeSuite(
  'wasm on two threads',
  (memory) => createBackend('wasm', { threads: 2, ...options(memory) }),
  reference,
);
latticeSuite(
  'wasm by search',
  async (memory) => new Engine(await WasmKernels.create({ regime: 'search' }), options(memory)),
  reference,
);
