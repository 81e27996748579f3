/**
 * The package as a user gets it: packed, judged by publint and Are-the-types-wrong, installed into
 * an empty project, run, type-checked and bundled for browsers. Needs no network.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'node_modules/.bin');

/**
 * What the whole of Aggregis may weigh in a browser, minified and compressed. Shaders take some 8 kB
 * of it, the kernels of `wasm` 6 kB, the script of its workers 5 kB: it holds once more what runs units
 * on this thread. Of all that, 4 kB are the operations on integers: noise, sums and distances that are
 * exact.
 */
const BROWSER_BUDGET_BYTES = 85_000;

/**
 * What secure aggregation may weigh by itself. A quarter is the script of its threads, which holds the
 * portable curves once more and is loaded only where the browser has none of its own.
 */
const SECURE_BUDGET_BYTES = 80_000;

/** What the analysis of updates may weigh by itself: most of it are backends, as in `aggregis`. */
const ANALYSIS_BUDGET_BYTES = 75_000;

/**
 * What secure aggregation on backends may weigh, beside the other two or by itself. More than two of it are the
 * codec, and the host's code that its results are held against.
 */
const SECURE_BACKEND_BUDGET_BYTES = 15_500;

/**
 * What all of clients may weigh in a page: a fourth is for rounds under masks, which come along only where
 * `underMasks` is named.
 */
const CLIENT_BUDGET_BYTES = 86_000;

/**
 * What a client in the clear may weigh. Two thirds are cryptography for browsers that have none of their own, more
 * than half of it once more in the script of its threads; the rest is the protocol, safetensors and the number
 * types of the wire.
 */
const CLEAR_CLIENT_BUDGET_BYTES = 61_500;

/** Entries that browsers get: the file behind each, and what it may weigh. */
const BROWSER_ENTRIES = [
  { entry: 'aggregis', face: 'browser.js', budget: BROWSER_BUDGET_BYTES },
  { entry: 'aggregis/analysis', face: 'analysis.js', budget: ANALYSIS_BUDGET_BYTES },
  { entry: 'aggregis/secure', face: 'secure.js', budget: SECURE_BUDGET_BYTES },
  {
    entry: 'aggregis/secure/backend',
    face: 'secure-backend.js',
    budget: SECURE_BACKEND_BUDGET_BYTES,
  },
  { entry: 'aggregis/client', face: 'client.js', budget: CLIENT_BUDGET_BYTES },
  {
    entry: 'aggregis/client',
    face: 'client.js',
    budget: CLEAR_CLIENT_BUDGET_BYTES,
    names: '{ createCrypto, FederationClient, Identity, trainInWorker }',
  },
] as const;

/** Sources of another language, whose compiled form is part of a module: not shipped. */
const ASSEMBLY = /^backend\/wasm\/assembly\//;

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface PackedFile {
  readonly path: string;
  readonly mode: number;
}

/** Runs to the end; the error of a failed one carries all that it printed. */
async function run(command: string, args: string[], cwd: string): Promise<string> {
  // What npm tells the scripts it runs must not reach the npm that is run here.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$|INIT_CWD$)/.test(name)),
  );
  try {
    return (await promisify(execFile)(command, args, { cwd, env, timeout: 240_000 })).stdout;
  } catch (cause) {
    const { message, stdout } = cause as Error & { stdout?: string };
    throw new Error(`${message}\n${stdout ?? ''}`, { cause });
  }
}

interface Tarball {
  readonly path: string;
  readonly files: readonly PackedFile[];
}

/** Packs folders into `into`. */
async function pack(
  folders: readonly string[],
  { into, flags }: { into: string; flags: readonly string[] },
): Promise<Tarball[]> {
  const args = ['pack', ...folders, '--json', '--pack-destination', into, ...flags];
  const all = JSON.parse(await run('npm', args, root)) as {
    filename: string;
    files: PackedFile[];
  }[];
  return all.map(({ filename, files }) => ({ path: join(into, filename), files }));
}

/** Folders of all that users get with the package: what it depends on, and what that depends on. */
async function neededFolders(): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { dev?: true; optional?: true; devOptional?: true }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev, optional, devOptional }]) => path && !(dev || optional || devOptional))
    .map(([path]) => join(root, path));
}

