/**
 * The list of all rules: those of the main entry, and those that come with the analysis of updates.
 *
 * @module
 */

import * as all from './all.ts';
import * as analysis from './analysis.ts';
import { type Entry, entriesOf } from './entry.ts';

/** Every rule and stage there is, by name. */
export const allRules: readonly Entry[] = entriesOf({ ...all, ...analysis });
