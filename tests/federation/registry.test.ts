/** Who may take part: registration, certificates, new keys, and the end of it. */

import { beforeEach, describe, expect, test } from 'vitest';
import {
  type ChallengeOptions,
  Identity,
  issueChallenge,
  possessionToSign,
} from '../../src/federation/identity.ts';
import type { Answer } from '../../src/federation/refusals.ts';
import {
  type Decision,
  decideRegistration,
  decideRevocation,
  decideRotation,
  type EnrolmentPolicy,
  enrolAnybody,
  enrolListed,
  MAX_ROTATIONS,
  type RegistrationOptions,
  type RegistrationRequest,
  Registry,
  requestRotation,
  standing,
} from '../../src/federation/registry.ts';
import { nobleCrypto } from '../../src/secagg/crypto/noble.ts';
import { type Certificate, certificateToSign } from '../../src/secagg/enrolment.ts';
import { hex } from '../../src/secagg/suite.ts';

const crypto = nobleCrypto();
const NOW = 1_800_000_000_000;
const server = { secret: crypto.randomBytes(32), run: 'r-1', crypto };
const OPEN: EnrolmentPolicy = { kind: 'open' };

let registry: Registry;
let alice: Identity;
beforeEach(async () => {
  registry = new Registry();
  alice = await Identity.create(crypto);
});

async function requestOf(identity: Identity, now = NOW): Promise<RegistrationRequest> {
  const question: ChallengeOptions = { ...server, purpose: 'registration', now };
  const challenge = issueChallenge(question);
  const key = identity.publicKey;
  const message = possessionToSign({ purpose: 'registration', run: 'r-1', challenge, key });
  return { key, challenge, proof: await identity.sign(message) };
}

/** Decides, and applies what was decided. */
async function register(
  request: RegistrationRequest,
  options: Partial<RegistrationOptions> = {},
): Promise<Answer<Decision>> {
  const answer = await decideRegistration(request, {
    ...server,
    registry,
    policy: OPEN,
    now: NOW,
    ...options,
  });
  if (answer.ok) take(answer.value);
  return answer;
}

function take({ event }: Decision, time = NOW): void {
  if (event !== undefined) registry.apply({ ...event, time });
}

const codeOf = (answer: Answer<unknown>): string => (answer.ok ? 'ok' : answer.refusal.code);

describe('registration', () => {
  test('makes a client known by its name and key', async () => {
    expect(codeOf(await register(await requestOf(alice)))).toBe('ok');
    expect(registry.get(alice.id)).toEqual({
      client: alice.id,
      key: hex(alice.publicKey),
      formerKeys: [],
      enrolment: 'open',
      registeredAt: NOW,
    });
    expect(standing(registry.get(alice.id), { client: alice.id, now: NOW })).toBeUndefined();
  });

  test('asked for again says the same and changes nothing', async () => {
    await register(await requestOf(alice));
    const before = registry.all;
    expect(await register(await requestOf(alice))).toEqual({
      ok: true,
      value: { client: alice.id },
    });
    expect(registry.all).toEqual(before);
  });

  test('wants the list, where there is one', async () => {
    const policy = enrolListed([alice.publicKey]);
    expect(codeOf(await register(await requestOf(alice), { policy }))).toBe('ok');
    const mallory = await Identity.create(crypto);
    const answer = await register(await requestOf(mallory), { policy });
    expect(answer).toMatchObject({ refusal: { code: 'not-enrolled', status: 403 } });
    expect(registry.get(mallory.id)).toBeUndefined();
  });

  test('of anybody warns at once', () => {
    const warnings: string[] = [];
    expect(enrolAnybody((message) => warnings.push(message))).toEqual(OPEN);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/anybody may join, any number of times/);
  });

  test('lasts as long as it is given, and can be renewed', async () => {
    await register(await requestOf(alice), { lifetimeMs: 1000 });
    const who = { client: alice.id, now: NOW + 1001 };
    expect(standing(registry.get(alice.id), { ...who, now: NOW + 1000 })).toBeUndefined();
    expect(standing(registry.get(alice.id), who)?.code).toBe('registration-expired');
    await register(await requestOf(alice, NOW + 2000), { lifetimeMs: 1000, now: NOW + 2000 });
    expect(registry.get(alice.id)).toMatchObject({ registeredAt: NOW, expires: NOW + 3000 });
  });

  test('keeps what a client says of itself, within bounds', async () => {
    const request = { ...(await requestOf(alice)), attributes: { region: 'eu' } };
    expect(codeOf(await register(request))).toBe('ok');
    expect(registry.get(alice.id)?.attributes).toEqual({ region: 'eu' });
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`a${i}`, 'b']));
    for (const attributes of [many, { a: 'x'.repeat(65) }, { a: 'line\nfeed' }, { '': 'a' }]) {
      const answer = await register({ ...(await requestOf(alice)), attributes });
      expect(codeOf(answer)).toBe('malformed');
    }
  });
});

