/**
 * The adapters for Flower and NVFlare, by their own tests in Python: against stubs of both interfaces, and
 * against the sources of either where an environment variable names the folder that has its package:
 *
 *     AGGREGIS_FLOWER=…/flower/framework/py AGGREGIS_NVFLARE=…/NVFlare npx vitest run tests/python
 *
 * Skipped by name where there is no Python, or none with NumPy.
 *
 * @module
 */

import { execFile, spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiled } from '../support/program.ts';

const ROOT = join(import.meta.dirname, '../..');
const STUBS = join(import.meta.dirname, 'stubs');

const why = ((): string | undefined => {
  const { error, status } = spawnSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' });
  if (error) return 'there is no python3';
  return status === 0 ? undefined : 'python3 has no NumPy';
})();

/** What the sources import on the way to the parts that are tested, and would need to run. */
const ABSENT = [
  'flwr.proto',
  ...['Crypto', 'aiohttp', 'alembic', 'click', 'docker', 'fastapi', 'filelock', 'google', 'grpc'],
  ...['grpc_health', 'iterators', 'msgpack', 'packaging', 'pathspec', 'psutil', 'pydantic'],
  ...['pyhocon', 'rich', 'semver', 'sqlalchemy', 'starlette', 'tomli', 'tomli_w', 'typer'],
  ...['uvicorn', 'yaml'],
];

/** Runs the tests, or those of a class; gives the exit code and the end of what was printed. */
async function python(
  first: string | undefined,
  suite: readonly string[],
): Promise<[unknown, string]> {
  const engine = [process.execPath, await compiled(join(ROOT, 'src/cli/main.ts'))];
  const env = {
    ...process.env,
    AGGREGIS: engine.map((word) => `'${word}'`).join(' '),
    AGGREGIS_TEST_ABSENT: first === undefined ? '' : ABSENT.join(','),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONPATH: [...(first === undefined ? [] : [first]), STUBS].join(delimiter),
  };
  const words = [join(ROOT, 'python/test_aggregis_adapters.py'), ...suite];
  return new Promise((resolve) => {
    execFile('python3', words, { env }, (error, _, stderr) =>
      resolve([error?.code ?? 0, stderr.slice(-2000)]),
    );
  });
}

const PASSED = [0, expect.stringMatching(/\nOK\n$/)];

describe.skipIf(why !== undefined)(`adapters in Python${why ? ` (${why})` : ''}`, () => {
  test('do what they should with stubs of Flower and NVFlare', async () => {
    expect(await python(undefined, [])).toEqual(PASSED);
  });

  const flower = process.env.AGGREGIS_FLOWER;
  test.skipIf(!flower)('do what they should with the source of Flower', async () => {
    expect(await python(flower, ['FlowersMessageApi', 'FlowersOlderApi'])).toEqual(PASSED);
  });

  const nvflare = process.env.AGGREGIS_NVFLARE;
  test.skipIf(!nvflare)('do what they should with the source of NVFlare', async () => {
    expect(await python(nvflare, ['NvflaresAggregator'])).toEqual(PASSED);
  });
});
