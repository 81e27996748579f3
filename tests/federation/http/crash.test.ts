/** A server that is killed at each step of its store, while clients go on: what was answered counts. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import type { Step } from '../../../src/federation/store/faults.ts';
import { openStore } from '../../../src/federation/store/store.ts';
import { modelFile, TestClient, temporaryFolder } from '../../support/federation-server.ts';
import { compiled } from '../../support/program.ts';

/** A server in a process of its own. */
class Child {
  readonly process: ChildProcess;
  readonly url: Promise<string | undefined>;
  readonly exit: Promise<unknown>;

  constructor(
    script: string,
    folder: string,
    { mode, step, passes }: { mode: string; step: string; passes: number },
  ) {
    const words = [script, folder, mode, step, String(passes)];
    this.process = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.exit = once(this.process, 'exit').then(([code, signal]) => code ?? signal);
    const line = once(createInterface({ input: this.process.stdout! }), 'line');
    this.url = Promise.race([line.then(([text]) => String(text)), this.exit.then(() => undefined)]);
  }
}

/** What a client was told. */
interface Acknowledged {
  readonly client: string;
  readonly round: number;
  readonly root: string;
  readonly event: number;
}

/** Both clients take part until the server dies or the run is over: whether it is over. */
async function play(clients: TestClient[], told: Acknowledged[]): Promise<boolean> {
  const updates = [await modelFile([1, 1, 1, 1, 1, 1, 1]), await modelFile([3, 3, 3, 3, 3, 3, 5])];
  const one = async (client: TestClient, file: Uint8Array): Promise<boolean> => {
    await client.enrol();
    await client.begin();
    for (;;) {
      const now = await client.due();
      if (now === undefined) return true;
      const { status, body } = await client.submit(file, now);
      if (status !== 200) continue;
      const { root, event } = body;
      told.push({ client: client.identity.id, round: now.round, root, event });
    }
  };
  const ends = clients.map((client, i) => one(client, updates[i]!).catch(() => false));
  return (await Promise.all(ends)).every(Boolean);
}

/** Between what a coordinator does; the steps within a write are the store's own tests. */
const KILLS: readonly Step[] = [
  'upload.data-made',
  'chunk.marked',
  'upload.sealed',
  'blob.renamed',
  'blob.folder-synced',
  'log.inserted',
  'log.committed',
  'log.confirmed',
  'upload.forgotten',
];
const ROUNDS = 8;

test('rounds over kills at every step give the model of an undisturbed run', async () => {
  const script = await compiled(join(import.meta.dirname, '../../support/serve-child.ts'));
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'run');
  const told: Acknowledged[] = [];
  let clients: TestClient[] | undefined;
  const random = createRandom(7);
  const plan = [...KILLS, 'none'].map((step) => ({
    step,
    passes: Math.floor(3 * random.uniform()),
  }));
  let killed = 0;
  let isOver = false;
  for (const { step, passes } of plan) {
    const child = new Child(script, path, { mode: clients ? 'resume' : 'create', step, passes });
    const url = await child.url;
    if (url !== undefined) {
      const living = clients?.map((client) => client.at(url)) ?? [
        await TestClient.create(url),
        await TestClient.create(url),
      ];
      clients = living;
      isOver = await play(living, told);
    }
    child.process.kill('SIGKILL');
    if (!isOver) killed++;
    await child.exit;
    if (isOver) break;
  }
  expect(isOver).toBe(true);
  expect(killed).toBe(KILLS.length);
  await using store = await openStore(path, { mode: 'resume' });
  const logged = new Map<number, Record<string, unknown>>();
  const published: string[] = [];
  for await (const { seq, type, body } of store.events()) {
    if (type === 'update.committed') logged.set(seq, body);
    if (type === 'round.published') published.push(String(body.model));
  }
  for (const { client, round, root, event } of told) {
    expect(logged.get(event)).toMatchObject({ client, round, blob: root });
  }
  expect(published).toHaveLength(ROUNDS);
  await using model = await store.blobs.open(published.at(-1)!);
  const bytes = await model.read(0, model.size);
  const expected = await modelFile(
    [1, 2, 3, 4, 5, 6, 7].map((x, i) => x + ROUNDS * (i === 6 ? 3 : 2)),
  );
  expect(Buffer.from(bytes).equals(expected)).toBe(true);
}, 120_000);
