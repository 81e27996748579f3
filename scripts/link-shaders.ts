/**
 * Joins shaders with what they import from shaders/shared and writes each folder of them as one
 * TypeScript module, so that Node, browsers and bundlers load kernels alike. What is shared is a module,
 * too, of which a bundle takes what it uses.
 *
 *     npm run link-shaders            writes TABLES and SHARED
 *     … link-shaders.ts --check       fails if one of them is stale
 *
 * `// #import name` and `#import name` take in shaders/shared/name.wgsl once, before the rest.
 * `#slot name` is left for the text that is generated when the kernel is first used.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { compact } from './compact-wgsl.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'shaders');
const backend = join(root, 'src/backend/webgpu');
/** Where shaders lie, and where they go. */
const TABLES: readonly (readonly [folder: string, target: string])[] = [
  ['shaders', 'src/backend/webgpu/shaders.gen.ts'],
  ['shaders/secure', 'src/backend/secure/shaders.gen.ts'],
  ['shaders/simulated', 'src/backend/simulated/shaders.gen.ts'],
];
const SHARED = 'src/backend/webgpu/shared-shaders.gen.ts';
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

const HEAD = '/** Linked from shaders/ by scripts/link-shaders.ts. Do not edit. @module */\n';

/** All texts, compacted together so that they may be joined, by their folders and names. */
function compacted(texts: ReadonlyMap<string, Text>): Map<string, string> {
  const sources = new Map([...texts].map(([path, { code }]) => [path, code]));
  const entryPoints = [...texts.keys()].filter((path) => !path.startsWith('shaders/shared/'));
  const kept = new Set([...entryPoints.map((path) => basename(path)), ...generatedWords()]);
  return compact(sources, kept);
}

function sharedModule(codes: ReadonlyMap<string, string>): string {
  const parts = [...codes].flatMap(([path, code]) =>
    path.startsWith('shaders/shared/')
      ? [`export const ${basename(path)}: string = \`${code}\`;\n`]
      : [],
  );
  return [HEAD, ...parts].join('\n');
}

/** The shaders of a folder, as a module that lies at `target`. */
function tableModule(
  { names, target }: { names: readonly string[]; target: string },
  text: (name: string) => { readonly imports: readonly string[]; readonly code: string },
): string {
  const kernels = names.map((name) => {
    const { imports, code } = text(name);
    return `  ${name}: \`${imports.map((part) => `\${${part}}`).join('')}${code}\`,`;
  });
  const parts = [...new Set(names.flatMap((name) => text(name).imports))].sort();
  const way = relative(dirname(target), SHARED);
  return [
    HEAD,
    `import { ${parts.join(', ')} } from '${way.startsWith('.') ? way : `./${way}`}';`,
    '',
    `export type ShaderName =\n${names.map((name) => `  | '${name}'`).join('\n')};`,
    '',
    'export const shaders: Readonly<Record<ShaderName, string>> = {',
    ...kernels,
    '};',
    '',
  ].join('\n');
}

/** Every module that is written, by its path. */
function modules(): Map<string, string> {
  const folders = [...TABLES.map(([from]) => from), 'shaders/shared'];
  const texts = new Map<string, Text>(
    folders.flatMap((from) =>
      namesIn(join(root, from)).map((name) => {
        return [`${from}/${name}`, read(join(root, from, `${name}.wgsl`))] as [string, Text];
      }),
    ),
  );
  const codes = compacted(texts);
  const tables = TABLES.map(([from, target]) => {
    const text = (name: string) => {
      const path = `${from}/${name}`;
      return { imports: texts.get(path)!.imports, code: codes.get(path)! };
    };
    return [target, tableModule({ names: namesIn(join(root, from)), target }, text)] as const;
  });
  return new Map([[SHARED, sharedModule(codes)], ...tables]);
}

for (const [target, fresh] of modules()) {
  const path = join(root, target);
  if (!process.argv.includes('--check')) {
    writeFileSync(path, fresh);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== fresh) {
    console.error(`${target} is stale: run npm run link-shaders`);
    process.exitCode = 1;
  }
}
