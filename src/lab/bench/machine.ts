/**
 * Where a benchmark ran. Under Node.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { serialize, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

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

let collect: (() => void) | undefined;

/** Bytes that this process holds on to, in objects and in arrays, after collecting what it does not. */
export function heldBytes(): number {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  // What the first finds dead may hold what the second does.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes of a value and of all that it holds, written down. Buffers count whole, however little is seen of them. */
export function sizeOf(value: unknown): number {
  return serialize(value).length;
}
