/**
 * The compiled kernels of secure aggregation: a module with a memory of its own.
 *
 * @module
 */

import { compiledOnce } from '../wasm/module.ts';
import { commonBytes, kernelsText } from './kernels.gen.ts';

/** What threads call the module. It exports the functions of wasm/assembly/secure/. */
export const LIBRARY = 'secure';

/** Compiles the kernels; once for all callers. */
export const secureModule: () => Promise<WebAssembly.Module> = /* @__PURE__ */ compiledOnce(
  kernelsText,
  commonBytes,
);
