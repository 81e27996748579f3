/**
 * The accountants by name.
 *
 * @module
 */

import type { Accountant } from './accountant.ts';
import { GaussianAccountant } from './gaussian.ts';
import { GdpAccountant } from './gdp.ts';
import { PldAccountant } from './pld.ts';
import { RdpAccountant } from './rdp.ts';
import { ZcdpAccountant } from './zcdp.ts';

/** The name of an accountant. */
export type AccountantName = 'rdp' | 'pld' | 'gaussian' | 'zcdp' | 'gdp';

/** A new accountant of each name. */
export const ACCOUNTANTS: { readonly [N in AccountantName]: () => Accountant } = {
  rdp: () => new RdpAccountant(),
  pld: () => new PldAccountant(),
  gaussian: () => new GaussianAccountant(),
  zcdp: () => new ZcdpAccountant(),
  gdp: () => new GdpAccountant(),
};

/** All names. */
export const ACCOUNTANT_NAMES: readonly AccountantName[] = Object.keys(
  ACCOUNTANTS,
) as AccountantName[];
