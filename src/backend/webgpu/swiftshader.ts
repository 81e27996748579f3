/**
 * A GPU without a GPU: SwiftShader, a Vulkan driver that runs on the CPU, and the Vulkan loader
 * that finds it, both out of the npm package `@sparticuz/chromium` (a build of Chromium). Serves
 * tests and machines without a driver; needs no root, no system package and no setting.
 *
 * What is loaded is code, so every file is held to a pinned SHA-256 each time before it is used,
 * and only folders that no other user can write to serve as its home. Node on Linux x64 only.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants, homedir, tmpdir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { brotliDecompress } from 'node:zlib';
import { untar } from './untar.ts';

/** Files of `swiftshader.tar.br` in @sparticuz/chromium 143.0.4, with their SHA-256. */
const FILES: ReadonlyMap<string, string> = new Map([
  ['libvk_swiftshader.so', '55571f337145a70e32bb64f07ceb413796cc7e9dc1ecac2144728777faf75c8c'],
  ['libvulkan.so.1', '858e4d3fd0fc5d1409f9c9c076e7611c0967459bab153c5cb4ec81124a24e53c'],
  ['vk_swiftshader_icd.json', 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd'],
]);

/** Five times what the archive unpacks to today: a bound against a bomb, not a promise. */
const MAX_UNPACKED_BYTES = 64 * 2 ** 20;

/** Of glibc and musl: the library stays, although Node unloads it as it is no addon. */
const RTLD_NODELETE = 0x1000;

/** How Node says that a library was loaded, but is no addon. */
const LOADED_BUT_NO_ADDON = /did not self-register/;

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What an error says, in one line. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n')[0]! : String(cause);
}

/** In one line, why SwiftShader cannot serve here; `undefined` if nothing stands against it. */
function refusal(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the software GPU is for Linux x64, this is ${process.platform} ${process.arch}`;
  }
  // A worker's process.env is a copy that the C library, and so the Vulkan loader, never sees.
  if (!isMainThread) return 'the software GPU can be set up in the main thread only';
  return undefined;
}

function archivePath(): string {
  try {
    const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
    return join(dirname(entry), '..', '..', 'bin', 'swiftshader.tar.br');
  } catch (cause) {
    throw new Error('it comes in the package @sparticuz/chromium, which is not installed', {
      cause,
    });
  }
}

/** The three files of the package, verified. */
async function unpack(): Promise<Map<string, Uint8Array>> {
  const packed = await readFile(archivePath());
  const tar = await promisify(brotliDecompress)(packed, { maxOutputLength: MAX_UNPACKED_BYTES });
  const all = untar(tar);
  const wanted = new Map<string, Uint8Array>();
  for (const [name, hash] of FILES) {
    const bytes = all.get(name);
    if (bytes === undefined) throw new Error(`swiftshader.tar.br holds no ${name}`);
    if (sha256(bytes) !== hash) {
      throw new Error(`${name} in @sparticuz/chromium is not the one of 143.0.4 (SHA-256 differs)`);
    }
    wanted.set(name, bytes);
  }
  return wanted;
}

async function isIntact(path: string, hash: string): Promise<boolean> {
  try {
    return sha256(await readFile(path)) === hash;
  } catch {
    return false;
  }
}

/** Makes the folder and refuses one that another user owns or may write to. */
async function claimFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = await stat(folder);
  if (uid !== process.getuid!() || (mode & 0o022) !== 0) {
    throw new Error(`${folder} belongs to or is writable by another user`);
  }
}

/**
 * Puts the files into `folder`. Each is written beside its place and renamed into it, so that
 * under its name a file is whole at all times, however many processes do this at once.
 */
async function install(folder: string): Promise<void> {
  await claimFolder(folder);
  let fresh: Map<string, Uint8Array> | undefined;
  for (const [name, hash] of FILES) {
    const path = join(folder, name);
    if (await isIntact(path, hash)) continue;
    fresh ??= await unpack();
    const draft = `${path}.${randomBytes(8).toString('hex')}`;
    try {
      await writeFile(draft, fresh.get(name)!, { mode: 0o600, flag: 'wx' });
      await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
  }
}

/** Folders to try, best first: the user's cache, then the folder for temporary files. */
function candidates(): string[] {
  const version = sha256(Buffer.from([...FILES].join('\n'))).slice(0, 16);
  const xdg = process.env.XDG_CACHE_HOME ?? '';
  const caches = isAbsolute(xdg) ? [xdg] : [];
  try {
    caches.push(join(homedir(), '.cache'));
  } catch {
    // A user without a home has the folder for temporary files.
  }
  const own = `aggregis-${process.getuid!()}`;
  return [...caches.map((c) => join(c, 'aggregis')), join(tmpdir(), own)].map((c) =>
    join(c, `swiftshader-${version}`),
  );
}

/** Loads a library for good: under its name, further searches for it in this process find it. */
function loadForGood(library: string): void {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (cause) {
    if (!LOADED_BUT_NO_ADDON.test(messageOf(cause))) throw cause;
  }
}

/** The Vulkan loader's name on Linux, as Dawn asks the dynamic linker for it. */
const VULKAN_LOADER = 'libvulkan.so.1';

let systemLoader: boolean | undefined;

/**
 * Whether this Linux system has a Vulkan loader of its own. Asked first, since Dawn prints a
 * warning on standard error where there is none. Cost: one search by the dynamic linker.
 */
export function hasSystemVulkanLoader(): boolean {
  if (systemLoader === undefined) {
    try {
      loadForGood(VULKAN_LOADER);
      systemLoader = true;
    } catch {
      systemLoader = false;
    }
  }
  return systemLoader;
}

/**
 * Calls `create` such that the Vulkan driver it meets is SwiftShader. The two variables that point
 * Vulkan to its driver are set for the time of the call and then put back.
 *
 * @returns what `create` gives, or in one line why SwiftShader cannot serve.
 */
export async function withSwiftShader<T>(create: () => Promise<T>): Promise<T | string> {
  const against = refusal();
  if (against !== undefined) return against;
  const failures: string[] = [];
  for (const folder of candidates()) {
    try {
      await install(folder);
      // Two loaders in one process would be one too many.
      if (!hasSystemVulkanLoader()) loadForGood(join(folder, VULKAN_LOADER));
    } catch (cause) {
      failures.push(messageOf(cause));
      continue;
    }
    return withVulkanDriver(join(folder, 'vk_swiftshader_icd.json'), create);
  }
  return `the software GPU cannot be set up: ${[...new Set(failures)].join('; ')}`;
}

/** VK_DRIVER_FILES outranks VK_ICD_FILENAMES in loaders that know it. */
async function withVulkanDriver<T>(icd: string, create: () => Promise<T>): Promise<T> {
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = icd;
  try {
    return await create();
  } finally {
    names.forEach((name, i) => {
      const value = before[i];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    });
  }
}
