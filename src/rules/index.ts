/**
 * The list of rules, and everything that makes one.
 *
 * @module
 */

import * as all from './all.ts';
import { type Entry, isEntry } from './entry.ts';

export * from './all.ts';
export { pipeline } from './pipeline.ts';

/** Every rule and stage, by name. */
export const rules: readonly Entry[] = Object.values(all)
  .filter(isEntry)
  .sort((a, b) => (a.name < b.name ? -1 : 1));
