/**
 * The list of the rules that come with the analysis of updates.
 *
 * @module
 */

import * as analysis from './analysis.ts';
import { type Entry, entriesOf } from './entry.ts';

/** The rules of this entry, by name: `parseRule(spec, [...rules, ...analysisRules])` reads any SPEC. */
export const analysisRules: readonly Entry[] = entriesOf(analysis);
