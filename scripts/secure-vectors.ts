/**
 * Writes tests/vectors/sagg1.json. Vectors are frozen: whoever runs this says that the protocol has
 * changed.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { secureVectors } from '../tests/support/secure-vectors.ts';

const file = join(import.meta.dirname, '../tests/vectors/sagg1.json');
writeFileSync(file, `${JSON.stringify(await secureVectors(), undefined, 1)}\n`);
