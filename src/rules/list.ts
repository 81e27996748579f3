/**
 * The list of rules.
 *
 * @module
 */

import * as all from './all.ts';
import { type Entry, isEntry } from './entry.ts';

/** Every rule and stage, by name. */
export const rules: readonly Entry[] = Object.values(all)
  .filter(isEntry)
  .sort((a, b) => (a.name < b.name ? -1 : 1));
