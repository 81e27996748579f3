/** Identities: what they show, what they hide, and how they are kept. */

import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  CHALLENGE_MS,
  type ChallengeOptions,
  checkPossession,
  clientIdOf,
  Identity,
  isFresh,
  issueChallenge,
  type Purpose,
  possessionToSign,
} from '../../src/federation/identity.ts';
import { openIdentity, readIdentity, saveIdentity } from '../../src/federation/identity-file.ts';
import { nobleCrypto } from '../../src/secagg/crypto/noble.ts';
import { hex } from '../../src/secagg/suite.ts';

const crypto = nobleCrypto();
let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aggregis-identity-'));
  path = join(folder, 'client.key');
});
afterEach(() => rm(folder, { recursive: true }));

describe('an identity', () => {
  test('has a name that follows from its first key and stays when keys change', async () => {
    const first = await Identity.create(crypto);
    expect(first.id).toMatch(/^c-[0-9a-f]{32}$/);
    expect(first.id).toBe(clientIdOf(first.publicKey, crypto));
    const second = (await first.withNext()).rotated();
    expect(second.id).toBe(first.id);
    expect(second.publicKey).not.toEqual(first.publicKey);
    expect(second.nextKey).toBeUndefined();
  });

  test('shows no secret when it is printed', async () => {
    const identity = await (await Identity.create(crypto)).withNext();
    const bytes = identity.export();
    const secrets = [bytes.subarray(20, 52), bytes.subarray(85, 117)];
    expect(await crypto.signingKey(secrets[0]!)).toEqual(identity.publicKey);
    expect(await crypto.signingKey(secrets[1]!)).toEqual(identity.nextKey);
    const printed = [
      inspect(identity, { depth: 9, showHidden: true }),
      JSON.stringify(identity),
      `${String(identity)}`,
    ];
    for (const text of printed) {
      for (const secret of secrets) {
        expect(text).not.toContain(hex(secret));
        expect(text).not.toContain([...secret.subarray(0, 8)].join(', '));
      }
    }
  });

  test('without a next key changes to none', async () => {
    const identity = await Identity.create(crypto);
    expect(() => identity.rotated()).toThrow(/has no next key/);
  });
});

describe('a file of an identity', () => {
  test('is made once, for nobody else to read, and gives the same identity', async () => {
    const [a, b] = await Promise.all([openIdentity(path, crypto), openIdentity(path, crypto)]);
    expect(a.publicKey).toEqual(b.publicKey);
    const again = await openIdentity(path, crypto);
    expect([again.id, again.publicKey]).toEqual([a.id, a.publicKey]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['client.key']);
  });

  test('keeps the key to come, and then the key that came', async () => {
    const identity = await openIdentity(path, crypto);
    const pending = await identity.withNext();
    await saveIdentity(path, pending);
    const read = (await readIdentity(path, crypto))!;
    expect([read.publicKey, read.nextKey]).toEqual([identity.publicKey, pending.nextKey]);
    await saveIdentity(path, read.rotated());
    const rotated = (await readIdentity(path, crypto))!;
    expect([rotated.id, rotated.publicKey, rotated.nextKey]).toEqual([
      identity.id,
      pending.nextKey,
      undefined,
    ]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('is refused where others may read it, and where a byte is wrong', async () => {
    await openIdentity(path, crypto);
    const bytes = await readFile(path);
    for (const at of [0, 30, bytes.length - 1]) {
      const wrong = Buffer.from(bytes);
      wrong[at]! ^= 1;
      await writeFile(path, wrong);
      await expect(openIdentity(path, crypto)).rejects.toThrow(`${path}: is no identity`);
    }
    await writeFile(path, bytes.subarray(1));
    await expect(openIdentity(path, crypto)).rejects.toMatchObject({ code: 'malformed' });
    await writeFile(path, bytes);
    await chmod(path, 0o640);
    await expect(openIdentity(path, crypto)).rejects.toThrow(
      /others may read this secret; chmod 600/,
    );
  });

  test('is told from what is none before anybody is told to guard it', async () => {
    await expect(openIdentity(folder, crypto)).rejects.toThrow(
      'is no identity of a client: is a folder',
    );
    await writeFile(path, 'a host', { mode: 0o644 });
    await expect(openIdentity(path, crypto)).rejects.toThrow('holds something else');
  });

  test('is not there until it is made', async () => {
    expect(await readIdentity(path, crypto)).toBeUndefined();
  });
});

describe('a challenge', () => {
  const options: ChallengeOptions = {
    secret: crypto.randomBytes(32),
    purpose: 'session',
    run: 'r-1',
    now: 1_000_000,
    crypto,
  };

  test('is fresh for a minute, for its purpose, run and server', () => {
    const challenge = issueChallenge(options);
    const at = (later: number, other: Partial<ChallengeOptions> = {}): boolean =>
      isFresh(challenge, { ...options, now: options.now + later, ...other });
    expect([at(0), at(CHALLENGE_MS), at(CHALLENGE_MS + 1), at(-1)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(at(0, { purpose: 'registration' })).toBe(false);
    expect(at(0, { run: 'r-2' })).toBe(false);
    expect(at(0, { secret: crypto.randomBytes(32) })).toBe(false);
    for (let i = 0; i < challenge.length; i++) {
      const other = challenge.slice();
      other[i]! ^= 1;
      expect(isFresh(other, options)).toBe(false);
    }
    expect(isFresh(challenge.subarray(1), options)).toBe(false);
    expect(isFresh(new Uint8Array(), options)).toBe(false);
  });

  test('is never the same twice', () => {
    expect(issueChallenge(options)).not.toEqual(issueChallenge(options));
  });

  test('is answered by who holds the key, and by nobody else', async () => {
    const [alice, mallory] = [await Identity.create(crypto), await Identity.create(crypto)];
    const challenge = issueChallenge(options);
    const message = (purpose: Purpose, key: Uint8Array): Uint8Array =>
      possessionToSign({ purpose, run: 'r-1', challenge, key });
    const key = alice.publicKey;
    const proof = await alice.sign(message('session', key));
    expect(await checkPossession({ challenge, key, proof }, options)).toEqual({ ok: true });
    const wrong = [
      await mallory.sign(message('session', key)),
      await alice.sign(message('registration', key)),
      await alice.sign(message('session', mallory.publicKey)),
      new Uint8Array(64),
    ];
    for (const forged of wrong) {
      expect(await checkPossession({ challenge, key, proof: forged }, options)).toMatchObject({
        refusal: { code: 'bad-signature', status: 401 },
      });
    }
    const late = { ...options, now: options.now + CHALLENGE_MS + 1 };
    expect(await checkPossession({ challenge, key, proof }, late)).toMatchObject({
      refusal: { code: 'stale-challenge' },
    });
    for (const short of [{ key: key.subarray(1) }, { proof: proof.subarray(1) }]) {
      const answer = await checkPossession({ challenge, key, proof, ...short }, options);
      expect(answer).toMatchObject({ refusal: { code: 'malformed' } });
    }
  });
});
