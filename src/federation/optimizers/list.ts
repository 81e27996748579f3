/**
 * The list of server optimisers, one line each: a line here enters a file in the SPECs, the tests of
 * what all promise, and the configuration of a federation.
 *
 * @module
 */

import type { OptimizerEntry } from './entry.ts';
import { fedAdagradEntry } from './fed-adagrad.ts';
import { fedAdamEntry } from './fed-adam.ts';
import { fedAvgEntry } from './fed-avg.ts';
import { fedAvgMEntry } from './fed-avg-m.ts';
import { fedNovaEntry } from './fed-nova.ts';
import { fedYogiEntry } from './fed-yogi.ts';
import { qFedAvgEntry } from './q-fed-avg.ts';
import { scaffoldEntry } from './scaffold.ts';

/** Every optimiser. */
export const optimizers: readonly OptimizerEntry[] = [
  fedAvgEntry,
  fedAvgMEntry,
  fedAdagradEntry,
  fedAdamEntry,
  fedYogiEntry,
  fedNovaEntry,
  qFedAvgEntry,
  scaffoldEntry,
];
