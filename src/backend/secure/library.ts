/**
 * The compiled kernels of secure aggregation: a module with a memory of its own.
 *
 * @module
 */

import type { ExtraKernel, Library } from '../wasm/kernels.ts';
import { compiledOnce } from '../wasm/module.ts';
import { commonBytes, kernelsText } from './kernels.gen.ts';

/** What threads call the module. */
export const LIBRARY = 'secure';

/** What it exports: the functions of wasm/assembly/secure/, whose comments say what they do. */
export interface SecureLibrary extends Library {
  readonly addMasks: ExtraKernel;
  readonly quantize: ExtraKernel;
  readonly dequantize: ExtraKernel;
  unpack(x: number, bits: number, cols: number, out: number): void;
  pack(x: number, bits: number, cols: number, out: number): void;
}

let instance: Promise<SecureLibrary> | undefined;

/** Compiles the kernels; once for all callers. */
export const secureModule: () => Promise<WebAssembly.Module> = /* @__PURE__ */ compiledOnce(
  kernelsText,
  commonBytes,
);

/** The one instance that is called from this thread alone, and not across a wait. */
export function secureLibrary(): Promise<SecureLibrary> {
  // Kernels import nothing.
  instance ??= secureModule().then(
    (module) => new WebAssembly.Instance(module).exports as unknown as SecureLibrary,
  );
  return instance;
}
