/**
 * The script of a team's workers in Node. Not imported but bundled, by scripts/build-workers.ts.
 *
 * @module
 */

import { arbitrated } from './last-word.ts';
import { nodePrimitives } from './native-node.ts';
import { noblePrimitives } from './noble.ts';
import { serve } from './team-serve.ts';

serve({ noble: noblePrimitives, node: arbitrated(nodePrimitives) });
