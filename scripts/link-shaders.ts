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
/**
 * Spaces that part no tokens: those beside a bracket or a separator, and those between a word and a
 * sign. Two signs may be one without.
 */
const SPACES = / *([,;:{}()]) *|(?<!\w) +(?=\w)|(?<=\w) +(?!\w)/g;
const IMPORT = /^\s*(?:\/\/ )?#import (\w+)$/;

interface Text {
  /** Shared files it takes in, each after what it needs itself. */
  readonly imports: readonly string[];
  /** The file's own code. Comments and spaces for the eye stay in shaders/: browsers load it. */
  readonly code: string;
}

function shared(name: string): string {
  return join(folder, 'shared', `${name}.wgsl`);
}

function read(path: string): Text {
  const imports = new Set<string>();
  const code: string[] = [];
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const imported = IMPORT.exec(line)?.[1];
    if (imported !== undefined) {
      for (const deeper of read(shared(imported)).imports) imports.add(deeper);
      imports.add(imported);
      continue;
    }
    const kept = line
      .replace(/\s*\/\/.*$/, '')
      .trim()
      .replace(SPACES, '$1');
    if (kept !== '') code.push(kept);
  }
  return { imports: [...imports], code: code.join('\n') };
}

function namesIn(path: string): string[] {
  return readdirSync(path)
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => basename(file, '.wgsl'))
    .sort();
}

function module(): string {
  const names = namesIn(folder);
  const parts = namesIn(join(folder, 'shared')).map(
    (name) => `const ${name} = \`${read(shared(name)).code}\n\`;\n`,
  );
  const kernels = names.map((name) => {
    const { imports, code } = read(join(folder, `${name}.wgsl`));
    return `  ${name}: \`${imports.map((part) => `\${${part}}`).join('')}${code}\n\`,`;
  });
  return [
    '/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */',
    '',
    ...parts,
    `export type ShaderName =\n${names.map((name) => `  | '${name}'`).join('\n')};`,
    '',
    'export const shaders: Readonly<Record<ShaderName, string>> = {',
    ...kernels,
    '};',
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
