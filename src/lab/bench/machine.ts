/**
 * Where a benchmark ran. Under Node.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';

/** The machine, as far as times depend on it. */
export interface Machine {
  readonly cpu: string;
  /** Hardware threads that this process may use. */
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly runtime: string;
}

/** This machine. */
export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round((10 * totalmem()) / 2 ** 30) / 10,
    platform: `${platform()} ${arch()}`,
    runtime: `Node ${process.versions.node}`,
  };
}

/**
 * Largest resident memory of this process so far, in bytes. On Linux `getrusage` counts what a process
 * took over from the one that started it, which may have been much larger; what the kernel says of the
 * process itself does not.
 */
export function peakBytes(): number {
  const own = /^VmHWM:\s+(\d+) kB$/m.exec(processStatus())?.[1];
  // In kibibytes on every platform, whatever getrusage itself counts in.
  return 1024 * (own === undefined ? process.resourceUsage().maxRSS : Number(own));
}

function processStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
