import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FileSet, useVerified } from '../../../src/backend/webgpu/verified-files.ts';

const content = Buffer.from('a library');
const set: FileSet = {
  name: 'example',
  hashes: new Map([['lib', createHash('sha256').update(content).digest('hex')]]),
  unpack: async () => new Map([['lib', content]]),
};

describe.skipIf(process.platform === 'win32')('files that will be loaded as code', () => {
  let cache = '';
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'aggregis-test-'));
    vi.stubEnv('XDG_CACHE_HOME', cache);
    vi.stubEnv('HOME', join(cache, 'home'));
    await mkdir(join(cache, 'aggregis'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true });
  });

  test("go into the user's cache", async () => {
    expect(await useVerified(set, (folder) => folder)).toMatch(join(cache, 'aggregis', 'example-'));
  });

  test('do not go where another user could put another folder in their place', async () => {
    await chmod(join(cache, 'aggregis'), 0o777);
    const folder = await useVerified(set, (used) => used);
    expect(folder).toMatch(join(cache, 'home', '.cache', 'aggregis', 'example-'));
  });
});
