import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { aggregis } from '../support/cli.ts';

describe('aggregis', () => {
  test('tells its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(await aggregis(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([[['--help']], [['help']]])(
    '%s lists the commands and the exit codes',
    async (words) => {
      const { code, stdout } = await aggregis(words);
      expect(code).toBe(0);
      for (const command of ['aggregate', 'simulate', 'conformance', 'bench', 'doctor']) {
        expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
      }
      expect(stdout).toContain('Exit codes:');
    },
  );

  test.each([[['aggregate', '--help']], [['help', 'aggregate']]])(
    '%s explains the command, its rules and its exit codes',
    async (words) => {
      const { code, stdout } = await aggregis(words);
      expect(code).toBe(0);
      expect(stdout).toContain('Usage: aggregis aggregate [options] <files...>');
      expect(stdout).toContain('multi-krum');
      expect(stdout.match(/Exit codes:/g)).toHaveLength(1);
    },
  );

  test.each([[['agregate']], [['--nope']]])('%s: exit 2 and one clear line', async (words) => {
    const { code, stdout, stderr } = await aggregis(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^aggregis: unknown (command|option)/);
  });

  test('no command at all shows the help and fails', async () => {
    const { code, stderr } = await aggregis([]);
    expect(code).toBe(2);
    expect(stderr).toContain('Usage: aggregis');
  });
});

describe('aggregis doctor', () => {
  test('finds every backend right or says why not, with no path in it', async () => {
    const { code, stdout } = await aggregis(['doctor', '--json']);
    expect(code).toBe(0);
    const { backends, auto, node } = JSON.parse(stdout);
    expect(node).toBe(process.version);
    expect(backends.map(({ name }: { name: string }) => name)).toEqual([
      'webgpu',
      'wasm',
      'reference',
    ]);
    expect(backends[1]).toMatchObject({ available: true, adapter: expect.stringMatching(/SIMD/) });
    expect(backends[2]).toMatchObject({ available: true, worstError: 0 });
    expect(['webgpu', 'wasm']).toContain(auto);
    for (const { available, problem } of backends) {
      expect(available ? problem : typeof problem).toBe(available ? undefined : 'string');
    }
    expect(stdout).not.toContain(process.cwd());
    expect(stdout).not.toContain(process.env.HOME ?? 'no home');
  });
});
