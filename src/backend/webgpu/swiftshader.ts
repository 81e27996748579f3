/**
 * A GPU without a GPU: SwiftShader, a Vulkan driver that runs on the CPU, and a Vulkan loader to
 * find it, both out of the npm package `@sparticuz/chromium` (a build of Chromium). Serves tests
 * and machines without a driver; needs no root, no system package and no setting. Linux x64 only.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { brotliDecompress } from 'node:zlib';
import { untar } from './untar.ts';
import { type FileSet, messageOf, useVerified } from './verified-files.ts';

/** The Vulkan loader's name on Linux, as Dawn asks the dynamic linker for it. */
const VULKAN_LOADER = 'libvulkan.so.1';

/** Of @sparticuz/chromium 143.0.4. */
const SWIFTSHADER: FileSet = {
  name: 'swiftshader',
  hashes: new Map([
    ['libvk_swiftshader.so', '55571f337145a70e32bb64f07ceb413796cc7e9dc1ecac2144728777faf75c8c'],
    [VULKAN_LOADER, '858e4d3fd0fc5d1409f9c9c076e7611c0967459bab153c5cb4ec81124a24e53c'],
    ['vk_swiftshader_icd.json', 'c9eef28b6b984fec220ef0abfecc40b502d46946706e47bfe97707027cb818bd'],
  ]),
  unpack: async () => untar(await brotliFile('swiftshader.tar.br')),
};

/** Three times what the largest file unpacks to: a bound against a bomb, not a promise. */
const MAX_UNPACKED_BYTES = 600e6;

/** Of glibc and musl: the library stays, although Node unloads it as it is no addon. */
const RTLD_NODELETE = 0x1000;

/** How Node says that a library was loaded, but is no addon. */
const LOADED_BUT_NO_ADDON = /did not self-register/;

/**
 * One of the compressed files of `@sparticuz/chromium`, decompressed.
 *
 * @throws {Error} if the package is not installed or the file is not there or damaged.
 */
export async function brotliFile(name: string): Promise<Uint8Array> {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  } catch (cause) {
    throw new Error('the package @sparticuz/chromium is not installed', { cause });
  }
  const packed = await readFile(join(dirname(entry), '..', '..', 'bin', name));
  return promisify(brotliDecompress)(packed, { maxOutputLength: MAX_UNPACKED_BYTES });
}

/** Loads a library for good: under its name, further searches for it in this process find it. */
function loadForGood(library: string): void {
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (cause) {
    if (!LOADED_BUT_NO_ADDON.test(messageOf(cause))) throw cause;
  }
}

let systemLoader: boolean | undefined;

/**
 * Whether this Linux system has a Vulkan loader of its own. Asked before Dawn is, which prints a
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

/** In one line, why SwiftShader cannot serve here; `undefined` if nothing stands against it. */
function refusal(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the emulated GPU is for Linux x64, this is ${process.platform} ${process.arch}`;
  }
  // A worker's process.env is a copy that the C library, and so the Vulkan loader, never sees.
  if (!isMainThread) return 'the emulated GPU can be set up in the main thread only';
  return undefined;
}

/** Calls `create` with SwiftShader as the one Vulkan driver, then puts the environment back. */
async function withDriver<T>(icd: string, create: () => Promise<T>): Promise<T> {
  // VK_DRIVER_FILES outranks VK_ICD_FILENAMES in loaders that know it.
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const;
  const before = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = icd;
  try {
    return await create();
  } finally {
    for (const [i, name] of names.entries()) {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    }
  }
}

/**
 * Calls `create` such that the Vulkan driver it meets is SwiftShader.
 *
 * @returns what `create` gives, or in one line why SwiftShader cannot serve.
 */
export async function withSwiftShader<T>(create: () => Promise<T>): Promise<T | string> {
  const against = refusal();
  if (against !== undefined) return against;
  let icd: string;
  try {
    icd = await useVerified(SWIFTSHADER, (folder) => {
      // Two loaders in one process would be one too many.
      if (!hasSystemVulkanLoader()) loadForGood(join(folder, VULKAN_LOADER));
      return join(folder, 'vk_swiftshader_icd.json');
    });
  } catch (cause) {
    return `the emulated GPU cannot be set up: ${messageOf(cause)}`;
  }
  return withDriver(icd, create);
}
