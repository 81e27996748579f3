import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { aggregate, trimmedMean } from '../../src/index.ts';
import { i64 } from '../formats/support.ts';
import { aggregis } from '../support/cli.ts';
import { floats, model, npy, temporaryFolder, tensorsOf } from '../support/model-files.ts';

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const run = (...words: string[]) => aggregis(['aggregate', ...words], { cwd: folder });

beforeEach(async () => {
  folder = await temporaryFolder();
});

/** Five clients, the last of them hostile; two tensors each. */
async function fiveClients(): Promise<string[]> {
  const files = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.safetensors`);
  for (const [i, file] of files.entries()) {
    const k = i === 4 ? 1e6 : i;
    await model(at(file), {
      'layer.weight': floats([2, 2], k, k + 0.5, -k, 1),
      'layer.bias': floats([2], 10 * k, 2),
    });
  }
  return files;
}

describe('aggregis aggregate', () => {
  test('gives what the library gives, tensor by tensor, and says so in JSON', async () => {
    const files = await fiveClients();
    const done = await run(
      ...files,
      '--rule',
      'trimmed-mean:f=1',
      '-o',
      'out.safetensors',
      '--json',
    );
    expect(done).toMatchObject({ code: 0, stderr: '' });
    // Columns are in the order of names: bias before weight.
    const rows = [0, 1, 2, 3, 1e6].map((k) => Float32Array.of(10 * k, 2, k, k + 0.5, -k, 1));
    const { value } = await aggregate(rows, trimmedMean({ f: 1 }), { backend: 'reference' });
    expect(await tensorsOf(at('out.safetensors'))).toEqual({
      'layer.bias': [...value.subarray(0, 2)],
      'layer.weight': [...value.subarray(2)],
    });
    const outcome = JSON.parse(done.stdout);
    expect(Object.keys(outcome)).toEqual([
      'rule',
      'backend',
      'adapter',
      'kernels',
      'rows',
      'cols',
      'clients',
      'seconds',
      'peakBytes',
    ]);
    expect(outcome).toMatchObject({ rule: 'trimmed-mean', rows: 5, cols: 6 });
    expect(outcome.clients[4]).toEqual({
      name: 'e.safetensors',
      verdict: 'accepted',
      weight: null,
      reasons: expect.any(Array),
    });
    expect(outcome.peakBytes).toBeGreaterThan(2 ** 24);
  });

  test('keeps the round going without the files that are no good, and names each', async () => {
    const files = await fiveClients();
    await writeFile(at('torn.safetensors'), (await readFile(at('a.safetensors'))).subarray(0, 100));
    await writeFile(at('text.safetensors'), 'not a model at all');
    await writeFile(at('empty.safetensors'), '');
    await model(at('nan.safetensors'), {
      'layer.weight': floats([2, 2], 1, 1, Number.NaN, 1),
      'layer.bias': floats([2], 1, 1),
    });
    await model(at('renamed.safetensors'), { weight: floats([2, 2], 1, 1, 1, 1) });
    await npy(at('vector.npy'), [6], [1, 2, 3, 4, 5, 6]);
    const bad = ['torn', 'text', 'empty', 'nan', 'renamed'].map((name) => `${name}.safetensors`);
    const words = [...files, ...bad, 'vector.npy', '--rule', 'median', '-o', 'out.safetensors'];
    const { code, stdout } = await run(...words, '--json');
    expect(code).toBe(0);
    const clients: { name: string; verdict: string; weight: number; reasons: string[] }[] =
      JSON.parse(stdout).clients;
    const excluded = clients.filter(({ verdict }) => verdict === 'excluded');
    const found = Object.fromEntries(excluded.map(({ name, reasons }) => [name, reasons.join()]));
    expect(found).toEqual({
      'empty.safetensors': expect.stringMatching(/^malformed: needs 8 bytes/),
      'nan.safetensors': 'non-finite: 1 of 6 entries',
      'renamed.safetensors': expect.stringMatching(/^tensors: lacks tensor "layer.bias"/),
      'text.safetensors': expect.stringMatching(/^(too-large|malformed): header/),
      'torn.safetensors': expect.stringMatching(/^malformed: /),
      'vector.npy': 'mismatch: is npy, unlike the base or most updates',
    });
    const withoutThem = await run(...files, '--rule', 'median', '-o', 'clean.safetensors');
    expect(withoutThem.code).toBe(0);
    expect(await readFile(at('out.safetensors'))).toEqual(await readFile(at('clean.safetensors')));
  });

  test('aggregates differences to a base and adds it back, tensors of its own copied', async () => {
    const base = {
      w: floats([2], 100, 200),
      head: floats([1], 7),
      steps: ['I64', [1], i64(5)],
    } as const;
    await model(at('base.safetensors'), base, { format: 'pt' });
    for (const [name, w] of [
      ['a', 101],
      ['b', 103],
      ['c', 1e30],
    ] as const) {
      await model(at(`${name}.safetensors`), {
        w: floats([2], w, 200),
        steps: ['I64', [1], i64(9)],
      });
    }
    const words = ['a', 'b', 'c'].map((name) => `${name}.safetensors`);
    const done = await run(
      ...words,
      '--base',
      'base.safetensors',
      '--rule',
      'median',
      '-o',
      'out.safetensors',
    );
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(await tensorsOf(at('out.safetensors'))).toEqual({
      w: [103, 200],
      head: [7],
      steps: ['I64', 5, 0, 0, 0, 0, 0, 0, 0],
    });
  });

  test('lets --tensors decide, the first pattern that fits', async () => {
    for (const k of [1, 2, 6]) {
      const tensors = {
        w: floats([1], k),
        'bn.count': ['I64', [1], i64(k)],
        'bn.extra': floats([1], k),
      } as const;
      await model(at(`${k}.safetensors`), tensors);
    }
    const files = ['1', '2', '6'].map((name) => `${name}.safetensors`);
    const policies = ['--tensors', 'bn.count=mean', '--tensors', 'bn.*=exclude'];
    const done = await run(...files, ...policies, '--rule', 'median', '-o', 'out.safetensors');
    expect(done.code).toBe(0);
    expect(await tensorsOf(at('out.safetensors'))).toEqual({
      w: [2],
      'bn.count': ['I64', 3, 0, 0, 0, 0, 0, 0, 0],
    });
    const without = await run(...files, '--rule', 'median', '-o', 'without.safetensors');
    expect(without.code).toBe(2);
    expect(without.stderr).toContain(
      'tensor "bn.count" has no copy that more than half of the 3 updates hold',
    );
  });

  test('weighs by the examples that files state, capped', async () => {
    const states: [string, Record<string, string>, number][] = [
      ['a', { num_examples: '10' }, 0],
      ['b', { examples: '1000000' }, 4],
      ['c', {}, 100],
      ['d', { num_examples: '1e3' }, 100],
    ];
    for (const [name, metadata, w] of states) {
      await model(at(`${name}.safetensors`), { w: floats([1], w) }, metadata);
    }
    const files = states.map(([name]) => `${name}.safetensors`);
    const words = [...files, '--rule', 'mean', '--weights', 'examples', '--example-cap', '30'];
    const { code, stdout } = await run(...words, '-o', 'out.safetensors', '--json');
    expect(code).toBe(0);
    expect(await tensorsOf(at('out.safetensors'))).toEqual({ w: [3] });
    expect(JSON.parse(stdout).clients).toMatchObject([
      { name: 'a.safetensors', weight: 0.25 },
      { verdict: 'flagged', weight: 0.75, reasons: ['examples: claims 1000000, taken as 30'] },
      { verdict: 'excluded', weight: 0, reasons: ['examples: states no count'] },
      { verdict: 'excluded', reasons: ['examples: claims NaN, not a whole number above 0'] },
    ]);
  });

  test('takes rows of npy, with a base and out to npy', async () => {
    await npy(at('rows.npy'), [3, 2], [1, 2, 3, 4, 5, 6]);
    await npy(at('base.npy'), [2], [1, 1]);
    const done = await run(
      'rows.npy',
      '--base',
      'base.npy',
      '--rule',
      'median',
      '-o',
      'out.npy',
      '--json',
    );
    expect(JSON.parse(done.stdout).clients).toMatchObject([
      { name: 'rows.npy[0]' },
      { name: 'rows.npy[1]' },
      { name: 'rows.npy[2]' },
    ]);
    const bytes = await readFile(at('out.npy'));
    expect([
      ...new Float32Array(
        bytes.buffer.slice(bytes.byteOffset + bytes.length - 8, bytes.byteOffset + bytes.length),
      ),
    ]).toEqual([3, 4]);
  });

  test('beside others, an npy array of several rows or none is no way to more votes', async () => {
    for (const k of [1, 2, 3]) await npy(at(`${k}.npy`), [2], [k, k]);
    await npy(at('many.npy'), [4, 2], [9, 9, 9, 9, 9, 9, 9, 9]);
    await npy(at('none.npy'), [0, 2], []);
    const files = ['1.npy', '2.npy', '3.npy', 'many.npy', 'none.npy'];
    const done = await run(...files, '--rule', 'median', '-o', 'out.npy', '--json');
    expect(JSON.parse(done.stdout)).toMatchObject({
      rows: 3,
      clients: [
        { name: '1.npy', verdict: 'accepted' },
        { name: '2.npy', verdict: 'accepted' },
        { name: '3.npy', verdict: 'accepted' },
        { name: 'many.npy', reasons: ['mismatch: has 4 rows, needs 1'] },
        { name: 'none.npy', reasons: ['mismatch: has 0 rows, needs 1'] },
      ],
    });
  });

  test('names clients by their folders where file names are equal', async () => {
    for (const [i, client] of ['ann', 'bob', 'cyd'].entries()) {
      await mkdir(at(client));
      await model(at(client, 'model.safetensors'), { w: floats([1], i) });
    }
    const files = ['ann', 'bob', 'cyd', 'ann'].map((client) => join(client, 'model.safetensors'));
    const { stdout } = await run(...files, '--rule', 'median', '-o', 'out.safetensors', '--json');
    expect(JSON.parse(stdout).clients).toMatchObject([
      { name: 'ann/model.safetensors', verdict: 'accepted' },
      {
        name: 'ann/model.safetensors',
        reasons: ['duplicate-id: this client sent an update already'],
      },
      { name: 'bob/model.safetensors' },
      { name: 'cyd/model.safetensors' },
    ]);
  });

  test('changes no bit with --memory', async () => {
    const cols = 200_000;
    for (const k of [1, 2, 3]) {
      const values = Array.from({ length: cols }, (_, j) => Math.fround(Math.sin(k * j)));
      await npy(at(`${k}.npy`), [cols], values);
    }
    const words = ['1.npy', '2.npy', '3.npy', '--rule', 'nnm:f=0+trimmed-mean:f=1'];
    await run(...words, '-o', 'whole.npy');
    const sharded = await run(...words, '--memory', '3MiB', '-o', 'sharded.npy');
    expect(sharded.code).toBe(0);
    expect(Buffer.compare(await readFile(at('whole.npy')), await readFile(at('sharded.npy')))).toBe(
      0,
    );
  });

  test('writes the evidence on each client, and a summary for people', async () => {
    const files = await fiveClients();
    const words = ['--rule', 'krum:f=0', '--max-norm', '1000', '--report', 'report.json'];
    const { code, stdout } = await run(...files, ...words, '-o', 'out.safetensors');
    expect(code).toBe(0);
    expect(stdout).toContain('krum over 4 of 5 updates of 6 entries -> out.safetensors\n');
    expect(stdout).toContain('excluded  "e.safetensors"  norm: ');
    const report = JSON.parse(await readFile(at('report.json'), 'utf8'));
    // b: 10, 2, 1, 1.5, −1, 1 has the squared norm 100 + 4 + 1 + 2.25 + 1 + 1.
    expect(report.clients[1]).toMatchObject({
      client: 'b.safetensors',
      verdict: 'accepted',
      norm: Math.sqrt(109.25),
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      score: expect.any(Number),
      selected: expect.any(Boolean),
      weight: expect.any(Number),
    });
  });
});

describe('what aggregate refuses', () => {
  test('too few clients left: exit 1, formula and culprits in one line, nothing written', async () => {
    const files = await fiveClients();
    await writeFile(at('e.safetensors'), 'garbage');
    await writeFile(at('out.safetensors'), 'what stood here');
    const before = await readdir(folder);
    const done = await run(...files, '--rule', 'krum:f=1', '-o', 'out.safetensors');
    expect(done).toMatchObject({ code: 1, stdout: '' });
    expect(done.stderr).toMatch(
      /^aggregis: krum needs n ≥ 2f \+ 3 = 5 clients for f = 1, got 4; the screen excluded 1 of 5 updates: "e.safetensors" \((malformed|too-large): .*\)\n$/,
    );
    expect(await readdir(folder)).toEqual(before);
    expect(await readFile(at('out.safetensors'), 'utf8')).toBe('what stood here');
  });

  test('all clients excluded: exit 1', async () => {
    await writeFile(at('a.safetensors'), 'garbage');
    const done = await run('a.safetensors', '--rule', 'mean', '-o', 'out.safetensors');
    expect(done).toMatchObject({ code: 1, stdout: '' });
    expect(done.stderr).toContain('no update is left: the screen excluded 1 of 1 updates');
  });

  const FILES = ['a.safetensors', 'b.safetensors', 'c.safetensors'];
  const OUT = ['-o', 'out.safetensors'];
  test.each<[string, string[], string]>([
    ['no files', ['--rule', 'mean', ...OUT], "missing required argument 'files'"],
    ['no rule', [...FILES, ...OUT], "required option '--rule <spec>' not specified"],
    [
      'no output',
      [...FILES, '--rule', 'mean'],
      "required option '-o, --output <file>' not specified",
    ],
    [
      'an unknown option',
      [...FILES, '--rule', 'mean', '--fast', ...OUT],
      "unknown option '--fast'",
    ],
    [
      'a misspelt rule',
      [...FILES, '--rule', 'trimed-mean:f=1', ...OUT],
      'did you mean trimmed-mean',
    ],
    ['a rule without its f', [...FILES, '--rule', 'krum', ...OUT], 'krum needs the option f'],
    ['a stage as rule', [...FILES, '--rule', 'nnm:f=1', ...OUT], 'nnm is a stage'],
    [
      'an unknown backend',
      [...FILES, '--rule', 'mean', '--backend', 'cuda', ...OUT],
      'auto, webgpu, wasm, reference',
    ],
    [
      'memory in words',
      [...FILES, '--rule', 'mean', '--memory', 'lots', ...OUT],
      'a size such as 256MiB',
    ],
    ['a negative norm', [...FILES, '--rule', 'mean', '--max-norm=-1', ...OUT], 'above 0, got "-1"'],
    ['half a client', [...FILES, '--rule', 'mean', '--example-cap', '0.5', ...OUT], 'whole number'],
    [
      'a policy of its own',
      [...FILES, '--rule', 'mean', '--tensors', 'w=drop', ...OUT],
      'PATTERN=aggregate|',
    ],
    [
      'weights that a rule ignores',
      [...FILES, '--rule', 'median', '--weights', 'examples', ...OUT],
      'median counts every client the same',
    ],
    [
      'another ending',
      [...FILES, '--rule', 'mean', '-o', 'out.pt'],
      'must end in .safetensors or .npy',
    ],
    [
      'an input as output',
      [...FILES, '--rule', 'mean', '-o', './a.safetensors'],
      'output must not be one of',
    ],
    [
      'the output as report',
      [...FILES, '--rule', 'mean', '-o', 'out.npy', '--report', './out.npy'],
      '--report must have a file of its own',
    ],
    [
      'an input as report',
      [...FILES, '--rule', 'mean', ...OUT, '--report', FILES[0]!],
      '--report must have a file of its own',
    ],
    [
      'a folder as output',
      [...FILES, '--rule', 'mean', '-o', 'folder.npy'],
      'folder.npy: is a folder',
    ],
    [
      'a missing file',
      ['nobody.safetensors', '--rule', 'mean', ...OUT],
      'nobody.safetensors: no such file',
    ],
    ['a folder', ['.', '--rule', 'mean', ...OUT], 'is not a regular file'],
    [
      'a broken base',
      [...FILES, '--base', 'broken.safetensors', '--rule', 'mean', ...OUT],
      'broken.safetensors: ',
    ],
    [
      'a base that is not finite',
      [...FILES, '--base', 'nan.safetensors', '--rule', 'mean', ...OUT],
      'base must be finite, entry 1 is NaN',
    ],
    [
      'an output folder that is not there',
      [...FILES, '--rule', 'mean', '-o', 'nowhere/out.safetensors'],
      'nowhere/out.safetensors: no such file or folder',
    ],
  ])('%s: exit 2, one clear line, nothing written', async (_, words, message) => {
    const cwd = await temporaryFolder();
    for (const [i, file] of FILES.entries()) {
      await model(join(cwd, file), { w: floats([2], i, 1) });
    }
    await writeFile(join(cwd, 'broken.safetensors'), 'broken');
    await model(join(cwd, 'nan.safetensors'), { w: floats([2], 1, Number.NaN) });
    await mkdir(join(cwd, 'folder.npy'));
    const before = await readdir(cwd);
    const done = await aggregis(['aggregate', ...words], { cwd });
    expect(done).toMatchObject({ code: 2, stdout: '' });
    expect(done.stderr).toMatch(/^aggregis: /);
    expect(done.stderr).toContain(message);
    expect(done.stderr).not.toMatch(/^\s+at /m);
    expect(await readdir(cwd)).toEqual(before);
  });

  test.skipIf(process.platform === 'win32')(
    'an interrupt, and a second while it cleans up: exit 130, no result, no temporary file',
    async () => {
      const cols = 3_000_000;
      const ramp = Array.from({ length: cols }, (_, j) => j);
      for (const k of [1, 2, 3]) await npy(at(`${k}.npy`), [cols], ramp);
      const before = await readdir(folder);
      // Under this budget the rows are read in some forty pieces, so there is work to interrupt.
      const words = ['1.npy', '2.npy', '3.npy', '--rule', 'median', '--memory', '1200KiB'];
      const { code, stderr } = await aggregis(['aggregate', ...words, '-o', 'out.npy'], {
        cwd: folder,
        onStart: async (child) => {
          while (child.exitCode === null && (await readdir(folder)).length === before.length) {
            await setTimeout(5);
          }
          // A terminal and whoever started the process may both send one. Two at once would be one.
          for (let k = 0; k < 5; k++) {
            child.kill('SIGINT');
            await setTimeout(1);
          }
        },
      });
      expect({ code, stderr }).toEqual({ code: 130, stderr: 'aggregis: interrupted\n' });
      expect(await readdir(folder)).toEqual(before);
    },
  );

  test('a name with escape sequences does not steer the terminal', async () => {
    const { code, stderr } = await run('a\u001b[2J\u202e.npy', '--rule', 'mean', '-o', 'out.npy');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'aggregis: a\\u{1b}[2J\\u{202e}.npy: no such file or folder\n',
    });
  });

  test('with nobody to read its complaints, it exits all the same', async () => {
    const { code } = await aggregis(
      ['aggregate', 'nobody.npy', '--rule', 'mean', '-o', 'out.npy'],
      {
        cwd: folder,
        onStart: (child) => child.stderr?.destroy(),
      },
    );
    expect(code).toBe(2);
  });

  test.skipIf(!existsSync('/dev/full'))(
    'output that cannot be printed: exit 2, one clear line',
    async () => {
      await npy(at('a.npy'), [1], [1]);
      const words = ['a.npy', '--rule', 'mean', '-o', 'out.npy'];
      const { code, stderr } = await aggregis(['aggregate', ...words], {
        cwd: folder,
        printsTo: '/dev/full',
      });
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: 'aggregis: ENOSPC: no space left on device, write\n',
      });
    },
  );

  test('AGGREGIS_DEBUG=1 shows where it happened', async () => {
    const words = ['aggregate', 'nobody.npy', '--rule', 'mean', '-o', 'out.npy'];
    const { stderr } = await aggregis(words, { cwd: folder, env: { AGGREGIS_DEBUG: '1' } });
    expect(stderr).toMatch(/^\s+at /m);
  });

  test.skipIf(process.platform === 'win32')(
    'an input reached through a linked folder is not overwritten',
    async () => {
      await mkdir(at('real'));
      await model(at('real', 'a.safetensors'), { w: floats([1], 3) });
      await symlink(at('real'), at('link'));
      const { code, stderr } = await run(
        'real/a.safetensors',
        '--rule',
        'mean',
        '-o',
        'link/a.safetensors',
      );
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('output must not be one of the files read'),
      });
    },
  );

  test.skipIf(process.platform === 'win32')(
    'a link to an input counts as that input’s path only',
    async () => {
      await model(at('a.safetensors'), { w: floats([1], 3) });
      await symlink(at('a.safetensors'), at('out.safetensors'));
      const { code } = await run('a.safetensors', '--rule', 'mean', '-o', 'out.safetensors');
      expect(code).toBe(0);
      // The link is replaced; what it pointed to is untouched.
      expect(await tensorsOf(at('a.safetensors'))).toEqual({ w: [3] });
    },
  );
});
