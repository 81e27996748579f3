/** A key is changed, whatever breaks on the way. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rotateKey } from '../../../src/federation/client/rotation.ts';
import { Identity } from '../../../src/federation/identity.ts';
import { openIdentity, readIdentity, saveIdentity } from '../../../src/federation/identity-file.ts';
import {
  nodeCrypto,
  ServedRun,
  TestClient,
  temporaryFolder,
} from '../../support/federation-server.ts';

test('the new key counts, the old one does not, and the id stays; again and again', async () => {
  const crypto = await nodeCrypto();
  await using folder = await temporaryFolder();
  await using run = await ServedRun.start({ folder: join(folder.path, 'run') });
  const path = join(folder.path, 'key');
  const first = await openIdentity(path, crypto);
  const old = await TestClient.joined(run.url, first);
  const save = (next: Identity) => saveIdentity(path, next);
  for (let times = 1; times <= 2; times++) {
    const identity = (await readIdentity(path, crypto))!;
    const next = await rotateKey({ url: run.url, identity, crypto, save });
    expect(next.id).toBe(first.id);
    expect((await readIdentity(path, crypto))!.publicKey).toEqual(next.publicKey);
    expect((await TestClient.joined(run.url, next)).token).not.toBe('');
  }
  expect((await old.current()).status).toBe(401);
  expect((await old.begin()).body.error.code).toBe('not-enrolled');
  expect(run.types.filter((type) => type === 'client.key-rotated')).toHaveLength(2);
});

test('wherever it is cut off, asking again with what was saved ends it', async () => {
  const crypto = await nodeCrypto();
  for (let cut = 1; cut <= 5; cut++) {
    for (const isAfter of [false, true]) {
      await using folder = await temporaryFolder();
      await using run = await ServedRun.start({ folder: folder.path });
      let saved = await Identity.create(crypto);
      await TestClient.joined(run.url, saved);
      const save = async (next: Identity) => {
        saved = next;
      };
      let calls = 0;
      const broken = async (url: string, init: RequestInit) => {
        // The answer is lost, or the request is; and all after it.
        if (++calls > cut || (calls === cut && !isAfter)) throw new TypeError('cut');
        const response = await fetch(url, init);
        if (calls === cut) throw new TypeError('cut');
        return response;
      };
      const options = { url: run.url, crypto, save };
      const first = rotateKey({ ...options, identity: saved, fetch: broken, patienceMs: 1 });
      await first.catch(() => {});
      const next = await rotateKey({ ...options, identity: saved });
      expect(next.nextKey).toBeUndefined();
      const record = run.coordinator.registry.get(next.id)!;
      expect(record.key).toBe(Buffer.from(next.publicKey).toString('hex'));
      expect((await TestClient.joined(run.url, next)).token).not.toBe('');
    }
  }
}, 30_000);
