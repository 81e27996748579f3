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

/** A new accountant of each name. */
export const ACCOUNTANTS = {
  rdp: (): Accountant => new RdpAccountant(),
  pld: (): Accountant => new PldAccountant(),
  gaussian: (): Accountant => new GaussianAccountant(),
  zcdp: (): Accountant => new ZcdpAccountant(),
  gdp: (): Accountant => new GdpAccountant(),
} as const;

/** The name of an accountant. */
export type AccountantName = keyof typeof ACCOUNTANTS;

/** All names. */
export const ACCOUNTANT_NAMES: readonly AccountantName[] = Object.keys(
  ACCOUNTANTS,
) as AccountantName[];
