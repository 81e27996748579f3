/**
 * A served run in a process of its own, which kills itself at a step of its store: words are the folder,
 * create or resume, the step, and how often it passes there before. Prints its address.
 */

import { configOf, ServedRun } from './federation-server.ts';

const [folder = '', mode = '', fatal = '', passes = '0'] = process.argv.slice(2);
let left = Number(passes);

const run = await ServedRun.start({
  folder,
  mode: mode === 'create' ? 'create' : 'resume',
  config: configOf({ rounds: 8 }),
  onStep: (step) => {
    if (step === fatal && left-- === 0) process.kill(process.pid, 'SIGKILL');
  },
});
process.stdout.write(`${run.url}\n`);
