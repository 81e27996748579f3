/**
 * Writes tests/vectors/federation1.json; `npx biome check --write tests/vectors` lays it out. Vectors are
 * frozen: whoever runs this says that what clients sign has changed.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { federationVectors } from '../tests/support/federation-vectors.ts';

const file = join(import.meta.dirname, '../tests/vectors/federation1.json');
writeFileSync(file, `${JSON.stringify(await federationVectors(), undefined, 1)}\n`);
