/** Uploads: chunks in any order, as often as they come, across crashes; a blob in the end. */

import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunkRange, leafHash, merkleRootOf } from '../../../src/federation/merkle.ts';
import type { Refusal } from '../../../src/federation/refusals.ts';
import type { Step } from '../../../src/federation/store/faults.ts';
import { sha256 } from '../../../src/federation/store/sha256.ts';
import { openStore, type Store } from '../../../src/federation/store/store.ts';
import type { Upload } from '../../../src/federation/store/upload.ts';
import type { ByteSource } from '../../../src/formats/byte-source.ts';
import { hex } from '../../../src/secagg/suite.ts';
import { CHUNK, CONFIG, chunkOf, planOf, updateBytes } from '../../support/store-run.ts';

const MIB = 2 ** 20;
const bytes = updateBytes(0);
const plan = planOf(bytes);
const NAME = hex(plan.root);

let folder = '';
let store: Store;
let onStep: (step: Step) => void = () => {};
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'aggregis-uploads-')), 'run');
  onStep = () => {};
  store = await openStore(folder, {
    mode: 'create',
    config: CONFIG,
    now: 1,
    onStep: (s) => onStep(s),
  });
});
afterEach(async () => {
  await store.close();
  await rm(join(folder, '..'), { recursive: true });
});

async function reopen(): Promise<void> {
  await store.close();
  store = await openStore(folder, { mode: 'resume', onStep: (step) => onStep(step) });
}

async function begin(id = 'u', of = plan): Promise<Upload> {
  const answer = await store.uploads.begin(id, of);
  if (!answer.ok) throw new Error(answer.refusal.message);
  return answer.value;
}

const write = (upload: Upload, k: number, content = chunkOf(bytes, k)) =>
  upload.write(k, [content]);

async function whole(id = 'u'): Promise<Upload> {
  const upload = await begin(id);
  for (const k of [0, 1, 2]) expect(await write(upload, k)).toEqual({ ok: true });
  return upload;
}