describe('a certificate', () => {
  const federation = new Uint8Array(16).fill(7);
  let authority: Identity;
  beforeEach(async () => {
    authority = await Identity.create(crypto);
  });

  async function certificateOf(change: Partial<Certificate> = {}): Promise<Certificate> {
    const fields = {
      identity: alice.publicKey,
      federation,
      notBefore: NOW / 1000 - 10,
      notAfter: NOW / 1000 + 10,
      serial: 1,
      ...change,
    };
    return { ...fields, signature: await authority.sign(certificateToSign(fields)) };
  }

  const policy = (revoked: number[] = []): EnrolmentPolicy => ({
    kind: 'certificate',
    authority: authority.publicKey,
    federation,
    revoked,
  });

  test('admits its client for as long as it is valid', async () => {
    const request = { ...(await requestOf(alice)), certificate: await certificateOf() };
    expect(codeOf(await register(request, { policy: policy() }))).toBe('ok');
    expect(registry.get(alice.id)).toMatchObject({
      enrolment: 'certificate',
      expires: NOW + 10_999,
    });
  });

  test('admits nobody else, nor later, elsewhere, or once it is withdrawn', async () => {
    const mallory = await Identity.create(crypto);
    const request = await requestOf(alice);
    const refusedOnes: (Certificate | undefined)[] = [
      undefined,
      await certificateOf({ identity: mallory.publicKey }),
      await certificateOf({ notAfter: NOW / 1000 - 1 }),
      await certificateOf({ notBefore: NOW / 1000 + 1 }),
      await certificateOf({ federation: new Uint8Array(16) }),
      { ...(await certificateOf()), notAfter: NOW },
    ];
    for (const certificate of refusedOnes) {
      const answer = await register(
        { ...request, ...(certificate && { certificate }) },
        { policy: policy() },
      );
      expect(codeOf(answer)).toBe('not-enrolled');
    }
    const certificate = await certificateOf();
    expect(codeOf(await register({ ...request, certificate }, { policy: policy([1]) }))).toBe(
      'not-enrolled',
    );
  });
});

