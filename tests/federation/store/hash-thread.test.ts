/** Hashes by another thread: the same as by this one, whatever becomes of the thread. */

import { afterEach, describe, expect, test } from 'vitest';
import type { SpawnedWorker, WorkerEvents, WorkerSpawner } from '../../../src/core/spawn.ts';
import { nodeSpawner } from '../../../src/core/spawn-node.ts';
import { ChunkMemory } from '../../../src/federation/store/chunk-memory.ts';
import { HashThread } from '../../../src/federation/store/hash-thread.ts';
import { sha256 } from '../../../src/federation/store/sha256.ts';

const PREFIX = Uint8Array.of(0);
const MIB = 2 ** 20;

const open: HashThread[] = [];
afterEach(() => Promise.all(open.splice(0).map((thread) => thread.close())));

/** A thread, chunks in its memory, and what they hash to. */
function scene(spawner: WorkerSpawner): {
  readonly thread: HashThread;
  readonly chunks: readonly Uint8Array[];
  readonly wanted: readonly Uint8Array[];
} {
  const memory = new ChunkMemory();
  const thread = new HashThread(memory, spawner);
  open.push(thread);
  const chunks = Array.from({ length: 4 }, (_, i) =>
    memory
      .take()!
      .bytes.subarray(i, MIB + i)
      .fill(i + 1),
  );
  return { thread, chunks, wanted: chunks.map((chunk) => sha256(PREFIX, chunk)) };
}

/** Counts what is posted, and lets a test play the thread's part. */
function stage(): WorkerSpawner & {
  posts: number;
  held: boolean[];
  ended: boolean;
  events: WorkerEvents;
} {
  return {
    posts: 0,
    held: [],
    ended: false,
    events: undefined as never,
    parallelism: () => 2,
    spawn(_, events): SpawnedWorker {
      this.events = events;
      return {
        post: () => void this.posts++,
        hold: (busy) => void this.held.push(busy),
        end: async () => {
          this.ended = true;
        },
      };
    },
  };
}

test('chunks are hashed behind their prefix, many at a time, by a real thread', async () => {
  const { thread, chunks, wanted } = scene(nodeSpawner);
  expect(await Promise.all(chunks.map((chunk) => thread.hash(PREFIX, chunk)))).toEqual(wanted);
  // Once more: it is still there.
  expect(await thread.hash(PREFIX, chunks[2]!)).toEqual(wanted[2]);
});

test('what is short, or not in its memory, is hashed here', async () => {
  const spawner = stage();
  const { thread, chunks } = scene(spawner);
  for (const bytes of [chunks[0]!.subarray(0, 1000), new Uint8Array(MIB).fill(9)]) {
    expect(await thread.hash(PREFIX, bytes)).toEqual(sha256(PREFIX, bytes));
  }
  expect(spawner.posts).toBe(0);
});

test('the process is held while there is something to answer, and no longer', async () => {
  const spawner = stage();
  const { thread, chunks, wanted } = scene(spawner);
  const hashes = [0, 1].map((i) => thread.hash(PREFIX, chunks[i]!));
  spawner.events.onMessage([2, wanted[1]]);
  expect(spawner.held).toEqual([true, true]);
  spawner.events.onMessage([1, wanted[0]]);
  expect(spawner.held).toEqual([true, true, false]);
  expect(await Promise.all(hashes)).toEqual(wanted.slice(0, 2));
});

describe('a thread that', () => {
  test('ends on its way leaves its work to this one, now and later', async () => {
    const spawner = stage();
    const { thread, chunks, wanted } = scene(spawner);
    const hash = thread.hash(PREFIX, chunks[0]!);
    const posts = spawner.posts;
    spawner.events.onFailure(new Error('out of memory'));
    expect(await hash).toEqual(wanted[0]);
    expect(await thread.hash(PREFIX, chunks[1]!)).toEqual(wanted[1]);
    expect([spawner.posts, spawner.ended]).toEqual([posts, true]);
  });

  test('cannot be started is done without', async () => {
    const spawner: WorkerSpawner = {
      parallelism: () => 1,
      spawn: () => {
        throw new Error('no more threads');
      },
    };
    const { thread, chunks, wanted } = scene(spawner);
    expect(await thread.hash(PREFIX, chunks[0]!)).toEqual(wanted[0]);
  });

  test('is closed with work before it leaves none unanswered', async () => {
    const { thread, chunks, wanted } = scene(nodeSpawner);
    const hashes = chunks.map((chunk) => thread.hash(PREFIX, chunk));
    await thread.close();
    expect(await Promise.all(hashes)).toEqual(wanted);
  });
});
