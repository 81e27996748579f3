/**
 * The compiled kernels, as a module that every thread can make an instance of.
 *
 * @module
 */

import { kernelsBase64 } from './kernels.gen.ts';

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Compiles the kernels; once for all callers.
 *
 * @throws {WebAssembly.CompileError} where the engine has no SIMD, or a page's policy forbids it.
 */
export function kernelModule(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(kernelsBase64), (c) => c.charCodeAt(0)));
  return compiled;
}
