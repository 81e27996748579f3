/**
 * Material beside the repository, in `../shared`: golden vectors and data that are not part of it.
 * A test that needs some is skipped by name where it is missing, and fails where the environment
 * says `AGGREGIS_REQUIRE_SHARED=1`.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root: string = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** Where `path` of the shared material lies on this machine; `undefined` where it does not. */
export function shared(path: string): string | undefined {
  const full = root + path;
  return existsSync(full) ? full : undefined;
}

/**
 * A test on shared material. `run` gets the places of `paths`, in their order.
 *
 * @example
 * itShared('krum agrees with its peers', ['golden/index.json'], async ([index]) => { … });
 */
export function itShared<const P extends readonly string[]>(
  name: string,
  paths: P,
  run: (files: { readonly [K in keyof P]: string }) => void | Promise<void>,
): void {
  const files: string[] = [];
  const missing: string[] = [];
  for (const path of paths) {
    const file = shared(path);
    if (file === undefined) missing.push(`../shared/${path}`);
    else files.push(file);
  }
  if (missing.length === 0) {
    it(name, () => run(files as unknown as { readonly [K in keyof P]: string }));
    return;
  }
  const title = `${name} (needs ${missing.join(', ')})`;
  if (process.env.AGGREGIS_REQUIRE_SHARED === '1') {
    it(title, () => expect.fail(`AGGREGIS_REQUIRE_SHARED=1, but ${missing.join(', ')} is missing`));
  } else {
    it.skip(title);
  }
}
