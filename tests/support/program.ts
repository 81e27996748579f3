/**
 * Programs that tests start as processes of their own, compiled before: a process that compiles
 * what it imports takes five times as long to start.
 *
 * @module
 */

import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { afterAll } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Each module keeps its own address, by which it finds files and packages. */
const addresses: Plugin = {
  name: 'addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.m?ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const address = JSON.stringify(pathToFileURL(path).href);
      return { contents: text.replaceAll('import.meta.url', address), loader: 'ts' };
    });
  },
};

const folders: string[] = [];
const removeAll = () =>
  Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
try {
  afterAll(removeAll);
} catch {
  // A script, not a test.
  process.once('beforeExit', removeAll);
}

const programs = new Map<string, Promise<string[]>>();

/**
 * A TypeScript program as JavaScript that `node` starts: the same modules, bundled so that those
 * imported late are loaded late, and packages taken from this project. Compiled once for all tests of
 * a file, and gone when they are over.
 */
export async function compiled(path: string): Promise<string> {
  return (await compiledTogether([path]))[0]!;
}

/** The same for several, which share the modules that they both import. */
export function compiledTogether(paths: readonly string[]): Promise<string[]> {
  const key = paths.join('\n');
  const known = programs.get(key);
  if (known) return known;
  const made = compile(paths);
  programs.set(key, made);
  return made;
}

async function compile(paths: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'aggregis-program-'));
  folders.push(folder);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await build({
    absWorkingDir: ROOT,
    entryPoints: [...paths],
    entryNames: '[name]',
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: `node${process.versions.node}`,
    packages: 'external',
    plugins: [addresses],
    tsconfigRaw: {},
    logLevel: 'error',
  });
  return paths.map((path) => join(folder, `${basename(path, extname(path))}.js`));
}
