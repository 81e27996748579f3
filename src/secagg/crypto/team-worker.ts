/**
 * The script of a team's workers where noble does the work. Not imported but bundled, by
 * scripts/build-workers.ts.
 *
 * @module
 */

import { nobleCurves } from './noble-curves.ts';
import { serve } from './team-serve.ts';

serve({ noble: nobleCurves });
