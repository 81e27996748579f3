/**
 * What a tab's worker trains: digits that it draws itself.
 *
 * @module
 */

import type { Train } from '../../src/federation/client/train.ts';
import { digitsTrainer } from '../../src/lab/digits-client.ts';
import { drawDigits } from '../../src/lab/glyphs.ts';
import { streamOf } from '../../src/lab/sampling.ts';

const data = drawDigits(200, streamOf(7, 'data'));

/** As `trainInWorker` asks for it. */
export const train: Train = (task) => {
  // A page has a document, a worker has none.
  if ('document' in globalThis) throw new Error('this is the page itself');
  return digitsTrainer({ data, part: 1, parts: 1, alpha: 1, seed: 7 })(task);
};
