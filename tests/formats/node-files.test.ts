import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSource, writeFileAtomic } from '../../src/formats/node-files.ts';
import { expectRefusal } from './support.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('fileSource', () => {
  it('reads ranges of a file, also at once and into memory of the caller', async () => {
    const path = join(folder, 'data');
    await writeFile(
      path,
      Uint8Array.from({ length: 1000 }, (_, i) => i % 251),
    );
    await using source = await fileSource(path);
    expect([source.name, source.size]).toEqual([path, 1000]);
    const into = new Uint8Array(3);
    const [a, b] = await Promise.all([
      source.read(998, 1000),
      source.read(0, 2),
      source.readInto(250, into),
    ]);
    expect([...a, ...b, ...into]).toEqual([245, 246, 0, 1, 250, 0, 1]);
    await expect(source.read(999, 1001)).rejects.toThrow(RangeError);
  });

  it('refuses a folder, and fails as the system does where nothing is', async () => {
    await expectRefusal(fileSource(folder), 'unsupported', 'not a regular file');
    await expect(fileSource(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.skipIf(process.platform === 'win32')(
    'refuses a pipe at once, where opening it would wait for a writer',
    async () => {
      const path = join(folder, 'pipe');
      execFileSync('mkfifo', [path]);
      await expectRefusal(fileSource(path), 'unsupported', 'not a regular file');
    },
  );

  it('tells of a file that shrank after it was opened', async () => {
    const path = join(folder, 'data');
    await writeFile(path, new Uint8Array(100));
    await using source = await fileSource(path);
    await truncate(path, 40);
    await expectRefusal(source.read(0, 100), 'malformed', 'ended at byte 40');
  });

  it('is closed for good', async () => {
    const path = join(folder, 'data');
    await writeFile(path, new Uint8Array(8));
    const source = await fileSource(path);
    await source.close();
    await expect(source.read(0, 8)).rejects.toThrow();
  });
});

describe('writeFileAtomic', () => {
  it('writes what is appended, in order, even where nobody waited', async () => {
    const path = join(folder, 'out');
    await writeFileAtomic(path, async (append) => {
      const pieces = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3), Uint8Array.of(4)];
      void Promise.all(pieces.map((piece) => append(piece)));
    });
    expect([...(await readFile(path))]).toEqual([1, 2, 3, 4]);
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('begins anew where a restart is asked for, even while appends are under way', async () => {
    const path = join(folder, 'out');
    await writeFileAtomic(path, async (append, restart) => {
      void append(Uint8Array.of(1, 2, 3, 4, 5));
      void restart();
      await append(Uint8Array.of(6, 7));
    });
    expect([...(await readFile(path))]).toEqual([6, 7]);
  });

  it('replaces a file only once the new one is whole', async () => {
    const path = join(folder, 'out');
    await writeFile(path, 'old');
    await writeFileAtomic(path, async (append) => {
      await append(new TextEncoder().encode('new'));
      expect(await readFile(path, 'utf8')).toBe('old');
    });
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  it('leaves the target untouched and nothing else behind on failure', async () => {
    const path = join(folder, 'out');
    await writeFile(path, 'old');
    const failure = new Error('halfway');
    const attempt = writeFileAtomic(path, async (append) => {
      await append(Uint8Array.of(1));
      throw failure;
    });
    await expect(attempt).rejects.toBe(failure);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('refuses a folder before any work', async () => {
    const path = join(folder, 'sub');
    await mkdir(path);
    let worked = false;
    const attempt = writeFileAtomic(path, async () => {
      worked = true;
    });
    await expectRefusal(attempt, 'unsupported', `${path}: is a folder`);
    expect(worked).toBe(false);
    expect(await readdir(folder)).toEqual(['sub']);
  });

  it('names the file that was asked for where the system fails, not the temporary one', async () => {
    const path = join(folder, 'no', 'out');
    await expect(writeFileAtomic(path, async () => {})).rejects.toMatchObject({
      code: 'ENOENT',
      path,
      message: `ENOENT: no such file or directory, open '${path}'`,
    });
  });

  it('leaves nothing behind where it cannot rename', async () => {
    const path = join(folder, 'sub');
    const attempt = writeFileAtomic(path, () => mkdir(path));
    await expect(attempt).rejects.toMatchObject({ syscall: 'rename', path });
    expect(await readdir(folder)).toEqual(['sub']);
  });
});