describe('a new key', () => {
  const rotate = async (
    request: Awaited<ReturnType<typeof requestRotation>>,
    run = 'r-1',
  ): Promise<Answer<Decision>> => {
    const answer = await decideRotation(request, { registry, run, now: NOW, crypto });
    if (answer.ok) take(answer.value);
    return answer;
  };

  test('takes the place of the old one, which then counts no more', async () => {
    await register(await requestOf(alice));
    const pending = await alice.withNext();
    const request = await requestRotation(pending, { run: 'r-1', rotations: 0 });
    expect(codeOf(await rotate(request))).toBe('ok');
    expect(registry.get(alice.id)).toMatchObject({
      key: hex(pending.nextKey!),
      formerKeys: [hex(alice.publicKey)],
    });
    expect(codeOf(await register(await requestOf(alice)))).toBe('key-in-use');
    // The answer may have been lost: the client asks again.
    expect(await rotate(request)).toEqual({ ok: true, value: { client: alice.id } });
  });

  test('comes so many times in a run, and no more: the log holds each', async () => {
    await register(await requestOf(alice));
    for (let rotations = 0; rotations < MAX_ROTATIONS; rotations++) {
      const pending = await alice.withNext();
      const request = await requestRotation(pending, { run: 'r-1', rotations });
      expect(codeOf(await rotate(request))).toBe('ok');
      alice = pending.rotated();
    }
    const pending = await alice.withNext();
    const request = await requestRotation(pending, { run: 'r-1', rotations: MAX_ROTATIONS });
    expect(codeOf(await rotate(request))).toBe('key-in-use');
  });

  test('is signed by both keys, for this run', async () => {
    await register(await requestOf(alice));
    const pending = await alice.withNext();
    const request = await requestRotation(pending, { run: 'r-1', rotations: 0 });
    const { signature, nextSignature } = request;
    for (const forged of [
      { ...request, signature: nextSignature },
      { ...request, nextSignature: signature },
      { ...request, rotations: 1 },
    ]) {
      expect(codeOf(await rotate(forged))).toBe('bad-signature');
    }
    expect(codeOf(await rotate(request, 'r-2'))).toBe('bad-signature');
    for (const name of ['previous', 'next', 'signature', 'nextSignature'] as const) {
      const short = { ...request, [name]: request[name].subarray(1) };
      expect(codeOf(await rotate(short))).toBe('malformed');
    }
  });

  test('that was replaced does not come back by an old request', async () => {
    await register(await requestOf(alice));
    const first = await alice.withNext();
    await rotate(await requestRotation(first, { run: 'r-1', rotations: 0 }));
    const second = await first.rotated().withNext();
    await rotate(await requestRotation(second, { run: 'r-1', rotations: 1 }));
    // Somebody who has the first key only.
    const thief = await alice.withNext();
    expect(codeOf(await rotate(await requestRotation(thief, { run: 'r-1', rotations: 0 })))).toBe(
      'replay',
    );
    expect(codeOf(await rotate(await requestRotation(thief, { run: 'r-1', rotations: 2 })))).toBe(
      'replay',
    );
    expect(registry.get(alice.id)?.key).toBe(hex(second.nextKey!));
  });

  test('is nobody’s key yet', async () => {
    const bob = await Identity.create(crypto);
    await register(await requestOf(alice));
    await register(await requestOf(bob));
    const pending = await alice.withNext();
    await rotate(await requestRotation(pending, { run: 'r-1', rotations: 0 }));
    // Bob has the secret of the key that Alice uses now, and wants it for himself.
    const stolen = Identity.restore(withNextOf(bob, pending), crypto);
    const request = await requestRotation(await stolen, { run: 'r-1', rotations: 0 });
    expect(codeOf(await rotate(request))).toBe('key-in-use');
  });
});

/** The bytes of an identity with the next key of another. */
function withNextOf(identity: Identity, other: Identity): Uint8Array {
  const content = identity.export().subarray(0, -32).slice();
  content.set(other.export().subarray(20 + 64, -32), 20 + 64);
  return Uint8Array.from([...content, ...crypto.sha256(content)]);
}

describe('revocation', () => {
  test('puts a client out for good', async () => {
    await register(await requestOf(alice));
    const answer = decideRevocation({ client: alice.id, reason: 'lost its key' }, registry);
    if (answer.ok) take(answer.value, NOW + 5);
    const refusal = standing(registry.get(alice.id), { client: alice.id, now: NOW });
    expect(refusal).toMatchObject({ code: 'revoked', status: 403 });
    expect(refusal?.message).toContain('lost its key');
    expect(codeOf(await register(await requestOf(alice)))).toBe('revoked');
    const again = decideRevocation({ client: alice.id, reason: 'twice' }, registry);
    expect(again).toEqual({ ok: true, value: { client: alice.id } });
    const pending = await alice.withNext();
    const request = await requestRotation(pending, { run: 'r-1', rotations: 0 });
    expect(codeOf(await decideRotation(request, { registry, run: 'r-1', now: NOW, crypto }))).toBe(
      'revoked',
    );
  });

  test('of nobody is refused', () => {
    expect(codeOf(decideRevocation({ client: 'c-0', reason: '' }, registry))).toBe(
      'unknown-client',
    );
  });
});

describe('the registry', () => {
  test('is the same from its records as from its events', async () => {
    await register(await requestOf(alice));
    const pending = await alice.withNext();
    const answer = await decideRotation(
      await requestRotation(pending, { run: 'r-1', rotations: 0 }),
      { registry, run: 'r-1', now: NOW, crypto },
    );
    if (answer.ok) take(answer.value);
    const again = new Registry(JSON.parse(JSON.stringify(registry.all)) as typeof registry.all);
    expect(again.all).toEqual(registry.all);
    expect(again.ownerOf(hex(alice.publicKey))?.client).toBe(alice.id);
  });

  test('takes no notice of events of other things, or of clients that it does not know', () => {
    registry.apply({ type: 'round.opened', time: 1, body: { round: 1 } });
    registry.apply({ type: 'client.revoked', time: 1, body: { client: 'c-1', reason: '' } });
    expect(registry.all).toEqual([]);
  });
});
