/**
 * A progress bar on a terminal, and silence in a pipe.
 *
 * @module
 */

import type { WriteStream } from 'node:tty';
import type { Progress } from '../aggregate-files.ts';

/** A bar that is drawn over itself. */
export interface ProgressBar {
  /** Draws, at most some ten times a second. */
  readonly show: (progress: Progress) => void;
  /** Leaves an empty line behind. */
  readonly clear: () => void;
}

const INTERVAL_MS = 100;
const CELLS = 30;
const WORDS: Readonly<Record<Progress['step'], string>> = {
  screen: 'screening',
  rule: 'comparing',
  write: 'aggregating',
};

/** A bar on `stream`; one that draws nothing where it is no terminal. */
export function progressBar(stream: WriteStream): ProgressBar {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  let last = 0;
  return {
    show({ step, done }) {
      const now = performance.now();
      if (now - last < INTERVAL_MS) return;
      last = now;
      const cells = Math.round(done * CELLS);
      const bar = '█'.repeat(cells) + '░'.repeat(CELLS - cells);
      const percent = String(Math.floor(100 * done)).padStart(3);
      stream.write(`\r\u001b[K${WORDS[step].padEnd(11)} ${bar} ${percent} %`);
    },
    clear() {
      if (last > 0) stream.write('\r\u001b[K');
    },
  };
}
