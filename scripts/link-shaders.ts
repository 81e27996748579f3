/**
 * Joins shaders/*.wgsl with what they import from shaders/shared and writes them as one TypeScript
 * module, so that Node, browsers and bundlers load kernels alike.
 *
 *     npm run link-shaders            writes src/backend/webgpu/shaders.gen.ts
 *     … link-shaders.ts --check       fails if that file is stale
 *
 * `// #import name` and `#import name` take in shaders/shared/name.wgsl once, before the rest.
 * `#slot name` is left for the text that is generated when the kernel is first used.
 *
 * @module
 */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'shaders');
const target = join(root, 'src/backend/webgpu/shaders.gen.ts');
const IMPORT = /^\s*(?:\/\/ )?#import (\w+)$/;

function link(path: string, taken: Set<string>): string {
  const lines: string[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const imported = IMPORT.exec(line)?.[1];
    if (imported === undefined) {
      lines.push(line);
    } else if (!taken.has(imported)) {
      taken.add(imported);
      lines.push(link(join(folder, 'shared', `${imported}.wgsl`), taken));
    }
  }
  return lines.join('\n');
}

function module(): string {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => basename(file, '.wgsl'))
    .sort();
  const entries = names.map((name) => {
    const text = link(join(folder, `${name}.wgsl`), new Set());
    // Comments stay in shaders/: the module carries code.
    const code = text
      .split('\n')
      .map((line) => line.replace(/\s*\/\/.*$/, ''))
      .filter((line) => line !== '')
      .join('\n');
    return `  ${name}: ${JSON.stringify(code)},`;
  });
  return [
    '/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */',
    '',
    'export const shaders = {',
    ...entries,
    '} as const;',
    '',
    'export type ShaderName = keyof typeof shaders;',
    '',
  ].join('\n');
}

const fresh = module();
if (process.argv.includes('--check')) {
  const found = readFileSync(target, 'utf8');
  if (found !== fresh) {
    console.error('src/backend/webgpu/shaders.gen.ts is stale: run npm run link-shaders');
    process.exit(1);
  }
} else {
  writeFileSync(target, fresh);
}
