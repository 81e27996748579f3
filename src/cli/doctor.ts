/**
 * `aggregis doctor`: what this machine offers, and whether its arithmetic holds. Meant to be pasted
 * into a report: it prints no paths and no names of people or hosts.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { Command } from 'commander';
import { createBackend } from '../backend/create.ts';
import type { Backend, BackendName, Matrix } from '../backend/kernels.ts';
import { explainNoNodeGpu } from '../backend/webgpu/adapter-node.ts';
import { explain } from './failure.ts';

/** What is known of one backend. */
export interface BackendFindings {
  readonly name: BackendName;
  readonly available: boolean;
  readonly adapter?: string;
  readonly software?: boolean;
  /** Largest error of the self-test, relative to the largest magnitude; 0 is bit for bit. */
  readonly worstError?: number;
  /** Why it is not available, or fails. */
  readonly problem?: string;
}

/** The whole diagnosis. */
export interface Diagnosis {
  readonly aggregis: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly packages: Readonly<Record<string, string>>;
  /** What `auto` would take. */
  readonly auto: BackendName;
  readonly backends: readonly BackendFindings[];
}

/** The command. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('show the backends of this machine, and check their arithmetic')
    .description('Shows the backends of this machine, and checks their arithmetic.')
    .option('--json', 'print the findings as JSON')
    .action(async ({ json }: { json?: true }) => {
      const diagnosis = await diagnose();
      process.stdout.write(json ? `${JSON.stringify(diagnosis)}\n` : textOf(diagnosis));
      const failed = diagnosis.backends.some((b) => b.available && b.problem !== undefined);
      if (failed) process.exitCode = 1;
    });
}
