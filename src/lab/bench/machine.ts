/**
 * Where a benchmark ran. Under Node.
 *
 * @module
 */

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

/** Largest resident memory of this process so far, in bytes. */
export function peakBytes(): number {
  // In kibibytes on every platform, whatever getrusage itself counts in.
  return process.resourceUsage().maxRSS * 1024;
}
