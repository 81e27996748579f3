/**
 * Looks for leaks in secure aggregation: a hostile server tries strategies at random against copies of
 * the protocol with a fault planted in each, and then against the protocol as it is.
 *
 *   npx tsx scripts/hostile-search.ts --strategies 100000 --seed 1
 *
 * Ends with status 1 if a fault was not found, or if something was where nothing should be.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { FIELDS, recordFields, THIN_RING } from '../src/lab/secure/hostile-fields.ts';
import { type Searched, searchLeaks } from '../src/lab/secure/hostile-search.ts';
import type { Protocol } from '../src/lab/secure/hostile-world.ts';
import { FAULTS, type FaultName, mutant } from '../tests/support/secagg-mutants.ts';
import { cryptoForStudy, realProtocol } from '../tests/support/study.ts';

const { values } = parseArgs({
  options: {
    strategies: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const strategies = Number(values.strategies);
const seed = Number(values.seed);
if (!Number.isSafeInteger(strategies) || strategies < 1 || !Number.isSafeInteger(seed)) {
  throw new RangeError('--strategies must be a positive integer, and --seed an integer');
}
/** Enough for every fault; a fault that takes more is reported as not found. */
const FOR_FAULTS = 5000;
/** Faults are looked for where clients are few. */
const SMALL = FIELDS.filter(({ clients }) => clients <= 16);

const crypto = await cryptoForStudy();

async function search(protocol: Protocol, plans: typeof FIELDS, most: number): Promise<Searched> {
  const fields = await recordFields(plans, { crypto, protocol });
  return searchLeaks(fields, {
    strategies: most,
    seed,
    onProgress: (tried) => process.stderr.write(`\r${tried} strategies`),
  });
}

function told({ tried, found }: Searched): string {
  if (found === undefined) return `nothing in ${tried} strategies`;
  const { leak } = found.played;
  const what =
    leak?.kind === 'small-sum'
      ? `a sum over ${leak.clients.length} honest inputs`
      : 'both secrets of a client';
  return `${what} at strategy ${tried} (${found.strategy.name}; ${found.field})`;
}

let isSound = true;
console.log('Faults planted:');
for (const fault of Object.keys(FAULTS) as FaultName[]) {
  const { protocol, remove } = await mutant(fault);
  const searched = await search(protocol, SMALL, FOR_FAULTS);
  remove();
  isSound &&= searched.found !== undefined;
  console.log(`  ${FAULTS[fault].name}: ${told(searched)}`);
}
const thin = await search(realProtocol, [THIN_RING], FOR_FAULTS);
console.log(`A ring with no more than 2t > k + c: ${told(thin)}`);
const real = await search(realProtocol, FIELDS, strategies);
isSound &&= real.found === undefined;
process.stderr.write('\r');
console.log(`The protocol as it is: ${told(real)}`);
console.log(`  clients signed in ${real.signed} of them and revealed shares in ${real.revealed}`);
for (const [family, count] of real.families) console.log(`  ${family}: ${count}`);
await crypto.close();
process.exitCode = isSound ? 0 : 1;
