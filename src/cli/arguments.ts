/**
 * Values of options as people write them, and the options that several commands share.
 *
 * @module
 */

import { InvalidArgumentError, Option } from 'commander';
import {
  BACKEND_CHOICES,
  type BackendChoice,
  type BackendOptions,
  MAX_THREADS,
} from '../backend/create.ts';
import type { TensorPolicy } from '../formats/layout.ts';

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['B', 1],
  ['kB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
]);

/** `256MiB`, `1.5GB` or `1000000`, in bytes. */
export function parseBytes(text: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = [...UNITS].find(([name]) => name.toLowerCase() === found?.[2]?.toLowerCase());
  const bytes = Math.floor(Number(found?.[1]) * (unit?.[1] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new InvalidArgumentError(`It must be a size such as 256MiB, got "${text}".`);
  }
  return bytes;
}

/** A number above zero. */
export function parsePositive(text: string): number {
  const value = /^[\d.]/.test(text) ? Number(text) : Number.NaN;
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InvalidArgumentError(`It must be a number above 0, got "${text}".`);
  }
  return value;
}

/** A number from 0 up to, and without, 1. */
export function parseShare(text: string): number {
  const value = /^[\d.]/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value < 1)) {
    throw new InvalidArgumentError(`It must be a number from 0 to below 1, got "${text}".`);
  }
  return value;
}

/** A whole number above zero. */
export function parseCount(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value < 1) {
    throw new InvalidArgumentError(`It must be a whole number above 0, got "${text}".`);
  }
  return value;
}

/** A whole number, 0 or above. */
export function parseWhole(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(`It must be a whole number, got "${text}".`);
  }
  return value;
}

/** What becomes of the tensors whose name fits a pattern. */
export interface PatternPolicy {
  readonly pattern: string;
  readonly policy: TensorPolicy;
}

const POLICIES: readonly TensorPolicy[] = ['aggregate', 'copy-from-base', 'mean', 'exclude'];

/** `PATTERN=POLICY`, added to those before it: the option may come several times. */
export function addPolicy(text: string, before: readonly PatternPolicy[] = []): PatternPolicy[] {
  const equals = text.lastIndexOf('=');
  const policy = POLICIES.find((word) => word === text.slice(equals + 1));
  if (equals < 1 || policy === undefined) {
    const wants = `PATTERN=${POLICIES.join('|')}`;
    throw new InvalidArgumentError(`It must be ${wants}, got "${text}".`);
  }
  return [...before, { pattern: text.slice(0, equals), policy }];
}

/** What {@link backendOption} and {@link threadsOption} give. */
export interface BackendFlags {
  readonly backend: BackendChoice;
  readonly threads?: number;
}

/** `--backend`. */
export function backendOption(what = 'where to compute'): Option {
  return new Option('--backend <name>', what).choices([...BACKEND_CHOICES]).default('auto');
}

/** `--threads`. */
export function threadsOption(): Option {
  const what = `threads of the wasm backend, up to ${MAX_THREADS} (default: as many as run at once, up to 16)`;
  return new Option('--threads <n>', what).argParser(parseThreads);
}

/** A number of threads. */
export function parseThreads(text: string): number {
  const count = parseCount(text);
  if (count > MAX_THREADS)
    throw new InvalidArgumentError(`It must be at most ${MAX_THREADS}, got "${text}".`);
  return count;
}

/** What the flags say of a backend. */
export function backendOptionsOf({ threads }: BackendFlags): BackendOptions {
  return threads === undefined ? {} : { threads };
}
