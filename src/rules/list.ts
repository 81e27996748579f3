/**
 * The list of rules.
 *
 * @module
 */

import * as all from './all.ts';
import { type Entry, entriesOf } from './entry.ts';

/** Every rule and stage of the main entry, by name. */
export const rules: readonly Entry[] = entriesOf(all);
