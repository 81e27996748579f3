/**
 * A program that charges one round to the ledger in the file named, draws its seed, says so, and waits
 * to be killed.
 *
 * @module
 */

import { FileStorage } from '../../../src/privacy/ledger/file-ledger.ts';
import { openLedger } from '../../../src/privacy/ledger/ledger.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { gaussian } from './support.ts';

const storage = await FileStorage.open(process.argv[2]!);
const filter = zcdpFilter({ epsilon: 2, delta: 1e-5 });
const ledger = await openLedger({ storage, filter, unit: 'client', relation: 'replace-one' });
ledger.drawSeed(await ledger.reserve(gaussian(10)));
console.log('reserved');
setInterval(() => {}, 1000);
