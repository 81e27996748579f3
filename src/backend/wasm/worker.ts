/**
 * The script of workers where there are no files. Not imported but bundled, by
 * scripts/build-workers.ts.
 *
 * @module
 */

import { serve } from './serve.ts';

serve();
