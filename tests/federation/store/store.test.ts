/** A run's folder: what is in it, who may open it, and what is said when it is not as it was written. */

import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LoggedEvent, NewEvent } from '../../../src/federation/store/chain.ts';
import { openDatabase } from '../../../src/federation/store/database.ts';
import type { Step } from '../../../src/federation/store/faults.ts';
import { openStore, type Store } from '../../../src/federation/store/store.ts';
import { openLedger } from '../../../src/privacy/ledger/ledger.ts';
import { zcdpFilter } from '../../../src/privacy/ledger/zcdp-filter.ts';
import { compiled } from '../../support/program.ts';
import { CONFIG } from '../../support/store-run.ts';

let folder = '';
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'aggregis-store-')), 'run');
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

const create = (onStep: (step: Step) => void = () => {}): Promise<Store> =>
  openStore(folder, { mode: 'create', config: CONFIG, now: 1, run: 'r-1', onStep });
const resume = (onStep: (step: Step) => void = () => {}): Promise<Store> =>
  openStore(folder, { mode: 'resume', onStep });

const opened = (round: number): NewEvent => ({ type: 'round.opened', body: { round } });

async function all(store: Store): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for await (const event of store.events()) events.push(event);
  return events;
}

/** A run of five events, closed. */
async function madeRun(): Promise<void> {
  await using store = await create();
  for (let round = 1; round <= 4; round++) await store.append([opened(round)], round);
}

async function edit(sql: string): Promise<void> {
  const database = await openDatabase(join(folder, 'aggregis.db'));
  await database.exec(sql);
  database.close();
}

describe('a run', () => {
  test('begins with its configuration, and goes on with it', async () => {
    await madeRun();
    await using store = await resume();
    expect([store.run, store.config]).toEqual(['r-1', CONFIG]);
    const events = await all(store);
    expect(events.map(({ seq, time, type }) => [seq, time, type])).toEqual([
      [1, 1, 'run.created'],
      ...[1, 2, 3, 4].map((round) => [round + 1, round, 'round.opened']),
    ]);
    expect(store.head.seq).toBe(5);
    expect((await stat(join(folder, 'run.json'))).isFile()).toBe(true);
  });

  test('is not begun twice, nor gone on with where there is none', async () => {
    await expect(resume()).rejects.toMatchObject({ name: 'StoreError', code: 'missing' });
    await madeRun();
    await expect(create()).rejects.toMatchObject({ code: 'exists' });
    const other = { mode: 'create', config: CONFIG, now: 1, run: 'r-2' } as const;
    await expect(openStore(folder, other)).rejects.toMatchObject({ code: 'exists' });
  });

  test('that was created and never opened gives way to another, with nothing left of it', async () => {
    {
      await using store = await create();
      await store.blobs.putBytes(new Uint8Array([1, 2, 3]));
      const other = { mode: 'create', config: { name: 'b' }, now: 2, run: 'r-2' } as const;
      await expect(openStore(folder, other)).rejects.toMatchObject({ code: 'locked' });
    }
    {
      const other = { mode: 'create', config: { name: 'b' }, now: 2, run: 'r-2' } as const;
      await using store = await openStore(folder, other);
      expect([store.run, store.config, store.head.seq]).toEqual(['r-2', { name: 'b' }, 1]);
      expect(store.recovery.swept).toBe(1);
      await store.append([{ type: 'run.opened', body: {} }], 3);
    }
    await expect(create()).rejects.toMatchObject({ code: 'exists' });
    await using store = await resume();
    expect((await all(store)).map(({ type }) => type)).toEqual(['run.created', 'run.opened']);
  });

  test('whose process dies as it gives way gives way to the next', async () => {
    await (await create()).close();
    const dies = (step: Step): void => {
      if (step === 'run.config-written') throw new Error('died');
    };
    await expect(create(dies)).rejects.toThrow('died');
    await using store = await create();
    expect(store.head.seq).toBe(1);
  });

  test('whose log lost all but its beginning does not give way', async () => {
    await madeRun();
    await edit('DELETE FROM events WHERE seq > 1');
    await expect(create()).rejects.toMatchObject({ code: 'exists' });
    await expect(resume()).rejects.toThrow(/its end is lost/);
  });

  test('is not opened with options that there are not', async () => {
    const open = (options: object): Promise<Store> => openStore(folder, options as never);
    await expect(open({ mode: 'append' })).rejects.toThrow(
      /mode must be create or resume, got "append"/,
    );
    await expect(open({ mode: 'resume', now: 1 })).rejects.toThrow(/no option "now"/);
    await expect(open({ mode: 'create', config: {}, now: -1 })).rejects.toThrow(
      /now must be at least 0/,
    );
    await expect(open({ mode: 'create', config: {}, now: 1, run: '../x' })).rejects.toThrow(
      /run must be/,
    );
  });

  test('is open in one place at a time', async () => {
    await using store = await create();
    await expect(resume()).rejects.toMatchObject({ code: 'locked' });
    await store.close();
    await using again = await resume();
    expect(again.head.seq).toBe(1);
  });

  test('is let go by a process that is killed', { timeout: 30_000 }, async () => {
    const program = await compiled(join(import.meta.dirname, '../../support/store-holder.ts'));
    const args = [program, folder];
    const holder = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => holder.once('close', resolve));
    for await (const line of createInterface({ input: holder.stdout })) {
      if (line === 'open') break;
    }
    await expect(resume()).rejects.toMatchObject({ code: 'locked' });
    holder.kill('SIGKILL');
    await ended;
    await using store = await resume();
    expect(store.head.seq).toBe(1);
  });
});

