/**
 * A client's identity in a file, for Node: nobody else may read it, and it is there whole or not at all.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SecureError } from '../core/errors.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { Identity } from './identity.ts';
import { syncFolder } from './store/files.ts';

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
  const bytes = await contentOf(path);
  if (bytes === undefined) return undefined;
  try {
    return await Identity.restore(bytes, crypto);
  } catch (cause) {
    throw new SecureError('malformed', `${path}: is no identity`, { cause });
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

async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(path, 'r');
    try {
      const { mode } = await handle.stat();
      // Windows has other rights than these.
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        throw new SecureError(
          'malformed',
          `${path}: others may read this secret; chmod 600 ${path}`,
        );
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
