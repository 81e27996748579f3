/**
 * The script of a team's workers where noble does the work. Not imported but bundled, by
 * scripts/build-workers.ts.
 *
 * @module
 */

import { noblePrimitives } from './noble.ts';
import { serve } from './team-serve.ts';

serve({ noble: noblePrimitives });
