/**
 * The script of workers in Node, which read files. Not imported but bundled, by
 * scripts/build-workers.ts.
 *
 * @module
 */

import { readRow } from './read-row-node.ts';
import { serve } from './serve.ts';

serve(readRow);
