/**
 * A client's identity in a file, for Node: nobody else may read it, and it is there whole or not at all.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { constants, link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SecureError } from '../core/errors.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { Identity } from './identity.ts';
import { syncFolder } from './store/files.ts';

/** More than any identity has. */
const MOST_BYTES = 4096;

/**
 * The identity in a file, or a new one where there is none. Of two programs that make one at the same
 * time, both get the same.
 *
 * @throws {SecureError} `malformed` if the file holds anything else, or others may read it.
 */
export async function openIdentity(path: string, crypto: CryptoProvider): Promise<Identity> {
  const found = await readIdentity(path, crypto);
  if (found !== undefined) return found;
  const made = await Identity.create(crypto);
  const isFirst = await write(path, made, link);
  return isFirst ? made : (await readIdentity(path, crypto))!;
}

/** The identity in a file, or `undefined` if there is none. @throws {SecureError} `malformed`. */
export async function readIdentity(
  path: string,
  crypto: CryptoProvider,
): Promise<Identity | undefined> {
  const content = await contentOf(path);
  if (content === undefined) return undefined;
  const { bytes, mode } = content;
  try {
    const identity = await Identity.restore(bytes, crypto).catch((cause: unknown) => {
      throw noIdentity(path, 'holds something else', cause);
    });
    // Windows has other rights than these.
    if (process.platform === 'win32' || (mode & 0o077) === 0) return identity;
    throw new SecureError('malformed', `${path}: others may read this secret; chmod 600 ${path}`);
  } finally {
    bytes.fill(0);
  }
}

/** Replaces the identity in a file. When the promise is kept, a loss of power does not bring the old one back. */
export async function saveIdentity(path: string, identity: Identity): Promise<void> {
  await write(path, identity, rename);
}

/** Whether it was written: a link does not take the place of what is there. */
async function write(
  path: string,
  identity: Identity,
  place: (from: string, to: string) => Promise<void>,
): Promise<boolean> {
  const folder = dirname(path);
  const temporary = join(folder, `.aggregis-${randomUUID()}.tmp`);
  const handle = await open(temporary, 'wx', 0o600);
  const bytes = identity.export();
  try {
    await handle.writeFile(bytes);
    await handle.sync();
    await handle.close();
    await place(temporary, path);
    await syncFolder(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    bytes.fill(0);
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
  }
}

/** What a file holds, and who may read it. */
async function contentOf(
  path: string,
): Promise<{ readonly bytes: Buffer; readonly mode: number } | undefined> {
  try {
    // A pipe would be waited for.
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const found = await handle.stat();
      if (found.isDirectory()) throw noIdentity(path, 'is a folder');
      if (!found.isFile()) throw noIdentity(path, 'is no plain file');
      if (found.size > MOST_BYTES) throw noIdentity(path, 'holds something else');
      return { bytes: await handle.readFile(), mode: found.mode };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function noIdentity(path: string, why: string, cause?: unknown): SecureError {
  return new SecureError('malformed', `${path}: is no identity of a client: ${why}`, { cause });
}
