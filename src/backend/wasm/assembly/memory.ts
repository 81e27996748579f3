/**
 * What runner.ts needs of any module: it hands out the addresses.
 *
 * @module
 */

/** Makes so many bytes zero. */
export function clear(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes);
}

/** First address that is free. */
export function heapBase(): usize {
  return __heap_base;
}
