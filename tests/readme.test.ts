import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../src/federation/config.ts';
import { servedProblems } from '../src/federation/served-config.ts';
import { temporaryFolder } from './support/model-files.ts';
import { compiled } from './support/program.ts';

const ROOT = join(import.meta.dirname, '..');
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'docs/clients.md',
  'docs/ADDING-A-RULE.md',
  'docs/operations.md',
  'docs/privacy.md',
  'docs/secure-aggregation.md',
];
/** The files behind the package's entries. */
const ENTRIES = { aggregis: 'src/index.ts', 'aggregis/secure': 'src/secure-node.ts' };
const run = promisify(execFile);

/** The code blocks of a page in one language. */
function blocks(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const found = text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
  return [...found].filter(([, name]) => name === language).map(([, , code]) => code!);
}

/** Runs a block of TypeScript as a user's file; what is printed comes back. */
async function execute(code: string): Promise<string> {
  const folder = await temporaryFolder();
  const file = join(folder, 'block.mts');
  const asFiles = Object.entries(ENTRIES).reduce(
    (text, [entry, face]) => text.replaceAll(`from '${entry}'`, `from '${join(ROOT, face)}'`),
    code,
  );
  await writeFile(file, asFiles);
  const { stdout } = await run(process.execPath, [await compiled(file)]);
  return stdout;
}

/** Types commands as a user of the package, in a folder of their own. */
async function typed(commands: string): Promise<{ stdout: string; folder: string }> {
  const folder = await temporaryFolder();
  // A user types these in the project, so its packages are at hand.
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const main = [process.execPath, await compiled(join(ROOT, 'src/cli/main.ts'))];
  const words = main.map((word) => `'${word}'`).join(' ');
  const script = commands.replaceAll('npx --no-install aggregis', words);
  expect(script).not.toContain('npx');
  const { stdout } = await run('bash', ['-euc', script], { cwd: folder });
  return { stdout, folder };
}

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('README.md', () => {
  test('shows ten lines that run, and the attackers do not move them', async () => {
    const [tenLines, ...others] = blocks('README.md', 'ts');
    expect(others).toEqual([]);
    expect(
      tenLines!
        .trim()
        .split('\n')
        .filter((line) => line !== '').length,
    ).toBeLessThanOrEqual(10);
    const printed = await execute(tenLines!);
    // The mean of honest first entries is 1.035; each of the others agrees in its entry.
    expect(printed).toMatch(/^\[ 1\.0[1-6]\d*, -2, 3 \] on (webgpu|wasm)$/m);
    expect(printed).toMatch(/^9 excluded non-finite: 1 of 3 entries$/m);
  });

  test('shows commands that work, one after the other', async () => {
    const sessions = blocks('README.md', 'sh').filter((code) => code.includes('--no-install'));
    expect(sessions).toHaveLength(2);
    const { stdout, folder } = await typed(sessions[0]!);
    expect(existsSync(join(folder, 'global.safetensors'))).toBe(true);
    expect(stdout).toContain('nnm+trimmed-mean over 8 of 8 updates');
    // Three processes, one of which trains and compiles shaders.
  }, 180_000);

  test('shows a federation that works, from its first round to its check', async () => {
    const [, federation] = blocks('README.md', 'sh').filter((code) =>
      code.includes('--no-install'),
    );
    const port = String(await freePort());
    const { stdout } = await typed(
      federation!.replace('serve', `serve --port ${port} --linger 1`).replaceAll('8790', port),
    );
    expect(stdout).toMatch(/round 2: model [0-9a-f]{12}, reads \d/);
    expect(stdout).toMatch(/^ok +models +2 aggregates by mean; 2 models by fed-avg, bit for bit$/m);
  }, 120_000);

  test('names scripts of package.json where it says npm', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const commands = blocks('README.md', 'sh').join('');
    expect(commands.match(/^npm ci && npm (start|test)$/gm)).toEqual([
      'npm ci && npm start',
      'npm ci && npm test',
    ]);
    expect(scripts).toMatchObject({ start: expect.any(String), test: expect.any(String) });
    for (const [, file] of commands.matchAll(/npx tsx (\S+)/g)) {
      expect(existsSync(join(ROOT, file!)), file).toBe(true);
    }
  });

  test('has the table of rules that the list of rules gives', async () => {
    const script = join(ROOT, 'scripts/rule-table.ts');
    await run(process.execPath, ['--import', import.meta.resolve('tsx'), script, '--check']);
  });
});

describe('secure-aggregation.md', () => {
  test('says of bundles what they weigh', async () => {
    const script = join(ROOT, 'scripts/bundle-sizes.ts');
    await run(process.execPath, ['--import', import.meta.resolve('tsx'), script, '--check']);
  });
});

describe('the figures of README.md', () => {
  test('are those of the report that lies in bench/results', async () => {
    const script = join(ROOT, 'scripts/bench-table.ts');
    await run(process.execPath, ['--import', import.meta.resolve('tsx'), script, '--check']);
  });
});

describe('operations.md', () => {
  test('shows a configuration that can be served', () => {
    const [text] = blocks('docs/operations.md', 'json');
    const keys = Array.from({ length: 12 }, (_, i) => `"${i.toString(16).padStart(64, '0')}"`);
    const given = text!.replace(/"<64 [^>]*>"/, keys.join(', '));
    const { config } = parseConfig(JSON.parse(given), servedProblems);
    expect(config).toMatchObject({ name: 'wards', rounds: 50 });
  });
});

describe('privacy.md', () => {
  test('shows commands that print what it says', async () => {
    const { stdout, folder } = await typed(blocks('docs/privacy.md', 'sh').join(''));
    const [printed] = blocks('docs/privacy.md', 'text');
    expect(stdout.startsWith(printed!)).toBe(true);
    expect(existsSync(join(folder, 'plan.svg'))).toBe(true);
  }, 60_000);
});

describe('secure-aggregation.md', () => {
  // What a page does is shown by the tests in a browser; that block is compiled with the package.
  test('shows a round and plans that print what it says', async () => {
    const [round, , plans] = blocks('docs/secure-aggregation.md', 'ts');
    const printed = blocks('docs/secure-aggregation.md', 'text');
    expect([await execute(round!), await execute(plans!)]).toEqual(printed);
  }, 60_000);
});

describe('ADDING-A-RULE.md', () => {
  test('shows a rule that works as it stands', async () => {
    const [rule] = blocks('docs/ADDING-A-RULE.md', 'ts');
    const code = rule!.replaceAll(/from '\.\//g, `from '${join(ROOT, 'src/rules')}/`);
    const absolute = code.replaceAll("from '../", `from '${join(ROOT, 'src')}/`);
    const call = `
import { aggregate } from 'aggregis';
const rows = [1, 2, 3, 4, 900].map((v) => Float32Array.of(v, -v));
const { value, rule } = await aggregate(rows, trimmedMidrangeEntry.make({ f: 1 }));
console.log(rule, [...value]);`;
    expect(await execute(absolute + call)).toBe('trimmed-midrange [ 3, -3 ]\n');
  });
});

test.each(PAGES)('%s links to files that exist', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const targets = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!);
  const missing = targets
    .filter((target) => !/^https?:/.test(target))
    .filter((target) => !existsSync(join(ROOT, page, '..', target)));
  expect(missing).toEqual([]);
});
