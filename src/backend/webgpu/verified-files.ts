/**
 * Programs and libraries unpacked out of a package into the user's cache, each held to a pinned
 * SHA-256 every time before it is used. Only folders that no other user can write to serve.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

/** Files that belong together. */
export interface FileSet {
  /** Begins the folder's name; the rest comes from the hashes. */
  readonly name: string;
  /** SHA-256 of each file by its name, in lower-case hex. A name is a plain file name. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Gives the contents by name; called only when a file is missing or damaged. */
  readonly unpack: () => Promise<ReadonlyMap<string, Uint8Array>>;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What an error says, in one line. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n')[0]! : String(cause);
}

async function isIntact(path: string, hash: string): Promise<boolean> {
  try {
    return sha256(await readFile(path)) === hash;
  } catch {
    return false;
  }
}

/**
 * Makes the folder and refuses one that another user owns or may write to; the one above it, too, in
 * which that user could put another folder in its place once its files are verified.
 */
async function claim(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const part of [dirname(folder), folder]) {
    const { uid, mode } = await stat(part);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
      throw new Error(`${part} belongs to another user or is writable by one`);
    }
  }
}

/** Writes beside the place and renames into it: under its name a file is whole at all times. */
async function place(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    await writeFile(draft, bytes, { mode: 0o700, flag: 'wx' });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Brings every file into the folder that is not there intact; any number of processes at once. */
async function install(folder: string, { hashes, unpack }: FileSet): Promise<void> {
  await claim(folder);
  let contents: ReadonlyMap<string, Uint8Array> | undefined;
  for (const [name, hash] of hashes) {
    const path = join(folder, name);
    if (await isIntact(path, hash)) continue;
    contents ??= await unpack();
    const bytes = contents.get(name);
    if (bytes === undefined) throw new Error(`the package holds no ${name}`);
    if (sha256(bytes) !== hash) {
      throw new Error(`${name} is not the file that this version knows (its SHA-256 differs)`);
    }
    await place(path, bytes);
  }
}

/** Folders to try, best first: the user's cache, then the folder for temporary files. */
function candidates({ name, hashes }: FileSet): string[] {
  const leaf = `${name}-${sha256(Buffer.from([...hashes].join('\n'))).slice(0, 16)}`;
  const xdg = process.env.XDG_CACHE_HOME ?? '';
  const caches = isAbsolute(xdg) ? [xdg] : [];
  try {
    caches.push(join(homedir(), '.cache'));
  } catch {
    // A user without a home has the folder for temporary files.
  }
  const folders = caches.map((cache) => join(cache, 'aggregis'));
  folders.push(join(tmpdir(), `aggregis-${process.getuid?.()}`));
  return folders.map((folder) => join(folder, leaf));
}

/**
 * Calls `use` with a folder that holds the files; where it throws, as on a file system that admits
 * no programs, the next folder is tried.
 *
 * @returns what `use` returns.
 * @throws {Error} that gives in one line what stood against each folder.
 */
export async function useVerified<T>(set: FileSet, use: (folder: string) => T): Promise<T> {
  const failures = new Set<string>();
  for (const folder of candidates(set)) {
    try {
      await install(folder, set);
      return use(folder);
    } catch (cause) {
      failures.add(messageOf(cause));
    }
  }
  throw new Error([...failures].join('; '));
}
