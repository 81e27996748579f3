/**
 * Programs of sorting networks, as the kernels read them. They are made once, and go to the threads with
 * the work.
 *
 * @module
 */

import { blockColsFor, STEP_WORDS } from './network-block.ts';
import { networkSteps } from './network-steps.ts';

/** Networks that are remembered: one takes 1 KB for 32 rows, 130 KB for 1024. */
const MAX_PROGRAMS = 32;
/** By rows and ranks, oldest first. */
const programs = new Map<string, Uint32Array>();

/**
 * The network that sorts n rows as far as ranks [from, to) need it: steps, each of them a kind and the byte
 * offsets of four rows in a block. Not to be changed.
 */
export function networkProgram(n: number, from: number, to: number): Uint32Array {
  const name = `${n}:${from}:${to}`;
  const known = programs.get(name);
  if (known !== undefined) return known;
  const [oldest] = programs.keys();
  if (programs.size >= MAX_PROGRAMS) programs.delete(oldest!);
  const pitch = 4 * blockColsFor(n);
  const steps = networkSteps(n, from, to);
  const program = new Uint32Array(STEP_WORDS * steps.length);
  for (const [k, { kind, rows }] of steps.entries()) {
    program.set([kind, ...rows.map((row) => pitch * row)], STEP_WORDS * k);
  }
  programs.set(name, program);
  return program;
}
