/**
 * What `aggregis join` insists on in rounds under masks, and what it keeps of them beside the key.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { hexToBytes } from '@noble/hashes/utils.js';
import { type Command, InvalidArgumentError } from 'commander';
import { createBackend } from '../backend/create-node.ts';
import type { Backend } from '../backend/kernels.ts';
import { type TakePart, underMasks } from '../federation/client/secure.ts';
import { HEX_32 } from '../federation/identity.ts';
import { allowList } from '../secagg/enrolment.ts';
import { fileJournal } from '../secagg/file-journal.ts';
import { memoryJournal } from '../secagg/journal.ts';
import { fastestMasks } from '../secagg/masks-node.ts';
import { parseCount, parsePositive } from './arguments.ts';
import { UsageError } from './failure.ts';

/** The options as commander gives them. */
export interface SecureFlags {
  readonly key?: string;
  readonly minSum?: number;
  readonly corrupt?: number;
  readonly minNoise?: number;
  readonly serverKey?: string;
  readonly peers?: string;
}

/** What lets a client take part, and is closed with it. */
export interface SecureJoining extends AsyncDisposable {
  readonly take: TakePart;
}

/** The options of `join` for rounds under masks. */
export function withSecureOptions(command: Command): Command {
  return command
    .option('--min-sum <n>', 'under masks: be in no sum of fewer inputs (default: 16)', parseCount)
    .option(
      '--corrupt <share>',
      'under masks: take so many clients for in league with the server (default: 0.1)',
      parseShare,
    )
    .option(
      '--min-noise <multiplier>',
      'under masks: take part only with noise of so many clips from each client',
      parsePositive,
    )
    .option(
      '--server-key <hex>',
      'under masks: believe this server alone (default: who answers)',
      parseKey,
    )
    .option('--peers <file>', 'under masks: keys of clients that count, one on each line');
}

/** @throws {UsageError} if the file of peers cannot be read. */
export async function secureJoining(
  { key, minSum, corrupt, minNoise, serverKey, peers }: SecureFlags,
  warn: (message: string) => void,
): Promise<SecureJoining> {
  let backend: Promise<Backend> | undefined;
  const enrolment = peers === undefined ? undefined : allowList(await peersIn(peers));
  const take = underMasks({
    masks: fastestMasks(),
    // A journal of its own for each run: rounds count from 1 in each.
    journal: (federation) =>
      key === undefined ? memoryJournal() : fileJournal(`${key}.${federation}.journal`),
    noiseBackend: () => {
      backend ??= createBackend('reference');
      return backend;
    },
    onWarning: warn,
    ...(enrolment && { enrolment }),
    ...(minSum !== undefined && { minSum }),
    ...(corrupt !== undefined && { corrupt }),
    ...(minNoise !== undefined && { noise: { shareMultiplier: minNoise } }),
    ...(serverKey !== undefined && { serverKey: hexToBytes(serverKey) }),
  });
  return {
    take,
    async [Symbol.asyncDispose]() {
      await (await backend)?.close();
    },
  };
}

async function peersIn(path: string): Promise<Uint8Array[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--peers: ${path} cannot be read`, { cause });
  });
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      if (HEX_32.test(line)) return hexToBytes(line);
      throw new UsageError(`--peers: ${path} must hold keys of 64 hexadecimal digits`);
    });
}

function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value < 1) return value;
  throw new InvalidArgumentError(`It must be in [0, 1), got "${text}".`);
}

function parseKey(text: string): string {
  if (HEX_32.test(text)) return text;
  throw new InvalidArgumentError('It must be 64 lower-case hexadecimal digits.');
}
