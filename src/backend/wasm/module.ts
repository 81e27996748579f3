/**
 * The compiled kernels, as a module that every thread can make an instance of.
 *
 * @module
 */

import { bytesOf } from './byte-text.ts';
import { commonBytes, kernelsText } from './kernels.gen.ts';

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Compiles the kernels; once for all callers.
 *
 * @throws {WebAssembly.CompileError} where the engine has no SIMD, or a page's policy forbids it.
 */
export function kernelModule(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compile(bytesOf(kernelsText, commonBytes));
  return compiled;
}