/** A promise that is kept when it is opened. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

const OK = { ok: true };
const refusal = (code: string, status: number): object => ({
  ok: false,
  refusal: { code, status },
});

describe('an upload', () => {
  test('becomes the blob of its root, once', async () => {
    const upload = await whole();
    expect(await upload.seal()).toEqual({ ok: true, value: { name: NAME, size: bytes.length } });
    expect(await upload.seal()).toEqual({ ok: true, value: { name: NAME, size: bytes.length } });
    expect(new Uint8Array(await readFile(join(folder, 'blobs', NAME)))).toEqual(bytes);
    await using source = await store.blobs.open(NAME);
    expect(await source.read(CHUNK - 1, CHUNK + 1)).toEqual(bytes.subarray(CHUNK - 1, CHUNK + 1));
    await store.uploads.forget('u');
    expect(await readdir(join(folder, 'uploads'))).toEqual([]);
  });

  test('becomes no blob as long as what looks at it finds something', async () => {
    const upload = await begin();
    let looks = 0;
    const look = async (source: ByteSource): Promise<Refusal | undefined> => {
      looks++;
      expect(await source.read(0, source.size)).toEqual(bytes);
      return { code: 'wrong-tensors', status: 422, message: 'no' };
    };
    for (const k of [0, 1]) await write(upload, k);
    expect(await upload.seal(look)).toMatchObject(refusal('incomplete', 409));
    await write(upload, 2);
    expect(looks).toBe(0);
    expect(await upload.seal(look)).toMatchObject(refusal('wrong-tensors', 422));
    const failing = upload.seal(() => Promise.reject(new Error('cannot look')));
    await expect(failing).rejects.toThrow('cannot look');
    expect([upload.isSealed, await readdir(join(folder, 'blobs'))]).toEqual([false, []]);
    expect(await upload.seal(async () => undefined)).toMatchObject(OK);
    // What a crash left is looked at where it lies.
    await reopen();
    expect(await (await begin()).seal(look)).toMatchObject(refusal('wrong-tensors', 422));
    expect(looks).toBe(2);
  });

  test('goes on under its id, and is no other', async () => {
    const upload = await begin();
    expect(await begin()).toBe(upload);
    const others = [
      { length: plan.length + 1 },
      { chunkSize: CHUNK + 1 },
      { root: new Uint8Array(32) },
    ];
    for (const other of others) {
      expect(await store.uploads.begin('u', { ...plan, ...other })).toMatchObject(
        refusal('conflict', 409),
      );
    }
    for (const id of ['', '../u', 'U', 'a.map', 'x'.repeat(65)]) {
      expect(() => store.uploads.begin(id, plan)).toThrow(/id must be/);
    }
  });

  test('takes chunks from where they lie in its memory, and holds them against their leaves', async () => {
    const large = Uint8Array.from({ length: 2 * MIB + 5000 }, (_, i) => (i * 7 + (i >> 11)) % 253);
    const sizes = { length: large.length, chunkSize: MIB };
    const root = merkleRootOf(large, MIB, sha256);
    const upload = await begin('large', { ...sizes, root });
    const place = store.uploads.memory.take()!;
    for (const k of [0, 1, 2]) {
      const { from, to } = chunkRange(sizes, k);
      const chunk = place.bytes.subarray(0, to - from);
      chunk.set(large.subarray(from, to));
      const leaf = leafHash(chunk, sha256);
      chunk[0]! ^= 1;
      expect(await upload.write(k, [chunk], { leaf })).toMatchObject(refusal('wrong-digest', 422));
      chunk[0]! ^= 1;
      expect(await upload.write(k, [chunk], { leaf })).toEqual(OK);
      expect(await upload.write(k, [chunk], { leaf })).toEqual(OK);
    }
    place.bytes.fill(0);
    place.giveBack();
    expect(await upload.seal()).toEqual({
      ok: true,
      value: { name: hex(root), size: large.length },
    });
    expect((await readFile(join(folder, 'blobs', hex(root)))).equals(large)).toBe(true);
  });

  test('takes no chunk of another length, number or digest', async () => {
    const upload = await begin();
    const first = chunkOf(bytes, 0);
    expect(await write(upload, 0, first.subarray(1))).toMatchObject(refusal('wrong-length', 422));
    expect(await upload.write(0, [first, first])).toMatchObject(refusal('wrong-length', 422));
    expect(await upload.write(0, [])).toMatchObject(refusal('wrong-length', 422));
    await expect(write(upload, 3)).rejects.toThrow(/index must be in \[0, 2\]/);
    const digest = sha256(first);
    expect(await upload.write(0, [chunkOf(bytes, 1)], { digest })).toMatchObject(
      refusal('wrong-digest', 422),
    );
    expect(upload.missing).toBe(3);
    expect(await upload.write(0, [first], { digest })).toEqual(OK);
    expect([upload.missing, [...upload.arrived]]).toEqual([2, [1]]);
  });

  test('takes a chunk again, and no other in its place', async () => {
    const upload = await begin();
    expect(await write(upload, 1)).toEqual(OK);
    expect(await write(upload, 1)).toEqual(OK);
    const other = chunkOf(bytes, 1).slice();
    other[5]! ^= 1;
    expect(await write(upload, 1, other)).toMatchObject(refusal('conflict', 409));
    await write(upload, 0);
    await write(upload, 2);
    expect(await upload.seal()).toMatchObject({ value: { name: NAME } });
    expect(await write(upload, 1, other)).toMatchObject(refusal('conflict', 409));
  });

  test('with missing chunks, or others than were signed, is no blob', async () => {
    const upload = await begin('u', { ...plan, root: new Uint8Array(32) });
    await write(upload, 0);
    expect(await upload.seal()).toMatchObject(refusal('incomplete', 409));
    await write(upload, 1);
    await write(upload, 2);
    expect(await upload.seal()).toMatchObject(refusal('wrong-root', 422));
    expect(await store.blobs.names()).toEqual([]);
  });

  test('goes to who sends a chunk last, when a connection hangs', { timeout: 5000 }, async () => {
    const upload = await begin();
    const first = chunkOf(bytes, 0);
    const [hangs, wake] = [gate(), gate()];
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield first.subarray(0, 10).map(() => 0xee);
      hangs.open();
      await wake.opened;
      yield first.subarray(10).map(() => 0xee);
    }
    const stuck = upload.write(0, hanging());
    await hangs.opened;
    expect(await write(upload, 0)).toEqual(OK);
    wake.open();
    expect(await stuck).toMatchObject(refusal('superseded', 409));
    await write(upload, 1);
    await write(upload, 2);
    expect(await upload.seal()).toMatchObject({ value: { name: NAME } });
  });

  test('whose connection breaks has not got the chunk', async () => {
    const upload = await begin();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield chunkOf(bytes, 0).subarray(0, 10);
      throw new Error('reset');
    }
    await expect(upload.write(0, broken())).rejects.toThrow('reset');
    expect(upload.missing).toBe(3);
    expect(await write(upload, 0)).toEqual(OK);
  });

  test('that two clients send with the same bytes is one blob', async () => {
    const [a, b] = [await whole('a'), await whole('b')];
    const sealed = await Promise.all([a.seal(), b.seal(), a.seal()]);
    expect(sealed).toEqual(Array(3).fill({ ok: true, value: { name: NAME, size: bytes.length } }));
    expect(await store.blobs.names()).toEqual([NAME]);
  });

  test('is not begun where there is no room for it', async () => {
    const length = 2 ** 52;
    await expect(begin('u', { ...plan, length, chunkSize: 2 ** 32 })).rejects.toMatchObject({
      code: 'disk-full',
    });
    expect(store.uploads.get('u')).toBeUndefined();
  });

  test('keeps what it has when the disk is full', async () => {
    const upload = await begin();
    await write(upload, 0);
    let isFull = true;
    onStep = (step) => {
      if (isFull && step === 'upload.synced')
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    };
    await write(upload, 1);
    await write(upload, 2);
    await expect(upload.seal()).rejects.toMatchObject({ code: 'disk-full' });
    isFull = false;
    expect(await upload.seal()).toMatchObject({ value: { name: NAME } });
  });
});

describe('after the run is opened anew', () => {
  test('an upload goes on where it was', async () => {
    await write(await begin(), 2);
    await reopen();
    const upload = store.uploads.get('u')!;
    expect([[...upload.arrived], upload.missing, upload.plan]).toEqual([[4], 2, plan]);
    await write(upload, 0);
    await write(upload, 1);
    expect(await upload.seal()).toMatchObject({ value: { name: NAME } });
  });

  test('a blob whose event was never logged is still its upload’s', async () => {
    await (await whole()).seal();
    await reopen();
    expect(store.recovery.swept).toBe(0);
    expect(store.uploads.get('u')?.isSealed).toBe(true);
    expect(await store.uploads.get('u')!.seal()).toMatchObject({ value: { name: NAME } });
    await store.uploads.forget('u');
    await reopen();
    expect(store.recovery.swept).toBe(1);
    expect(await store.blobs.names()).toEqual([]);
  });

  test('a blob that an event names stays, wherever it names it', async () => {
    await (await whole()).seal();
    await store.append([{ type: 'a.b', body: { deep: [{ inside: NAME }] } }], 1);
    await store.uploads.forget('u');
    await reopen();
    expect(await store.blobs.names()).toEqual([NAME]);
  });

  test('chunks that the disk did not keep are missing, though the map says otherwise', async () => {
    await whole();
    await store.close();
    const data = join(folder, 'uploads', 'u.data');
    const content = await readFile(data);
    content.fill(0, CHUNK, 2 * CHUNK);
    await writeFile(data, content);
    await reopen();
    const upload = store.uploads.get('u')!;
    expect(await upload.seal()).toMatchObject(refusal('incomplete', 409));
    expect([...upload.arrived]).toEqual([0b101]);
    await write(upload, 1);
    expect(await upload.seal()).toMatchObject({ value: { name: NAME } });
  });

  test('data that was cut short is missing its end', async () => {
    await whole();
    await store.close();
    await truncate(join(folder, 'uploads', 'u.data'), CHUNK + 5);
    await reopen();
    expect(await store.uploads.get('u')!.seal()).toMatchObject(refusal('incomplete', 409));
    expect([...store.uploads.get('u')!.arrived]).toEqual([0b001]);
  });

  test('halves of uploads, and files of nobody, are gone', async () => {
    await whole('a');
    await whole('b');
    await store.close();
    const at = (name: string): string => join(folder, 'uploads', name);
    await rm(at('a.map'));
    await truncate(at('b.map'), 50);
    await copyFile(at('b.data'), at('stray.txt'));
    await writeFile(join(folder, 'blobs', '.incoming-x'), 'half');
    await writeFile(join(folder, 'blobs', 'ab'.repeat(32)), 'orphan');
    await reopen();
    expect(await readdir(join(folder, 'uploads'))).toEqual(['stray.txt']);
    expect(await readdir(join(folder, 'blobs'))).toEqual([]);
    expect(store.uploads.all).toEqual([]);
  });
});

describe('whatever is sent, in whatever order, and the run opened anew in between', () => {
  const command = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('write' as const), k: fc.nat({ max: 9 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('wrong' as const), k: fc.nat({ max: 9 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'seal' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  );

  test('the bitmap is the set of chunks that were taken, and the blob the bytes', {
    timeout: 60_000,
  }, async () => {
    let run = 0;
    const content = Uint8Array.from({ length: 9 * CHUNK + 17 }, (_, i) => (i * 31) >> 3);
    const name = hex(planOf(content).root);
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
        run += 1;
        const id = `p-${run}`;
        await begin(id, planOf(content));
        const there = new Set<number>();
        for (const { kind, k = 0 } of commands as { kind: string; k?: number }[]) {
          const upload = store.uploads.get(id)!;
          if (kind === 'reopen') await reopen();
          if (kind === 'write') {
            expect(await upload.write(k, [chunkOf(content, k)])).toEqual(OK);
            there.add(k);
          }
          if (kind === 'wrong') {
            const code = there.has(k) ? 'conflict' : 'wrong-length';
            const other = chunkOf(content, k).map((byte) => byte ^ 1);
            expect(await upload.write(k, [there.has(k) ? other : other.subarray(1)])).toMatchObject(
              { refusal: { code } },
            );
          }
          const sealed = kind === 'seal' ? await upload.seal() : undefined;
          if (sealed !== undefined) expect(sealed.ok).toBe(there.size === 10);
          const now = store.uploads.get(id)!;
          const bits = [...Array(10).keys()].filter(
            (i) => ((now.arrived[i >> 3]! >> (i & 7)) & 1) === 1,
          );
          expect(bits).toEqual([...there].sort((a, b) => a - b));
        }
        const upload = store.uploads.get(id)!;
        for (let k = 0; k < 10; k++) await upload.write(k, [chunkOf(content, k)]);
        expect(await upload.seal()).toMatchObject({ value: { name } });
        await store.blobs.verify(name, { chunkSize: CHUNK });
        await store.uploads.forget(id);
      }),
      { numRuns: 40 },
    );
  });
});

test('an update whose root is the SHA-256 of a file does not take its place', async () => {
  // A leaf is hashed behind a zero byte: so is what follows a file's first byte, if that is zero.
  const rest = updateBytes(7).subarray(0, CHUNK);
  const file = Uint8Array.of(0, ...rest);
  const { name } = await store.blobs.putBytes(file);
  const root = new Uint8Array(Buffer.from(name, 'hex'));
  const upload = await begin('u', { length: rest.length, chunkSize: CHUNK, root });
  expect(await write(upload, 0, rest)).toEqual({ ok: true });
  expect(await upload.seal()).toMatchObject({ ok: false, refusal: { code: 'wrong-root' } });
  await store.blobs.verify(name);
});

test('a blob of the same root that was damaged is made whole by the next of its kind', async () => {
  expect(await (await whole('u')).seal()).toMatchObject({ ok: true });
  await truncate(join(folder, 'blobs', NAME), 10);
  expect(await (await whole('v')).seal()).toMatchObject({ ok: true });
  await store.blobs.verify(NAME, { chunkSize: CHUNK });
});
