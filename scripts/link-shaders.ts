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
import ts from 'typescript';
import { compact } from './compact-wgsl.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'shaders');
const backend = join(root, 'src/backend/webgpu');
const target = join(backend, 'shaders.gen.ts');
const IMPORT = /^\s*(?:\/\/ )?#import (\w+)$/;

/** A file's imports, each after what it needs itself, and its own code. */
interface Text {
  readonly imports: readonly string[];
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
    if (imported === undefined) {
      code.push(line);
      continue;
    }
    for (const deeper of read(shared(imported)).imports) imports.add(deeper);
    imports.add(imported);
  }
  return { imports: [...imports], code: code.join('\n') };
}

function namesIn(path: string): string[] {
  return readdirSync(path)
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => basename(file, '.wgsl'))
    .sort();
}

/** Every word in the texts that fill slots: such texts speak of names in shaders. */
function generatedWords(): string[] {
  const words: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isLiteralExpression(node) ||
      ts.isTemplateMiddleOrTemplateTail(node) ||
      ts.isTemplateHead(node)
    ) {
      words.push(...(node.text.match(/[A-Za-z_]\w*/g) ?? []));
    }
    ts.forEachChild(node, visit);
  };
  for (const file of readdirSync(backend).filter((name) => name.endsWith('-text.ts'))) {
    const text = readFileSync(join(backend, file), 'utf8');
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  }
  return words;
}

function module(): string {
  const names = namesIn(folder);
  const texts = new Map(names.map((name) => [name, read(join(folder, `${name}.wgsl`))]));
  for (const name of namesIn(join(folder, 'shared')))
    texts.set(`shared/${name}`, read(shared(name)));
  const sources = new Map([...texts].map(([name, { code }]) => [name, code]));
  const codes = compact(sources, new Set([...names, ...generatedWords()]));
  const parts = [...codes].flatMap(([name, code]) =>
    name.startsWith('shared/') ? [`const ${basename(name)} = \`${code}\`;\n`] : [],
  );
  const kernels = names.map((name) => {
    const imports = texts.get(name)!.imports.map((part) => `\${${part}}`);
    return `  ${name}: \`${imports.join('')}${codes.get(name)}\`,`;
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
