import { createBackend } from '../../src/browser.ts';
import { paritySuite } from '../backend/parity.ts';

paritySuite(
  'webgpu in a browser',
  (memory) => createBackend('webgpu', memory === undefined ? {} : { memory }),
  (memory) => createBackend('reference', memory === undefined ? {} : { memory }),
);