let folder = '';
let user = '';
let manifest: Manifest;
let tarball: Tarball;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-package-'));
  user = join(folder, 'user');
  manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
  // Packing builds dist/ first, by the script `prepare`; what that prints is no JSON.
  [tarball] = (await pack(['.'], { into: folder, flags: ['--foreground-scripts=false'] })) as [
    Tarball,
  ];
  // The rest is packed from this project's own copy: no registry is asked, and nothing that npm may have kept.
  const needed = await pack(await neededFolders(), { into: folder, flags: ['--ignore-scripts'] });
  await mkdir(user);
  await writeFile(join(user, 'package.json'), '{ "private": true, "type": "module" }');
  const tarballs = [tarball, ...needed].map(({ path }) => path);
  const flags = ['--offline', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...flags, ...tarballs], user);
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

// A slow machine compiles for a while.
const patient = { timeout: 240_000 };

describe('the packed package', patient, () => {
  test('holds what src/ compiles to, the shaders, what the benchmark asks of others, the client and the adapters in Python, and the documents', async () => {
    const sources = await readdir(join(root, 'src'), { recursive: true });
    const compiled = sources
      .filter((file) => file.endsWith('.ts') && !ASSEMBLY.test(file))
      .flatMap((file) => ['.js', '.js.map', '.d.ts'].map((to) => file.replace(/\.ts$/, to)));
    const shaders = await readdir(join(root, 'shaders'), { recursive: true });
    const due = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bench/peers/strong.py',
      'package.json',
      ...['client', 'engine', 'flower', 'flower_legacy', 'nvflare'].map(
        (name) => `python/aggregis_${name}.py`,
      ),
      ...compiled.map((file) => `dist/${file}`),
      ...shaders.filter((file) => file.endsWith('.wgsl')).map((file) => `shaders/${file}`),
    ];
    expect(tarball.files.map(({ path }) => path).sort()).toEqual(due.sort());
  });

  test('marks its command as executable', () => {
    const command = tarball.files.find(({ path }) => path === 'dist/cli/main.js');
    expect(command?.mode).toBe(0o755);
  });

  test('finds no fault with publint', async () => {
    const bytes = await readFile(tarball.path);
    const { messages, pkg } = await publint({
      pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    });
    expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
  });

  test('gives right types however it is imported, says Are-the-types-wrong', async () => {
    const args = [tarball.path, '--profile', 'esm-only', '--format', 'ascii', '--no-color'];
    // It exits with an error at any problem but those of CommonJS, which is not served.
    expect(await run(join(bin, 'attw'), args, folder)).toMatch(/node16 \(from ESM\): . \(ESM\)/u);
  });
});

