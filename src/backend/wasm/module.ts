/**
 * The compiled kernels, as a module that every thread can make an instance of.
 *
 * @module
 */

/** Compiles the kernels; once for all callers. */
export function kernelModule(): Promise<WebAssembly.Module> {
  throw new Error('no kernels yet');
}