describe('events', () => {
  test('that are appended at the same time share a transaction, in the order of calls', async () => {
    let begun = 0;
    await using store = await create((step) => {
      begun += step === 'log.begun' ? 1 : 0;
    });
    begun = 0;
    const rounds = Array.from({ length: 100 }, (_, i) => i);
    const appended = await Promise.all(rounds.map((round) => store.append([opened(round)], 1)));
    expect(appended.map(([event]) => [event!.seq, event!.body.round])).toEqual(
      rounds.map((i) => [i + 2, i]),
    );
    expect(begun).toBe(1);
    expect(store.head.seq).toBe(101);
  });

  test('that are none are refused, and those beside them are not', async () => {
    await using store = await create();
    const bad = [
      { type: 'opened', body: {} },
      { type: 'a.b', body: [] },
      { type: 'a.b', body: { x: Number.NaN } },
    ];
    const appended = await Promise.allSettled([
      ...bad.map((event) => store.append([opened(1), event as never], 1)),
      store.append([opened(2)], 1),
      store.append([opened(3)], -1),
    ]);
    expect(appended.map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect((await all(store)).map(({ body }) => body.round)).toEqual([undefined, 2]);
  });

  test('are all there after many', async () => {
    {
      await using store = await create();
      const many = Array.from({ length: 3000 }, (_, round) => opened(round));
      await store.append(many, 1);
    }
    await using store = await resume();
    expect(store.head.seq).toBe(3001);
    expect((await all(store)).length).toBe(3001);
    const last: number[] = [];
    for await (const { seq } of store.events({ after: 2999 })) last.push(seq);
    expect(last).toEqual([3000, 3001]);
  });

  test('are taken no more once the store is closed; those before are written', async () => {
    const store = await create();
    const before = store.append([opened(1)], 1);
    const closed = store.close();
    await expect(store.append([opened(2)], 1)).rejects.toMatchObject({ code: 'closed' });
    expect(await before).toHaveLength(1);
    await closed;
  });

  test('make tables: clients and rounds', async () => {
    const client = 'c-1';
    await using store = await create();
    await store.append(
      [
        { type: 'client.registered', body: { client, key: 'aa', enrolment: 'open' } },
        { type: 'client.key-rotated', body: { client, previous: 'aa', key: 'bb' } },
        opened(1),
        { type: 'update.committed', body: { round: 1, client } },
        { type: 'update.committed', body: { round: 1, client: 'c-2' } },
        { type: 'round.closed', body: { round: 1 } },
      ],
      7,
    );
    expect([...(await store.clients()).values()]).toEqual([
      { client, key: 'bb', formerKeys: ['aa'], enrolment: 'open', registeredAt: 7 },
    ]);
    expect([...(await store.rounds()).values()]).toEqual([
      { round: 1, phase: 'closed', openedAt: 7, changedAt: 7, updates: 2 },
    ]);
  });
});

describe('what was written and then changed is found, and said where', () => {
  test('a byte in an event', async () => {
    await madeRun();
    await edit(`UPDATE events SET body = '{"round":9}' WHERE seq = 3`);
    await expect(resume()).rejects.toThrow(/event 3 is not what was written/);
    await expect(resume()).rejects.toMatchObject({ code: 'damaged' });
  });

  test.each([
    ['time', 'time = 99'],
    ['type', "type = 'round.closed'"],
    ['hash', 'hash = zeroblob(32)'],
    ['a hash of another length', 'hash = zeroblob(5)'],
    ['a time that is none', 'time = -1'],
  ])('its %s', async (_, change) => {
    await madeRun();
    await edit(`UPDATE events SET ${change} WHERE seq = 4`);
    await expect(resume()).rejects.toThrow(/event 4 is not what was written/);
  });

  test('a whole event with a right hash of its own', async () => {
    await madeRun();
    await edit('UPDATE events SET prev = zeroblob(32) WHERE seq = 4');
    await expect(resume()).rejects.toThrow(/event 4 does not follow event 3/);
  });

  test('an event that is gone', async () => {
    await madeRun();
    await edit('DELETE FROM events WHERE seq = 3');
    await expect(resume()).rejects.toThrow(/event 3 is missing/);
  });

  test('an end that is gone', async () => {
    await madeRun();
    await edit('DELETE FROM events WHERE seq > 3');
    await expect(resume()).rejects.toThrow(/ends with event 3, but event 5 was confirmed/);
  });

  test('an older state that was put back and gone on with', async () => {
    await using store = await create();
    await store.close();
    const path = join(folder, 'aggregis.db');
    await copyFile(path, `${path}.old`);
    await using first = await resume();
    await first.append([opened(1)], 1);
    await first.close();
    const head = await readFile(join(folder, 'head'));
    await copyFile(`${path}.old`, path);
    await rm(join(folder, 'head'));
    await using second = await resume();
    await second.append([opened(2)], 1);
    await second.close();
    await writeFile(join(folder, 'head'), head);
    await expect(resume()).rejects.toThrow(
      /event 2 was confirmed as [0-9a-f]{64}, which is another/,
    );
  });

  test('the configuration', async () => {
    await madeRun();
    await writeFile(join(folder, 'run.json'), '{"rule":"median","rounds":2}');
    await expect(resume()).rejects.toThrow(/run.json: is not what the run was begun with/);
  });

  test('pages of the database', async () => {
    await madeRun();
    const file = await open(join(folder, 'aggregis.db'), 'r+');
    const { size } = await file.stat();
    await file.write(new Uint8Array(size - 4096).fill(0x5a), 0, size - 4096, 4096);
    await file.close();
    await expect(resume()).rejects.toMatchObject({ code: 'damaged' });
  });

  test('a table that does not follow from the log is made anew', async () => {
    await madeRun();
    await edit(`UPDATE rounds SET state = '{}' WHERE key = 2`);
    await edit('DELETE FROM rounds WHERE key = 3');
    await using store = await resume();
    expect([...(await store.rounds()).values()].map(({ round }) => round)).toEqual([1, 2, 3, 4]);
  });

  test('a blob', async () => {
    await using store = await create();
    const blob = await store.blobs.putBytes(Uint8Array.of(1, 2, 3));
    await store.blobs.verify(blob.name);
    await writeFile(join(folder, 'blobs', blob.name), Uint8Array.of(1, 2, 4));
    await expect(store.blobs.verify(blob.name)).rejects.toMatchObject({ code: 'damaged' });
    await rm(join(folder, 'blobs', blob.name));
    await expect(store.blobs.open(blob.name)).rejects.toThrow(/is not there/);
    await expect(store.blobs.open('../run.json')).rejects.toThrow(TypeError);
  });

  test('the end of a write-ahead log that a killed process left', { timeout: 30_000 }, async () => {
    const program = await compiled(join(import.meta.dirname, '../../support/store-holder.ts'));
    const args = [program, folder, '5'];
    const holder = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => holder.once('close', resolve));
    for await (const line of createInterface({ input: holder.stdout })) {
      if (line === 'open') holder.kill('SIGKILL');
    }
    await ended;
    const wal = join(folder, 'aggregis.db-wal');
    await truncate(wal, (await stat(wal)).size - 100);
    await expect(resume()).rejects.toThrow(
      /ends with event 5, but event 6 was confirmed: its end is lost/,
    );
  });
});

