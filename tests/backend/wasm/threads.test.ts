/** The wasm backend on several threads, as a program uses it. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import type { Backend, Matrix } from '../../../src/backend/kernels.ts';
import { randomRows } from '../parity.ts';

describe('the number of threads', () => {
  const backends: Backend[] = [];
  beforeAll(async () => {
    for (const threads of [1, 2, 3]) backends.push(await createBackend('wasm', { threads }));
  });
  afterAll(async () => {
    for (const backend of backends) await backend.close();
  });

  /** Three blocks of a row operation, and more units of a column operation than threads. */
  const rows = randomRows(9, 150_001, 3);

  function inSharedMemory(row: Float32Array): Float32Array {
    const copy = new Float32Array(new SharedArrayBuffer(row.byteLength));
    copy.set(row);
    return copy;
  }

  /** Of all bits of a result: an array, or an object of arrays. */
  function digestOf(result: object): string {
    const hash = createHash('sha256');
    const arrays = ArrayBuffer.isView(result) ? [result] : Object.values(result);
    for (const array of arrays) hash.update(array);
    return hash.digest('hex');
  }

  const operations: [string, (backend: Backend, x: Matrix) => Promise<object>][] = [
    ['rankMean', (b, x) => b.read(b.rankMean(x, 2, 7))],
    ['nearestMean', (b, x) => b.read(b.nearestMean(x, b.rankMean(x, 4, 5), 5))],
    [
      'combine',
      (b, x) => b.read(b.combine([Array(9).fill(1 / 9), [1, -1, 0, 0, 0, 0, 0, 0, 0]], x)),
    ],
    ['deviation', (b, x) => b.read(b.deviation(x))],
    ['signSum', (b, x) => b.read(b.signSum(x))],
    ['screen', (b, x) => b.screen(x)],
    ['pairs', (b, x) => b.pairs(x)],
  ];

  test.each(operations)('changes no bit of %s, wherever rows lie', async (_, run) => {
    const wanted = digestOf(await run(backends[0]!, backends[0]!.matrix(rows)));
    for (const backend of backends) {
      for (const given of [rows, rows.map(inSharedMemory)]) {
        expect(digestOf(await run(backend, backend.matrix(given)))).toBe(wanted);
      }
    }
  });

  test('is told by the adapter', () => {
    const told = backends.map(({ info }) => info.adapter);
    expect(told).toEqual([
      expect.not.stringContaining('threads'),
      expect.stringContaining('2 threads'),
      expect.stringContaining('3 threads'),
    ]);
  });

  test.each([
    [0, RangeError],
    [257, RangeError],
    [1.5, TypeError],
  ])('must be an integer in [1, 256]: %s is refused by name', async (threads, kind) => {
    const made = createBackend('wasm', { threads });
    await expect(made).rejects.toThrow(kind);
    await expect(made).rejects.toThrow(/^threads must be /);
  });
});

describe('a program', () => {
  const node = promisify(execFile);
  const loader = import.meta.resolve('tsx');

  test('that does not close its backend ends all the same', async () => {
    const program = join(import.meta.dirname, '../../support/unclosed-backend.ts');
    const args = ['--import', loader, program];
    const { stdout } = await node(process.execPath, args, { timeout: 30_000 });
    expect(stdout).toMatch(/2 threads: 2\n$/);
  });

  test('without WebAssembly gets the reference from auto, and from wasm the reason', async () => {
    // V8 has no WebAssembly where it may not compile.
    const program = `
      import { createBackend } from '${join(import.meta.dirname, '../../../src/index.ts')}';
      const wasm = await createBackend('wasm').catch(({ code, message }) => ({ code, message }));
      const auto = await createBackend('auto');
      console.log(JSON.stringify({ wasm, auto: auto.info.name }));`;
    const args = ['--jitless', '--import', loader, '--input-type=module', '-e', program];
    const { stdout } = await node(process.execPath, args, { timeout: 30_000 });
    expect(JSON.parse(stdout)).toEqual({
      auto: 'reference',
      wasm: {
        code: 'unavailable',
        message: 'no WASM SIMD here: WebAssembly is not defined',
      },
    });
  });
});
