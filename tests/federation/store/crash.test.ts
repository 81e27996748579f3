/** A process that is killed at any step of the store: what was promised is there, and what was not is gone. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { STEPS, type Step } from '../../../src/federation/store/faults.ts';
import { openStore, type Store } from '../../../src/federation/store/store.ts';
import { compiled } from '../../support/program.ts';
import { advance, CHUNK, CONFIG, committed, UPDATES } from '../../support/store-run.ts';

let folder = '';
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'aggregis-store-')), 'run');
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

interface Ended {
  readonly promises: readonly string[];
  readonly signal: NodeJS.Signals | null;
}

/** Runs the child, which kills itself at a step; or kills it after some milliseconds. */
async function child(
  step: string,
  time: number,
  { after }: { after?: number } = {},
): Promise<Ended> {
  const program = await compiled(join(import.meta.dirname, '../../support/store-child.ts'));
  const args = [program, folder, step, String(time)];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  running.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString();
    if (after !== undefined) timer ??= setTimeout(() => running.kill('SIGKILL'), after);
  });
  await once(running, 'close');
  clearTimeout(timer);
  return { promises: text.split('\n').slice(0, -1), signal: running.signalCode };
}

/** Whether a promise is kept by what the log, the blobs and the uploads hold. */
async function requireKept(store: Store, promises: readonly string[]): Promise<void> {
  const done = await committed(store);
  const lines = await store.ledger(() => 1).read();
  for (const promise of promises) {
    const [kind, ...rest] = promise.split(' ') as [string, string, string, string];
    if (kind === 'update') {
      expect(done.get(Number(rest[0]))).toBe(rest[2]);
      await store.blobs.verify(rest[2], { chunkSize: CHUNK });
    } else if (kind === 'chunk' && !done.has(Number(rest[0]))) {
      const upload = store.uploads.get(`u-${rest[0]}`)!;
      expect(upload.isSealed || ((upload.arrived[0]! >> Number(rest[1])) & 1) === 1).toBe(true);
    } else if (kind === 'ledger') {
      expect(lines).toContain(`line of ${rest[0]}\n`);
    } else if (kind === 'blob') {
      await store.blobs.verify(rest[0]);
    }
  }
}

/** No blob that neither the log nor an upload knows, and no file that is half of something. */
async function requireSwept(store: Store): Promise<void> {
  const named = new Set((await committed(store)).values());
  for await (const { body } of store.events()) {
    if (typeof body.model === 'string') named.add(body.model);
  }
  for (const upload of store.uploads.all) {
    const sealed = upload.isSealed ? await upload.seal() : undefined;
    if (sealed?.ok) named.add(sealed.value.name);
  }
  expect(new Set(await readdir(join(folder, 'blobs')))).toEqual(named);
  const files = store.uploads.all.flatMap(({ id, isSealed }) =>
    isSealed ? [`${id}.map`] : [`${id}.map`, `${id}.data`],
  );
  expect((await readdir(join(folder, 'uploads'))).sort()).toEqual(files.sort());
}

/** Opens the run after a crash; one that had not begun begins. */
async function reopen(isBegun: boolean): Promise<Store> {
  const resumed = openStore(folder, { mode: 'resume' });
  if (isBegun) return resumed;
  return resumed.catch(() =>
    openStore(folder, { mode: 'create', config: CONFIG, now: 1, run: 'r-1' }),
  );
}

async function requireSound(promises: readonly string[]): Promise<void> {
  const store = await reopen(promises.includes('open'));
  try {
    await requireKept(store, promises);
    await requireSwept(store);
    await advance(store, () => {});
    expect([...(await committed(store)).keys()].sort()).toEqual([...Array(UPDATES).keys()]);
    const types: string[] = [];
    for await (const { type } of store.events()) types.push(type);
    expect(types.filter((type) => type === 'update.committed')).toHaveLength(UPDATES);
  } finally {
    await store.close();
  }
}

/**
 * Each step the first time; then later ones of the log, which is written for the run, for updates and for
 * the ledger, and of blobs, which come from uploads first.
 */
const POINTS: readonly (readonly [step: Step, time: number])[] = [
  ...STEPS.filter((step) => step !== 'sweep.removed').map((step) => [step, 1] as const),
  ['log.inserted', 2],
  ['log.committed', 2],
  ['log.committed', 4],
  ['chunk.marked', 5],
  ['upload.sealed', 3],
  ['blob.renamed', 3],
  ['blob.renamed', UPDATES + 1],
  ['blob.folder-synced', UPDATES + 1],
];

describe('a process that is killed', () => {
  test.each(POINTS)('at %s, time %i, loses nothing that it promised', async (step, time) => {
    const { promises, signal } = await child(step, time);
    expect(signal).toBe('SIGKILL');
    await requireSound(promises);
  });

  test('while it sweeps what the one before it left, loses nothing either', async () => {
    const first = await child('blob.synced', 1);
    const second = await child('sweep.removed', 1);
    expect([first.signal, second.signal]).toEqual(['SIGKILL', 'SIGKILL']);
    await requireSound([...first.promises, ...second.promises]);
  });

  test('at any time, again and again, loses nothing that any of them promised', async () => {
    const promises: string[] = [];
    for (let i = 0; i < 6; i++) {
      const ended = await child('none', 0, { after: Math.random() * 30 });
      promises.push(...ended.promises);
    }
    await requireSound(promises);
  });
}, 60_000);
