/**
 * Root: an update that points against one that the server made from data that it trusts.
 *
 * The trust of FLTrust: Cao, Fang, Liu, Gong. "FLTrust: Byzantine-robust federated learning via trust
 * bootstrapping", NDSS 2021.
 *
 * @module
 */

import type { Detector } from '../detector.ts';
import { cosinesTo } from '../geometry.ts';
import { measuresOf } from './direction.ts';

/** Score: the cosine to the root update. Deviation: the same, negated: FLTrust has no trust above 0. */
export const root: Detector = {
  name: 'root',
  looksAt: 'angle to an update of the server’s own',
  paper: 'Cao et al. 2021',
  threshold: 0.3,
  examine({ root, norms }) {
    if (root === undefined) return undefined;
    return measuresOf(cosinesTo(root, norms), 'the server’s own update');
  },
};
