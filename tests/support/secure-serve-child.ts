/**
 * A run under masks in a process of its own, which kills itself at an event of its log: words are the folder,
 * create or resume, the port, the type of event, and how many of it pass before. Prints its address.
 */

import { ServedRun } from './federation-server.ts';
import { secureConfigOf } from './secure-clients.ts';

const [folder = '', mode = '', port = '0', fatal = '', passes = '0'] = process.argv.slice(2);
let left = Number(passes);

const run = await ServedRun.start({
  folder,
  mode: mode === 'create' ? 'create' : 'resume',
  port: Number(port),
  config: secureConfigOf(5, { rounds: 2 }),
  onEvent: ({ type }) => {
    if (type === fatal && left-- === 0) process.kill(process.pid, 'SIGKILL');
  },
});
process.stdout.write(`${run.url}\n`);
