/**
 * The compiled kernels, as a module that every thread can make an instance of.
 *
 * @module
 */

import { kernelsDeflated } from './kernels.gen.ts';

let compiled: Promise<WebAssembly.Module> | undefined;

/**
 * Compiles the kernels; once for all callers.
 *
 * @throws {WebAssembly.CompileError} where the engine has no SIMD, or a page's policy forbids it.
 */
export function kernelModule(): Promise<WebAssembly.Module> {
  compiled ??= inflated(kernelsDeflated).then((binary) => WebAssembly.compile(binary));
  return compiled;
}

/**
 * Base64 hides from a server's compression what repeats, so the kernels are compressed before it.
 * (`new Response(stream)` would be shorter, but has Node load its HTTP client.)
 */
async function inflated(base64: string): Promise<ArrayBuffer> {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  const reader = stream.getReader();
  const pieces: BlobPart[] = [];
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pieces.push(read.value);
  }
  return new Blob(pieces).arrayBuffer();
}