describe('a disk without room', () => {
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };

  test('adds nothing to the log, which goes on once there is room', async () => {
    let isFull = false;
    await using store = await create((step) =>
      isFull && step === 'log.inserted' ? full() : undefined,
    );
    isFull = true;
    const both = await Promise.allSettled([
      store.append([opened(1)], 1),
      store.append([opened(2)], 1),
    ]);
    expect(both).toMatchObject([1, 2].map(() => ({ reason: { code: 'disk-full' } })));
    expect(store.head.seq).toBe(1);
    isFull = false;
    await store.append([opened(3)], 1);
    expect((await all(store)).map(({ body }) => body.round)).toEqual([undefined, 3]);
  });

  test('keeps no part of a blob', async () => {
    let isFull = false;
    await using store = await create((step) =>
      isFull && step === 'blob.written' ? full() : undefined,
    );
    isFull = true;
    await expect(store.blobs.putBytes(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'disk-full',
    });
    expect(await store.blobs.names()).toEqual([]);
    isFull = false;
    await store.close();
    await using again = await resume();
    expect(again.recovery.swept).toBe(0);
  });

  test('that fails otherwise ends the store: what it holds is seen when it is opened', async () => {
    let isBroken = false;
    const store = await create((step) => {
      if (isBroken && step === 'log.committed') throw new Error('EIO');
    });
    isBroken = true;
    const both = [store.append([opened(1)], 1), store.append([opened(2)], 1)];
    await Promise.all(both.map((one) => expect(one).rejects.toMatchObject({ code: 'failed' })));
    isBroken = false;
    await expect(store.append([opened(3)], 1)).rejects.toMatchObject({ code: 'failed' });
    await store.close();
    await using again = await resume();
    expect((await all(again)).map(({ body }) => body.round)).toEqual([undefined, 1, 2]);
  });
});

describe('a privacy ledger in the log', () => {
  const ledgerOf = (store: Store) => {
    const filter = zcdpFilter({ epsilon: 3, delta: 1e-6 });
    const storage = store.ledger(() => 5);
    return openLedger({ storage, filter, unit: 'client', relation: 'zero-out' });
  };
  const event = {
    mechanism: { kind: 'gaussian', noiseMultiplier: 4 },
    sampling: { kind: 'none' },
    relation: 'zero-out',
  } as const;

  test('keeps its charges when the run goes on', async () => {
    let spent = 0;
    {
      await using store = await create();
      const ledger = await ledgerOf(store);
      await ledger.reserve(event);
      spent = ledger.epsilon();
    }
    await using store = await resume();
    const ledger = await ledgerOf(store);
    expect(spent).toBeGreaterThan(0);
    expect(ledger.epsilon()).toBe(spent);
    expect(ledger.abandoned).toEqual([1]);
    await ledger.reserve(event);
    expect(ledger.epsilon()).toBeGreaterThan(spent);
    expect((await all(store)).map(({ type }) => type)).toEqual([
      'run.created',
      ...Array(3).fill('ledger.line'),
    ]);
  });
});
