/** Opens a run, appends some events, says so, and stays. */

import { writeSync } from 'node:fs';
import { openStore } from '../../src/federation/store/store.ts';
import { CONFIG } from './store-run.ts';

const [folder, events = '0'] = process.argv.slice(2) as [string, string];
const store = await openStore(folder, { mode: 'create', config: CONFIG, now: 1, run: 'r-1' });
for (let round = 0; round < Number(events); round++) {
  await store.append([{ type: 'round.opened', body: { round } }], 1);
}
writeSync(1, 'open\n');
setInterval(() => {}, 1000);
