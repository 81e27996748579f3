/**
 * Compiled kernels, as modules that every thread can make an instance of.
 *
 * @module
 */

import { bytesOf } from './byte-text.ts';
import { commonBytes, kernelsText } from './kernels.gen.ts';

/**
 * Compiles a module when it is first asked for; once for all callers. Its promise fails with a
 * `WebAssembly.CompileError` where the engine has no SIMD, or a page's policy forbids it.
 */
export function compiledOnce(
  text: string,
  common: readonly number[],
): () => Promise<WebAssembly.Module> {
  let compiled: Promise<WebAssembly.Module> | undefined;
  return () => {
    compiled ??= WebAssembly.compile(bytesOf(text, common));
    return compiled;
  };
}

/** The kernels that every backend of wasm has. */
export const kernelModule: () => Promise<WebAssembly.Module> = /* @__PURE__ */ compiledOnce(
  kernelsText,
  commonBytes,
);
