/**
 * src/ → dist/: JavaScript, types and source maps by tsc. Compiles what has changed, leaves nothing
 * over from files that are gone, and makes the commands executable.
 *
 * `npm ci` runs it, and so does the first `npx aggregis` inside the project: it must be quick where
 * there is nothing to do.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const OUTPUTS = ['.js', '.js.map', '.d.ts'];
/** Sources that tsc does not compile: kernels are, by scripts/build-wasm.ts. */
const OTHERS = /^backend\/wasm\/assembly\//;
/** What tsc keeps from one build for the next. */
const NOTES = '.tsbuildinfo';

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Brings dist/ to a state from which an incremental build ends in exactly what src/ says. */
function tidy(): void {
  const dist = join(root, 'dist');
  const present = new Set(filesUnder(dist));
  const due = new Set(
    filesUnder(join(root, 'src'))
      .filter((file) => !OTHERS.test(file))
      .flatMap((file) => OUTPUTS.map((ending) => file.replace(/\.ts$/, ending))),
  );
  // tsc trusts its notes: without an output that they speak of, they are worth nothing.
  if ([...due].every((file) => present.has(file))) due.add(NOTES);
  for (const file of present) {
    if (!due.has(file)) rmSync(join(dist, file));
  }
}

tidy();
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  bin: Record<string, string>;
};
for (const command of Object.values(manifest.bin)) chmodSync(join(root, command), 0o755);
