import { createBackend } from '../../src/backend/create-node.ts';
import { paritySuite } from './parity.ts';

paritySuite(
  'webgpu',
  (memory) => createBackend('webgpu', memory === undefined ? {} : { memory }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);
