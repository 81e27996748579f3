/**
 * Works on the run in a folder and kills itself: at a step, the time that is given. Prints what was
 * promised.
 */

import { existsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/federation/store/store.ts';
import { advance, CONFIG } from './store-run.ts';

const [folder, step, time] = process.argv.slice(2) as [string, string, string];
let left = Number(time);
const onStep = (at: string): void => {
  if (at !== step) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
};
const tell = (promise: string): void => {
  writeSync(1, `${promise}\n`);
};
const store = existsSync(join(folder, 'lock'))
  ? await openStore(folder, { mode: 'resume', onStep })
  : await openStore(folder, { mode: 'create', config: CONFIG, now: 1, run: 'r-1', onStep });
tell('open');
await advance(store, tell);
await store.close();
tell('end');
