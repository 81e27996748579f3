/**
 * Bundles the body of the wasm backend's workers with all that it imports and writes it as text in
 * a TypeScript module: a file would not be found from a bundle, nor run under a loader.
 *
 *     npm run build-workers           writes src/backend/wasm/worker.gen.ts
 *     … build-workers.ts --check      fails if that file is stale
 *
 * Comes after what writes the generated files that the worker imports.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const target = 'src/backend/wasm/worker.gen.ts';

/** The worker as one classic script: that is what Node's `eval` and a Blob both take. */
async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/backend/wasm/worker.ts'],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'neutral',
    target: 'es2023',
    legalComments: 'none',
    // esbuild must not take settings from a file that is not part of the program.
    tsconfigRaw: {},
    write: false,
  });
  return outputFiles[0]!.text.trim();
}

const fresh = [
  '/** Bundled from worker.ts by scripts/build-workers.ts. Do not edit. @module */',
  '',
  `export const workerScript: string = ${JSON.stringify(await bundled())};`,
  '',
].join('\n');
const path = join(root, target);
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== fresh) {
    console.error(`${target} is stale: run npm run build-workers`);
    process.exit(1);
  }
} else {
  writeFileSync(path, fresh);
}
