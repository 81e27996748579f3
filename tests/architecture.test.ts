/**
 * Who may import whom: the table of docs and design, held against every file of `src/`.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

/** A part of `src/`, and the parts that its files may import; always also its own. */
interface Row {
  readonly part: string;
  /** Which files belong to it, from `src/`. */
  readonly files: RegExp;
  readonly imports: readonly string[];
}

const ground = ['core', 'backend/kernels', 'formats'] as const;
const backends = ['backend/shared', 'backend/engine', 'backend/extra', 'backend/create'] as const;
const road = [...ground, 'rules', 'privacy', 'secagg', ...backends, 'aggregate'] as const;
const study = [...road, 'attacks', 'analysis', 'federation', 'lab'] as const;
const body = ['core', 'backend/kernels', 'backend/shared'] as const;

/** Interfaces stand below, the factory that knows all bodies stands above, faces stand on top. */
const TABLE: readonly Row[] = [
  { part: 'core', files: /^core\//, imports: [] },
  { part: 'backend/kernels', files: /^backend\/kernels\.ts$/, imports: [] },
  {
    part: 'backend/shared',
    files: /^backend\/(network|noise-program|packing|row-sums|rows)\.ts$/,
    imports: ['core', 'backend/kernels'],
  },
  {
    part: 'backend/engine',
    files: /^backend\/(engine|matrix|pass|words)\.ts$/,
    imports: body,
  },
  { part: 'backend/reference', files: /^backend\/reference\//, imports: body },
  { part: 'backend/wasm', files: /^backend\/wasm\//, imports: body },
  { part: 'backend/webgpu', files: /^backend\/webgpu\//, imports: body },
  // Operations that bring their bodies: nothing of the backends imports them.
  {
    part: 'backend/extra',
    files: /^backend\/(secure|simulated)\//,
    imports: [...body, 'backend/engine', 'backend/wasm', 'backend/webgpu'],
  },
  {
    part: 'backend/create',
    files: /^backend\/create[a-z-]*\.ts$/,
    imports: [...body, 'backend/engine', 'backend/reference', 'backend/wasm', 'backend/webgpu'],
  },
  { part: 'formats', files: /^formats\//, imports: ['core', 'backend/kernels'] },
  { part: 'rules', files: /^rules\//, imports: ground },
  { part: 'attacks', files: /^attacks\//, imports: ground },
  { part: 'privacy', files: /^privacy\//, imports: ground },
  { part: 'secagg', files: /^secagg\//, imports: ground },
  {
    part: 'aggregate',
    files:
      /^(aggregate|aggregate-files|private-release|screen|secure-codec|secure-masks|secure-noise)\.ts$/,
    imports: road,
  },
  { part: 'analysis', files: /^analysis\//, imports: road },
  { part: 'federation', files: /^federation\//, imports: [...road, 'analysis'] },
  { part: 'lab', files: /^lab\//, imports: study },
  { part: 'console', files: /^console\//, imports: study },
  // `doctor` tells which adapters there are, and why there is none.
  { part: 'cli', files: /^cli\//, imports: [...study, 'backend/webgpu'] },
  // What faces share; only faces import it.
  {
    part: 'portable',
    files: /^((secure|client|analysis)-)?portable\.ts$/,
    imports: [...study, 'backend/webgpu'],
  },
  {
    part: 'faces',
    files:
      /^(index|browser|private|secure-backend|federation|(secure|client|analysis)(-node)?)\.ts$/,
    imports: [...study, 'backend/webgpu', 'portable'],
  },
];

/** Faces that browsers get. */
const FOR_BROWSERS = [
  'browser.ts',
  'private.ts',
  'analysis.ts',
  'secure.ts',
  'secure-backend.ts',
  'client.ts',
];

/** The files that may import Node's modules and packages; the browser's face reaches none. */
const NODE_ONLY: readonly RegExp[] = [
  /^aggregate-files\.ts$/,
  /^analysis\/inspect-files\.ts$/,
  /^core\/spawn-node\.ts$/,
  /^backend\/wasm\/(read-row-node|worker-node)\.ts$/,
  /^backend\/webgpu\/(adapter-node|swiftshader|verified-files)\.ts$/,
  /^cli\//,
  /^federation\/(http|store)\//,
  /^federation\/identity-file\.ts$/,
  /^federation\/client\/node-fetch\.ts$/,
  /^formats\/node-files\.ts$/,
  /^lab\/(data-files|run-folder|conformance\/golden-files)\.ts$/,
  /^privacy\/ledger\/file-ledger\.ts$/,
  /^secagg\/file-journal\.ts$/,
  /^secagg\/masks-node\.ts$/,
  /^secagg\/crypto\/(create-node|native-node|team-worker-node)\.ts$/,
  /^lab\/bench\/(files|machine|python|versus)\.ts$/,
];

/** Packages that work under Node alone. */
const NODE_PACKAGES = [
  'webgpu',
  'commander',
  'libsql',
  '@hono/node-server',
  'pino',
  'prom-client',
  'ws',
];

/** Development packages that nothing imports or runs by name, and why they are there. */
const UNNAMED_PACKAGES: Readonly<Record<string, string>> = {
  assemblyscript: 'its compiler is resolved by path: scripts/build-wasm.ts',
  '@types/node': 'types of Node, by tsconfig.json',
  '@types/ws': 'types of ws, which brings none',
  '@webgpu/types': 'types of WebGPU, by tsconfig.json',
  '@sparticuz/chromium': 'resolved by name, its files are read: src/backend/webgpu/swiftshader.ts',
  playwright: 'asked for by @vitest/browser-playwright',
};

/** Specifiers that a file imports, types and dynamic imports counted. */
type Imports = ReadonlyMap<string, readonly string[]>;

function filesUnder(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(join(root, folder), join(entry.parentPath, entry.name)));
}

function importsOf(folder: string): Imports {
  return new Map(
    filesUnder(folder).map((file) => {
      const text = readFileSync(join(root, folder, file), 'utf8');
      return [file, ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName)];
    }),
  );
}

/** Relative specifiers as files from `src/`. */
function targets(file: string, imports: Imports): string[] {
  return (imports.get(file) ?? [])
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => join(file, '..', specifier));
}

function rowOf(file: string): Row | undefined {
  return TABLE.find((row) => row.files.test(file));
}

/** Every import that the table does not admit, with the row that forbids it. */
function forbidden(imports: Imports): string[] {
  return [...imports.keys()].flatMap((file) => {
    const row = rowOf(file);
    if (row === undefined) return [`${file} is in no row of the table`];
    return targets(file, imports).flatMap((target) => {
      const part = rowOf(target)?.part ?? 'no part';
      if (part === row.part && part !== 'faces') return [];
      if (row.imports.includes(part)) return [];
      const admitted = [row.part, ...row.imports].join(', ');
      return [`${file} imports ${target} (${part}); the row says: ${row.part} imports ${admitted}`];
    });
  });
}

/** One way from `from` to a file that `isGoal`, or `undefined`. */
function path(
  from: string,
  isGoal: (file: string) => boolean,
  imports: Imports,
): string[] | undefined {
  const seen = new Set<string>();
  const search = (trail: readonly string[]): string[] | undefined => {
    for (const next of targets(trail.at(-1)!, imports)) {
      if (isGoal(next)) return [...trail, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = search([...trail, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search([from]);
}

function cycles(imports: Imports): string[] {
  return [...imports.keys()].flatMap((file) => {
    const way = path(file, (other) => other === file, imports);
    return way === undefined ? [] : [way.join(' → ')];
  });
}

function isNodeOnly(file: string): boolean {
  return NODE_ONLY.some((pattern) => pattern.test(file));
}

function needsNode(specifier: string): boolean {
  return specifier.startsWith('node:') || NODE_PACKAGES.includes(packageOf(specifier));
}

/** `@a/b/c` → `@a/b`, `a/b` → `a`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Files that import what only Node has without being named for it. */
function unnamedNodeFiles(imports: Imports): string[] {
  return [...imports].flatMap(([file, specifiers]) => {
    const needed = isNodeOnly(file) ? [] : specifiers.filter(needsNode);
    return needed.length === 0 ? [] : [`${file} imports ${needed.join(', ')}`];
  });
}

function packagesOf(imports: Imports): Set<string> {
  const specifiers = [...imports.values()].flat();
  return new Set(specifiers.filter((s) => !/^(\.|node:)/.test(s)).map(packageOf));
}

/** AssemblyScript: another language, whose compiler wants specifiers without their ending. */
const ASSEMBLY = /^backend\/wasm\/assembly\//;

const source = new Map([...importsOf('src')].filter(([file]) => !ASSEMBLY.test(file)));

describe('src/', () => {
  test('imports only what the table admits', () => {
    expect(source.size).toBeGreaterThan(0);
    expect(forbidden(source)).toEqual([]);
  });

  test('has no import cycle, types counted', () => {
    expect(cycles(source)).toEqual([]);
  });

  test('needs Node in the files that are named for it, and nowhere else', () => {
    expect(unnamedNodeFiles(source)).toEqual([]);
  });

  test.each(FOR_BROWSERS)('reaches nothing of Node from %s', (face) => {
    expect(source.has(face)).toBe(true);
    expect(path(face, isNodeOnly, source)?.join(' → ')).toBeUndefined();
  });

  test('reaches no operation that brings its bodies from browser.ts, where few use them', () => {
    const brings = (file: string): boolean => rowOf(file)?.part === 'backend/extra';
    expect([...source.keys()].some(brings)).toBe(true);
    expect(path('browser.ts', brings, source)?.join(' → ')).toBeUndefined();
    expect(path('secure-backend.ts', brings, source)).toBeDefined();
  });

  test('writes import specifiers as files: relative and ending in .ts', () => {
    const relativeOnes = [...source].flatMap(([file, all]) =>
      all.filter((s) => s.startsWith('.') && !s.endsWith('.ts')).map((s) => `${file}: ${s}`),
    );
    expect(relativeOnes).toEqual([]);
  });

  test('opens every file with a doc comment that bears @module', () => {
    const bare = [...source.keys()].filter((file) => {
      const text = readFileSync(join(root, 'src', file), 'utf8').replace(/^#!.*\n/, '');
      const comment = /^\s*\/\*\*[\s\S]*?\*\//.exec(text)?.[0];
      return comment === undefined || !/@module\b/.test(comment);
    });
    expect(bare).toEqual([]);
  });
});

describe('the checks themselves', () => {
  const imports = (files: Record<string, string[]>): Imports => new Map(Object.entries(files));

  test('see an import upward, across and from a face, and quote the row', () => {
    const found = forbidden(
      imports({
        'core/a.ts': ['../rules/krum.ts'],
        'rules/krum.ts': ['../attacks/alie.ts'],
        'lab/b.ts': ['../index.ts'],
        'aggregate.ts': ['./backend/webgpu/device.ts', './core/a.ts'],
        'misplaced.ts': [],
      }),
    );
    expect(found).toEqual([
      'core/a.ts imports rules/krum.ts (rules); the row says: core imports core',
      expect.stringMatching(
        /^rules\/krum\.ts imports attacks\/alie\.ts .*rules imports rules, core/,
      ),
      expect.stringMatching(/^lab\/b\.ts imports index\.ts \(faces\)/),
      expect.stringMatching(/^aggregate\.ts imports backend\/webgpu\/device\.ts/),
      'misplaced.ts is in no row of the table',
    ]);
  });

  test('see a cycle and name its files', () => {
    const found = cycles(
      imports({ 'a.ts': ['./b.ts'], 'b.ts': ['./c.ts'], 'c.ts': ['./b.ts', './d.ts'], 'd.ts': [] }),
    );
    expect(found).toEqual(['b.ts → c.ts → b.ts', 'c.ts → b.ts → c.ts']);
  });

  test('see Node used directly, and the way to it', () => {
    const files = imports({
      'core/a.ts': ['node:fs'],
      'browser.ts': ['./core/c.ts', './lab/b.ts'],
      'core/c.ts': ['webgpu'],
      'lab/b.ts': ['./data-files.ts'],
      'lab/data-files.ts': ['node:fs/promises'],
    });
    expect(unnamedNodeFiles(files)).toEqual([
      'core/a.ts imports node:fs',
      'core/c.ts imports webgpu',
    ]);
    expect(path('browser.ts', isNodeOnly, files)).toEqual([
      'browser.ts',
      'lab/b.ts',
      'lab/data-files.ts',
    ]);
  });
});

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

describe('package.json', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const shipped = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

  test('ships exactly the packages that src/ imports', () => {
    expect([...packagesOf(source)].sort()).toEqual(shipped.sort());
  });

  test('has no development package without a use', () => {
    const imported = ['tests', 'scripts', 'bench', 'examples'].map(importsOf).map(packagesOf);
    const config = readFileSync(join(root, 'vitest.config.ts'), 'utf8');
    const callers = ['.ci/run', ...filesUnder('tests/package').map((f) => `tests/package/${f}`)];
    const run = [
      ...Object.values(manifest.scripts),
      ...callers.map((file) => readFileSync(join(root, file), 'utf8')),
    ].join('\n');
    const isUsed = (name: string): boolean =>
      imported.some((set) => set.has(name)) ||
      name in UNNAMED_PACKAGES ||
      config.includes(`'${name}`) ||
      binsOf(name).some((bin) => new RegExp(`(^|[\\s/'])${bin}([\\s']|$)`, 'm').test(run));
    expect(Object.keys(manifest.devDependencies).filter((name) => !isUsed(name))).toEqual([]);
  });

  test('has in the list of unnamed packages none that is gone', () => {
    expect(Object.keys(manifest.devDependencies)).toEqual(
      expect.arrayContaining(Object.keys(UNNAMED_PACKAGES)),
    );
  });
});

/** Commands that a package installs. */
function binsOf(name: string): string[] {
  const { bin } = JSON.parse(
    readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'),
  ) as { bin?: string | Record<string, string> };
  return typeof bin === 'string' ? [basename(name)] : Object.keys(bin ?? {});
}

describe('shaders/', () => {
  test('hold in each file one entry point, named as the file', () => {
    const kernels = readdirSync(join(root, 'shaders'), {
      recursive: true,
      encoding: 'utf8',
    }).filter((name) => name.endsWith('.wgsl') && !name.startsWith('shared'));
    const wrong = kernels.filter((name) => {
      const text = readFileSync(join(root, 'shaders', name), 'utf8').replaceAll(/\/\/.*$/gm, '');
      const entries = [...text.matchAll(/@compute[^{}]*?\bfn\s+(\w+)/g)].map((match) => match[1]);
      return entries.length !== 1 || `${entries[0]}.wgsl` !== basename(name);
    });
    expect(kernels.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });
});
