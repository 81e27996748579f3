/**
 * Bundles the bodies of workers with all that they import and writes each as text in a TypeScript
 * module: a file would not be found from a bundle, nor run under a loader.
 *
 *     npm run build-workers           writes the *.gen.ts beside the bodies
 *     … build-workers.ts --check      fails if one of them is stale
 *
 * Comes after what writes the generated files that the workers import.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build, type Platform } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** The bodies, without their ending; what needs Node is for Node's workers alone. */
const WORKERS: readonly (readonly [body: string, platform: Platform])[] = [
  ['src/backend/wasm/worker', 'neutral'],
  ['src/backend/wasm/worker-node', 'node'],
  ['src/secagg/crypto/team-worker', 'neutral'],
  ['src/secagg/crypto/team-worker-node', 'node'],
  ['src/federation/client/train-worker', 'neutral'],
  ['src/federation/store/hash-worker', 'node'],
];

/** A worker as one classic script: that is what Node's `eval` and a Blob both take. */
async function bundled(body: string, platform: Platform): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`${body}.ts`],
    bundle: true,
    minify: true,
    format: 'iife',
    platform,
    target: 'es2023',
    legalComments: 'none',
    // esbuild must not take settings from a file that is not part of the program.
    tsconfigRaw: {},
    write: false,
  });
  return outputFiles[0]!.text.trim();
}

for (const [body, platform] of WORKERS) {
  const target = `${body}.gen.ts`;
  const path = join(root, target);
  const fresh = [
    `/** Bundled from ${basename(body)}.ts by scripts/build-workers.ts. Do not edit. @module */`,
    '',
    `export const workerScript: string = ${JSON.stringify(await bundled(body, platform))};`,
    '',
  ].join('\n');
  if (!process.argv.includes('--check')) {
    writeFileSync(path, fresh);
  } else if (readFileSync(path, 'utf8') !== fresh) {
    console.error(`${target} is stale: run npm run build-workers`);
    process.exitCode = 1;
  }
}
