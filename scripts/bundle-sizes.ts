/**
 * Writes what bundles for browsers weigh, minified and compressed, into docs/secure-aggregation.md.
 *
 *     npx tsx scripts/bundle-sizes.ts [--check]
 *
 * With `--check` nothing is written, and the exit code is 1 if the page is not up to date. The limits
 * stand in tests/package/package.test.ts, which bundles the package that is shipped.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const PAGE = join(root, 'docs/secure-aggregation.md');
const BEGIN = '<!-- sizes: written by scripts/bundle-sizes.ts -->';
const END = '<!-- /sizes -->';

/** What a client of a round is made of. */
const CLIENT =
  "export { createCrypto, encodeUpdate, encodingOf, indexedDbJournal, SecureClient } from './secure.ts';";
const BACKEND = "export { createBackend } from './browser.ts';";
const SECURE_BACKEND = "export { backendCodec, backendMasks } from './secure-backend.ts';";

const CLEAR =
  "export { createCrypto, FederationClient, Identity, trainInWorker } from './client.ts';";

/** Programs, as modules in src/. */
const BUNDLES: readonly (readonly [what: string, code: string])[] = [
  ['a client, all by portable code', CLIENT],
  ['a client, its masks and codec on a backend', [CLIENT, SECURE_BACKEND, BACKEND].join('\n')],
  ['all of `aggregis`', "export * from './browser.ts';"],
  ['all of `aggregis/secure`', "export * from './secure.ts';"],
  ['all of `aggregis/secure/backend`', "export * from './secure-backend.ts';"],
  ['a client of a federation, in the clear', CLEAR],
  ['all of `aggregis/client`', "export * from './client.ts';"],
];

async function sizeOf(code: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: join(root, 'src'), loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    // esbuild must not take settings from a file that is not part of the program.
    tsconfigRaw: {},
    write: false,
  });
  return gzipSync(outputFiles[0]!.contents).length;
}

const rows: string[] = [];
for (const [what, code] of BUNDLES) {
  rows.push(`| ${what} | ${Math.ceil((await sizeOf(code)) / 1000)} kB |`);
}
const page = readFileSync(PAGE, 'utf8');
const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
if (from < 0 || to < from) throw new Error(`${PAGE} must hold ${BEGIN} and ${END}`);
const table = ['| a bundle of | weighs at most |', '|---|---|', ...rows].join('\n');
const updated = `${page.slice(0, from)}${BEGIN}\n${table}\n${page.slice(to)}`;
if (!process.argv.includes('--check')) writeFileSync(PAGE, updated);
else if (updated !== page) {
  console.error('docs/secure-aggregation.md is not up to date: npx tsx scripts/bundle-sizes.ts');
  process.exitCode = 1;
}
