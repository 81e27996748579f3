/**
 * Compiles src/backend/wasm/assembly/ and writes each module as text into a TypeScript module, so that
 * Node, browsers, workers and bundlers load kernels alike and nothing needs the compiler later.
 *
 *     npm run build-wasm              writes MODULES
 *     … build-wasm.ts --check         fails if one of them, or the steps below, are stale
 *
 * The functions for steps of sorting networks are written from STEP_KINDS, one for each kind.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commonBytes, textOf } from '../src/backend/wasm/byte-text.ts';
import { STEP_KINDS } from '../src/backend/wasm/network-steps.ts';

const root = join(import.meta.dirname, '..');
const folder = 'src/backend/wasm';
/** What is compiled, each with all that it imports, and where it goes. */
const MODULES: readonly (readonly [entry: string, target: string])[] = [
  ['index.ts', `${folder}/kernels.gen.ts`],
  ['secure/index.ts', 'src/backend/secure/kernels.gen.ts'],
  ['simulated/index.ts', 'src/backend/simulated/kernels.gen.ts'],
];
/**
 * No garbage collector, no checks of the compiler's: kernels work on addresses they are given. Smaller
 * code than -O3 makes is slower, up to twice; locals in the order of their use compress better.
 */
const FLAGS = [
  ...['--runtime', 'stub', '--noAssert', '-O3', '--enable', 'simd', '--use', 'abort='],
  ...['--runPasses', 'reorder-locals'],
];
/** Vectors that a step handles in one turn of its loop. */
const UNROLL = 2;

/** AssemblyScript of the function for one kind of step. */
function stepFunction(kind: string, index: number): string {
  const pairs = kind.split(' ').map((pair) => [...pair]);
  const places = [...new Set(pairs.flat())].sort();
  const parameters = places.map((p) => `p${p}: usize`).join(', ');
  const lines = Array.from({ length: UNROLL }, (_, turn) => {
    const at = 16 * turn;
    const name = (place: string): string => `v${place}${turn}`;
    return [
      ...places.map((p) => `let ${name(p)} = v128.load(p${p}, ${at});`),
      ...pairs.map(([low, high], k) => {
        const [a, b, t] = [name(low!), name(high!), `t${k}${turn}`];
        return `const ${t} = v128.min<i32>(${a}, ${b}); ${b} = v128.max<i32>(${a}, ${b}); ${a} = ${t};`;
      }),
      ...places.map((p) => `v128.store(p${p}, ${name(p)}, ${at});`),
    ];
  }).flat();
  const advance = places.map((p) => `p${p} += ${16 * UNROLL};`).join(' ');
  return [
    `/** ${kind} */`,
    `export function step${index}(${parameters}, bytes: usize): void {`,
    '  for (const end = p0 + bytes; p0 < end; ) {',
    ...lines.map((line) => `    ${line}`),
    `    ${advance}`,
    '  }',
    '}',
  ].join('\n');
}

function stepsModule(): string {
  const cases = STEP_KINDS.map((kind, index) => {
    const places = new Set(kind.replaceAll(' ', '')).size;
    const rows = [4, 8, 12, 16]
      .slice(0, places)
      .map((at) => `block + load<u32>(step, ${at})`)
      .join(', ');
    return `      case ${index}:\n        step${index}(${rows}, bytes);\n        break;`;
  });
  return [
    '/** Written by scripts/build-wasm.ts from STEP_KINDS of network-steps.ts. Do not edit. @module */',
    '',
    ...STEP_KINDS.map(stepFunction),
    '',
    '/** Does `count` steps at `program`, a kind and four byte offsets of rows each, on a block of keys. */',
    'export function runSteps(program: usize, count: i32, block: usize, bytes: usize): void {',
    '  const end = program + <usize>count * 20;',
    '  for (let step = program; step < end; step += 20) {',
    '    switch (load<u32>(step)) {',
    ...cases,
    '    }',
    '  }',
    '}',
    '',
  ].join('\n');
}

/** Compiles a file of assembly/ with all that it imports. In a process of its own: tsx takes long to load the compiler. */
function compile(entry: string): Buffer {
  const compiler = createRequire(import.meta.url).resolve('assemblyscript/bin/asc.js');
  const out = mkdtempSync(join(tmpdir(), 'aggregis-wasm-'));
  try {
    const binary = join(out, 'kernels.wasm');
    const command = [compiler, `${folder}/assembly/${entry}`, '--outFile', binary, ...FLAGS];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: root });
    if (status !== 0) throw new Error(stderr.toString());
    return readFileSync(binary);
  } finally {
    rmSync(out, { recursive: true });
  }
}

function kernelsModule(binary: Buffer): string {
  const common = commonBytes(binary);
  return [
    '/** Compiled from src/backend/wasm/assembly/ by scripts/build-wasm.ts. Do not edit. @module */',
    '',
    '/** As byte-text.ts reads it. */',
    `export const kernelsText: string =\n  '${textOf(binary, common)}';`,
    `export const commonBytes: readonly number[] = [${common.join(', ')}];`,
    '',
  ].join('\n');
}

/** Writes a generated file, or checks that it is what would be written. */
function put(file: string, text: string): void {
  const path = join(root, file);
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    console.error(`${file} is stale: run npm run build-wasm`);
    process.exit(1);
  }
}

// The compiler reads the steps from where they are put.
put(`${folder}/assembly/steps.gen.ts`, stepsModule());
for (const [entry, target] of MODULES) put(target, kernelsModule(compile(entry)));
