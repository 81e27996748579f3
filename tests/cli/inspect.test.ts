/** The inspect command as a process: what it prints, what it keeps, and its exit codes. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { aggregis } from '../support/cli.ts';
import { floats, model, temporaryFolder } from '../support/model-files.ts';

const COLS = 40;
let folder: string;
const at = (name: string): string => join(folder, name);
const run = (...words: string[]) =>
  aggregis(['inspect', '--backend', 'reference', ...words], { cwd: folder });

beforeEach(async () => {
  folder = await temporaryFolder();
});

/** Seven honest clients and one that sends the reverse; full models where there is a base. */
async function eightClients(seed = 1, base?: readonly number[]): Promise<string[]> {
  const random = createRandom(seed);
  const files: string[] = [];
  for (let i = 0; i < 8; i++) {
    const sign = i === 7 ? -1 : 1;
    const row = Array.from({ length: COLS }, (_, j) => {
      return (base?.[j] ?? 0) + sign * (Math.sin(1 + j) + 0.2 * random.normal());
    });
    files.push(`${'abcdefgh'[i]}.safetensors`);
    await model(at(files[i]!), { w: floats([COLS], ...row) });
  }
  return files;
}

describe('aggregis inspect', () => {
  test('prints a table, with who is suspected and why', async () => {
    const { code, stdout, stderr } = await run(...(await eightClients()));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^client +verdict +score +neighbours +direction +norm +spectral/);
    expect(lines.filter((line) => / fine /.test(line))).toHaveLength(7);
    expect(stdout).toMatch(/^h\.safetensors +SUSPECTED/m);
    expect(stdout).toMatch(/^ {2}h\.safetensors: \w+: /m);
    expect(stdout).toContain('1 of 8 updates of 40 entries are suspected (f = 2, reference)');
  });

  test('prints all findings as JSON, excluded files too', async () => {
    const files = await eightClients();
    await writeFile(at('torn.safetensors'), 'x');
    const { code, stdout } = await run(...files, 'torn.safetensors', '--json', '--f', '1');
    expect(code).toBe(0);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ threshold: 1, f: 1, rows: 8, cols: COLS, backend: 'reference' });
    expect(found.clients[7]).toMatchObject({ name: 'h.safetensors', suspected: true });
    expect(found.clients[0].findings[0]).toEqual({
      detector: 'neighbours',
      score: expect.any(Number),
      deviation: expect.any(Number),
      threshold: 45,
      fired: false,
      corroborates: false,
      words: expect.any(String),
    });
    expect(found.clients[8]).toMatchObject({ verdict: 'excluded', findings: [] });
  });

  test('exits with 1 under --strict where somebody is suspected or excluded, else with 0', async () => {
    const files = await eightClients();
    expect((await run(...files, '--strict')).code).toBe(1);
    expect((await run(...files.slice(0, 7), '--strict')).code).toBe(0);
  });

  test('keeps a history, and holds clients against it', async () => {
    for (let round = 1; round <= 5; round++) {
      const files = await eightClients(round);
      const { code } = await run(...files, '--history', 'past.json');
      expect(code).toBe(0);
    }
    const kept = JSON.parse(await readFile(at('past.json'), 'utf8'));
    expect(kept).toMatchObject({ format: 'aggregis/memories/v1', sketch: { width: 512 } });
    const [name, memory] = kept.clients[0];
    expect(name).toBe('a.safetensors');
    expect(memory.norms.count).toBe(5);
    const { stdout } = await run(...(await eightClients(6)), '--history', 'past.json', '--json');
    const { detectors } = JSON.parse(stdout);
    expect(detectors).toContain('history');
  });

  test('adds the scores of the article where it has the model', async () => {
    const base = Array.from({ length: COLS }, (_, j) => 10 * Math.cos(j));
    await model(at('base.safetensors'), { w: floats([COLS], ...base) });
    const files = await eightClients(1, base);
    const words = [...files, '--base', 'base.safetensors', '--preset', 'article'];
    const { code, stdout } = await run(...words, '--json');
    expect(code).toBe(0);
    const { clients } = JSON.parse(stdout);
    const { krum, cosine, magnitude, combinedAbs } = clients[0].article;
    expect(combinedAbs).toBeCloseTo(0.3 * krum + 0.3 * cosine + 0.2 * magnitude, 12);
    expect((await run(...words)).stdout).toMatch(/krum +cosine +magnitude +history +combined/);
  });

  test.each<[string, string[], string]>([
    ['no file', [], "missing required argument 'files'"],
    ['a file that is not there', ['nowhere.safetensors'], 'nowhere.safetensors: no such file'],
    ['an unknown preset', ['x', '--preset', 'mine'], 'It must be calibrated or article'],
    ['an article without a model', ['x', '--preset', 'article'], '--preset article needs --base'],
  ])('exits with 2 and says why for %s', async (_, words, message) => {
    const { code, stdout, stderr } = await run(...words);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('exits with 2 for a history that is none, and leaves it as it is', async () => {
    const files = await eightClients();
    await writeFile(at('past.json'), '{"format":"aggregis/memories/v0"}');
    const { code, stderr } = await run(...files, '--history', 'past.json');
    expect(stderr).toContain('past.json: holds no memories: format must be');
    expect(code).toBe(2);
    expect(await readFile(at('past.json'), 'utf8')).toBe('{"format":"aggregis/memories/v0"}');
    expect((await run(...files, '--history', files[0]!)).stderr).toContain('a file of its own');
  });

  test('exits with 1 where f is more than the clients admit', async () => {
    const { code, stderr } = await run(...(await eightClients()), '--f', '3');
    expect(stderr).toContain('inspect needs n ≥ 2f + 3 = 9 clients for f = 3, got 8');
    expect(code).toBe(1);
  });
});