describe('the installed package', patient, () => {
  test('aggregates without a GPU package, in a program of five lines', async () => {
    const program = `
      import { aggregate, median } from 'aggregis';
      const updates = { a: [1, 2], b: [3, 4], c: [900, -900] };
      const rows = Object.entries(updates).map(([client, v]) => ({ client, row: Float32Array.from(v) }));
      const { value, backend } = await aggregate(rows, median());
      console.log(JSON.stringify([...value, backend.name]));`;
    await writeFile(join(user, 'program.js'), program);
    expect(JSON.parse(await run(process.execPath, ['program.js'], user))).toEqual([3, 2, 'wasm']);
  });

  test('puts its command where npx finds it', async () => {
    const version = await run('npx', ['--no-install', 'aggregis', '--version'], user);
    expect(version.trim()).toBe(manifest.version);
  });

  test('type-checks in a strict project that checks libraries too, with what the documents show', async () => {
    const program = `
      import { type AggregateResult, aggregate, krum, type Rule } from 'aggregis';
      const rule: Rule = krum({ f: 1 });
      const rows = [1, 2, 3, 4, 5].map((x) => ({ client: String(x), row: Float32Array.of(x) }));
      export const result: Promise<AggregateResult> = aggregate(rows, rule);
      // @ts-expect-error a rule is no string
      export const wrong = aggregate(rows, 'krum');
      import { createCrypto, type CryptoProvider, indexedDbJournal, type Journal } from 'aggregis/secure';
      export const crypto: Promise<CryptoProvider> = createCrypto();
      export const journal: Journal = indexedDbJournal('journal');`;
    await writeFile(join(user, 'program.ts'), program);
    const pages = await Promise.all(
      ['secure-aggregation', 'clients'].map((name) =>
        readFile(join(root, `docs/${name}.md`), 'utf8'),
      ),
    );
    const blocks = pages.flatMap((page) =>
      [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!),
    );
    const files = blocks.map((code, i) => ({ name: `shown-${i}.ts`, code }));
    for (const { name, code } of files) await writeFile(join(user, name), code);
    const flags =
      '--noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2023';
    const lib = ['--lib', 'es2023,esnext.disposable,dom'];
    const checked = (more: readonly string[]): Promise<string> =>
      run(join(bin, 'tsc'), [...flags.split(' '), ...lib, ...more], user);
    // What is for Node alone takes Node's types, nothing else does.
    const isForNode = ({ code }: { code: string }): boolean =>
      code.includes("'aggregis/federation'");
    const anywhere = files.filter((file) => !isForNode(file)).map(({ name }) => name);
    expect(await checked(['program.ts', ...anywhere])).toBe('');
    const inNode = files.filter(isForNode).map(({ name }) => name);
    expect(inNode).toHaveLength(1);
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    expect(await checked([...types, ...inNode])).toBe('');
  });

  test('has secure aggregation for Node, with what only Node has', async () => {
    const program = `
      import * as secure from 'aggregis/secure';
      const crypto = await secure.createCrypto({ threads: 0 });
      const words = await secure.nativeMasks().add(new Uint32Array(8), []);
      const { createBackend } = await import('aggregis');
      const { backendMasks } = await import('aggregis/secure/backend');
      const mask = { key: new Uint8Array(32).fill(7), sign: 1 };
      for (const threads of [1, 2]) {
        const backend = await createBackend('wasm', { threads });
        // Enough for threads to be woken.
        const masks = backendMasks(backend, { ...crypto, onFault: ({ message }) => { throw message; } });
        const masked = await masks.add(new Uint32Array(2 ** 19), [mask]);
        const want = await secure.referenceMasks().add(new Uint32Array(2 ** 19), [mask]);
        if (masked.some((word, j) => word !== want[j])) throw new Error('masks differ');
        await backend.close();
      }
      console.log(JSON.stringify([crypto.admitted.agreement, words.length, typeof secure.fileJournal]));`;
    await writeFile(join(user, 'secure.js'), program);
    const printed = await run(process.execPath, ['secure.js'], user);
    expect(JSON.parse(printed)).toEqual(['node', 8, 'function']);
  });

  test('has federations for Node: a coordinator, and clients that keep their key in a file', async () => {
    const program = `
      import { parseConfig, parseOptimizer, FederationServer } from 'aggregis/federation';
      import { createCrypto, openIdentity } from 'aggregis/client';
      const enrolment = { kind: 'open' };
      const { config } = parseConfig({ model: 'm.safetensors', rule: 'median', rounds: 3, enrolment });
      const { id } = await openIdentity('client.key', await createCrypto({ threads: 0 }));
      const { optimizer } = parseOptimizer('fed-adam:eta=0.1');
      console.log(JSON.stringify([config.rounds, optimizer.name, typeof FederationServer.start, id.slice(0, 2)]));`;
    await writeFile(join(user, 'federation.js'), program);
    const printed = await run(process.execPath, ['federation.js'], user);
    expect(JSON.parse(printed)).toEqual([3, 'fed-adam', 'function', 'c-']);
  });

  test.each(BROWSER_ENTRIES)(
    'weighs at most $budget bytes as $entry in a browser and holds nothing of Node',
    async ({ entry, face, budget, ...part }) => {
      const names = 'names' in part ? part.names : '*';
      const { outputFiles, metafile } = await build({
        stdin: { contents: `export ${names} from '${entry}';`, resolveDir: user },
        bundle: true,
        minify: true,
        format: 'esm',
        platform: 'browser',
        metafile: true,
        write: false,
        logLevel: 'silent',
      });
      const inputs = Object.keys(metafile.inputs);
      expect(inputs.some((file) => file.endsWith(`aggregis/dist/${face}`))).toBe(true);
      expect(
        inputs.filter((file) => /-node\.|swiftshader|node-files|file-journal/.test(file)),
      ).toEqual([]);
      expect(outputFiles[0]!.text).not.toMatch(/["'`]node:/);
      const bytes = gzipSync(outputFiles[0]!.contents).length;

      expect(bytes).toBeLessThanOrEqual(budget);
    },
  );
});
