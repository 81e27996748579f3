/**
 * Who takes part in a run: whom the policy admits, whose key counts now, who is out. Decisions give
 * events; the registry is what follows from these.
 *
 * @module
 */

import type { Json } from '../core/canonical-json.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { allowList, type Certificate, certified } from '../secagg/enrolment.ts';
import { hex, KEY_BYTES, SIGNATURE_BYTES } from '../secagg/suite.ts';
import { type ChallengeOptions, checkPossession, clientIdOf, type Identity } from './identity.ts';
import { type Answer, granted, type Refusal, refused } from './refusals.ts';
import { Transcript } from './transcript.ts';

/** Whom a run admits. */
export type EnrolmentPolicy =
  | {
      readonly kind: 'allow-list';
      /** Whether a first public key is on the list. */
      readonly isListed: (key: Uint8Array) => boolean | Promise<boolean>;
    }
  | {
      readonly kind: 'certificate';
      /** Ed25519 public key of the federation. 32 bytes */
      readonly authority: Uint8Array;
      /** 16 bytes. */
      readonly federation: Uint8Array;
      /** Serials that are withdrawn. */
      readonly revoked?: readonly number[];
    }
  | { readonly kind: 'open' };

/** Admits the clients whose first public keys are listed. @throws {SecureError} `malformed` if one is no key. */
export function enrolListed(keys: readonly Uint8Array[]): EnrolmentPolicy {
  return { kind: 'allow-list', isListed: allowList(keys) };
}

/**
 * Admits anybody, and says so: `warn` is called at once, and cannot be left out. Robust rules hold as
 * long as attackers are few, and here one attacker is as many as it likes.
 */
export function enrolAnybody(warn: (message: string) => void): EnrolmentPolicy {
  warn(
    'open enrolment: anybody may join, any number of times; no rule and no reputation holds against ' +
      'somebody who is most of the clients',
  );
  return { kind: 'open' };
}

/** What is known of a client. Plain JSON. */
export interface ClientRecord {
  readonly client: string;
  /** Public key that counts now, in hex. */
  readonly key: string;
  /** Keys that counted before, oldest first. */
  readonly formerKeys: readonly string[];
  readonly enrolment: EnrolmentPolicy['kind'];
  /** Milliseconds since 1970, as are all times here. */
  readonly registeredAt: number;
  /** When the registration is over. */
  readonly expires?: number;
  /** What the client says of itself. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly revoked?: { readonly at: number; readonly reason: string };
}

/** An event that concerns a client, or not. */
export interface ClientEvent {
  readonly type: string;
  readonly time: number;
  readonly body: { readonly [key: string]: Json | undefined };
}

/** What is known of a client after an event of its. Other events change nothing. */
export function clientAfter(
  before: ClientRecord | undefined,
  { type, time, body }: ClientEvent,
): ClientRecord | undefined {
  if (type === 'client.registered') return registeredAfter(before, { type, time, body });
  if (before === undefined) return undefined;
  if (type === 'client.key-rotated' && body.previous === before.key) {
    return { ...before, key: String(body.key), formerKeys: [...before.formerKeys, before.key] };
  }
  if (type === 'client.revoked') {
    return { ...before, revoked: { at: time, reason: String(body.reason) } };
  }
  return before;
}

function registeredAfter(before: ClientRecord | undefined, event: ClientEvent): ClientRecord {
  const { client, key, enrolment, expires, attributes } = event.body;
  const {
    expires: _,
    attributes: __,
    ...kept
  } = before ?? {
    client: String(client),
    key: String(key),
    formerKeys: [],
    enrolment: enrolment as EnrolmentPolicy['kind'],
    registeredAt: event.time,
  };
  return {
    ...kept,
    ...(typeof expires === 'number' && { expires }),
    ...(attributes !== undefined && { attributes: attributes as Record<string, string> }),
  };
}

/** All clients of a run. */
export class Registry {
  readonly #clients = new Map<string, ClientRecord>();
  /** Whose each key is or was. */
  readonly #owners = new Map<string, string>();

  /** @param records - Those known already. */
  constructor(records: Iterable<ClientRecord> = []) {
    for (const record of records) this.#set(record);
  }

  /** Takes an event of the log. */
  apply(event: ClientEvent): void {
    const client = event.body.client;
    if (typeof client !== 'string') return;
    const after = clientAfter(this.#clients.get(client), event);
    if (after !== undefined) this.#set(after);
  }

  /** What is known of a client. */
  get(client: string): ClientRecord | undefined {
    return this.#clients.get(client);
  }

  /** The client that has a key, or had it. */
  ownerOf(key: string): ClientRecord | undefined {
    const owner = this.#owners.get(key);
    return owner === undefined ? undefined : this.#clients.get(owner);
  }

  /** In the order of registration. */
  get all(): readonly ClientRecord[] {
    return [...this.#clients.values()];
  }

  #set(record: ClientRecord): void {
    this.#clients.set(record.client, record);
    for (const key of [record.key, ...record.formerKeys]) this.#owners.set(key, record.client);
  }
}

/** Why a client may not take part now, or `undefined` if it may. */
export function standing(
  record: ClientRecord | undefined,
  { client, now }: { readonly client: string; readonly now: number },
): Refusal | undefined {
  if (record === undefined) {
    return refused('unknown-client', `${client} is not registered`).refusal;
  }
  if (record.revoked !== undefined) {
    return refused('revoked', `${client} was revoked: ${record.revoked.reason}`).refusal;
  }
  if (record.expires !== undefined && now > record.expires) {
    const since = new Date(record.expires).toISOString();
    return refused('registration-expired', `the registration of ${client} is over since ${since}`)
      .refusal;
  }
  return undefined;
}

/** What a client sends to be registered. */
export interface RegistrationRequest {
  /** Its first public key. 32 bytes */
  readonly key: Uint8Array;
  readonly challenge: Uint8Array;
  /** Signature of `possessionToSign`. 64 bytes */
  readonly proof: Uint8Array;
  /** Where the policy asks for one. */
  readonly certificate?: Certificate;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What registrations are decided on. */
export interface RegistrationOptions extends Omit<ChallengeOptions, 'purpose'> {
  readonly registry: Registry;
  readonly policy: EnrolmentPolicy;
  /** How long a registration lasts, in milliseconds. Default: as long as the run, or the certificate. */
  readonly lifetimeMs?: number;
}

/** An event to be logged, and who it makes known. */
export interface Decision {
  readonly client: string;
  /** `undefined` if it is so already. */
  readonly event?: { readonly type: string; readonly body: { readonly [key: string]: Json } };
}

/** Whether a client is admitted. One that is registered already may ask again: to renew, or having heard nothing. */
export async function decideRegistration(
  request: RegistrationRequest,
  options: RegistrationOptions,
): Promise<Answer<Decision>> {
  const { registry, crypto, now } = options;
  const shown = await checkPossession(request, { ...options, purpose: 'registration' });
  if (!shown.ok) return shown;
  const key = hex(request.key);
  const client = clientIdOf(request.key, crypto);
  const owner = registry.ownerOf(key);
  if (owner !== undefined && (owner.client !== client || owner.key !== key)) {
    return refused('key-in-use', 'the key was replaced, or is the key of another client');
  }
  if (owner?.revoked !== undefined)
    return { ok: false, refusal: standing(owner, { client, now })! };
  const attributes = request.attributes ?? {};
  if (!areAttributes(attributes)) {
    return refused('malformed', 'attributes are up to 16 words of up to 64 characters');
  }
  const until = await admission(request, options);
  if (!until.ok) return until;
  const expires = Math.min(until.value, now + (options.lifetimeMs ?? Number.POSITIVE_INFINITY));
  if (owner !== undefined && (owner.expires ?? Number.POSITIVE_INFINITY) >= expires) {
    return granted({ client });
  }
  const body = {
    client,
    key,
    enrolment: options.policy.kind,
    ...(Number.isFinite(expires) && { expires }),
    ...(Object.keys(attributes).length > 0 && { attributes: { ...attributes } }),
  };
  return granted({ client, event: { type: 'client.registered', body } });
}

/** Until when the policy admits a key. */
async function admission(
  { key, certificate }: RegistrationRequest,
  { policy, now, crypto }: RegistrationOptions,
): Promise<Answer<number>> {
  if (policy.kind === 'open') return granted(Number.POSITIVE_INFINITY);
  if (policy.kind === 'allow-list') {
    return (await policy.isListed(key))
      ? granted(Number.POSITIVE_INFINITY)
      : refused('not-enrolled', `the key ${hex(key)} is not on the list`);
  }
  if (certificate === undefined) return refused('not-enrolled', 'a certificate is asked for');
  const isEnrolled = await certified({
    ...policy,
    certificates: [certificate],
    now: () => Math.floor(now / 1000),
    crypto,
  });
  return (await isEnrolled(key))
    ? granted(1000 * certificate.notAfter + 999)
    : refused(
        'not-enrolled',
        'the certificate is not for this key, not of this federation, or not valid now',
      );
}

const MAX_ATTRIBUTES = 16;

function areAttributes(attributes: Readonly<Record<string, string>>): boolean {
  const pairs = Object.entries(attributes);
  return (
    pairs.length <= MAX_ATTRIBUTES &&
    pairs.flat().every((word) => typeof word === 'string' && /^[^\p{C}]{1,64}$/u.test(word))
  );
}

/** What a client sends to change its key: signed by both. */
export interface RotationRequest {
  readonly client: string;
  /** How many times the key was changed before: an old request does not come true again. */
  readonly rotations: number;
  /** The key that counts now. 32 bytes */
  readonly previous: Uint8Array;
  /** The key that is to count. 32 bytes */
  readonly next: Uint8Array;
  /** Of both keys, over `rotationToSign`. 64 bytes each */
  readonly signature: Uint8Array;
  readonly nextSignature: Uint8Array;
}

/** What both keys sign. */
export function rotationToSign(
  run: string,
  { client, rotations, previous, next }: Omit<RotationRequest, 'signature' | 'nextSignature'>,
): Uint8Array {
  return new Transcript('aggregis/rotation/v1')
    .text('run', run)
    .text('client', client)
    .integer('rotations', rotations)
    .bytes('previous', previous, KEY_BYTES)
    .bytes('next', next, KEY_BYTES)
    .end();
}

/** A request to change to the identity's next key. @throws {SecureError} `aborted` if it has none. */
export async function requestRotation(
  identity: Identity,
  { run, rotations }: { readonly run: string; readonly rotations: number },
): Promise<RotationRequest> {
  const next = identity.nextKey ?? new Uint8Array(KEY_BYTES);
  const fields = { client: identity.id, rotations, previous: identity.publicKey, next };
  const message = rotationToSign(run, fields);
  const nextSignature = await identity.signWithNext(message);
  return { ...fields, signature: await identity.sign(message), nextSignature };
}

/** Times that a client may change its key in a run: the log and its record hold every one. */
export const MAX_ROTATIONS = 64;

/** What rotations are decided on. */
export interface RotationOptions {
  readonly registry: Registry;
  readonly run: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly crypto: CryptoProvider;
}

/** Whether a client's key is changed. One that was changed so already may be asked for again. */
export async function decideRotation(
  request: RotationRequest,
  { registry, run, now, crypto }: RotationOptions,
): Promise<Answer<Decision>> {
  const { client, rotations, previous, next, signature, nextSignature } = request;
  if (
    previous.length !== KEY_BYTES ||
    next.length !== KEY_BYTES ||
    signature.length !== SIGNATURE_BYTES ||
    nextSignature.length !== SIGNATURE_BYTES ||
    !Number.isSafeInteger(rotations) ||
    rotations < 0
  ) {
    return refused(
      'malformed',
      'a rotation has two keys of 32 bytes, two signatures of 64, and how many there were before',
    );
  }
  const record = registry.get(client);
  const out = standing(record, { client, now });
  if (out !== undefined || record === undefined) return { ok: false, refusal: out! };
  const message = rotationToSign(run, request);
  const valid = await crypto.verifyAll([
    { publicKey: previous, message, signature },
    { publicKey: next, message, signature: nextSignature },
  ]);
  if (!valid.every(Boolean)) {
    return refused('bad-signature', 'a rotation is signed by the key that counts and by the next');
  }
  const keys = [...record.formerKeys, record.key];
  if (keys[rotations] === hex(previous) && keys[rotations + 1] === hex(next)) {
    return granted({ client });
  }
  if (hex(previous) !== record.key || rotations !== record.formerKeys.length) {
    return refused(
      'replay',
      `the key of ${client} was changed ${record.formerKeys.length} times since`,
    );
  }
  if (registry.ownerOf(hex(next)) !== undefined) {
    return refused('key-in-use', 'the next key is or was the key of a client');
  }
  if (rotations >= MAX_ROTATIONS) {
    return refused(
      'key-in-use',
      `the key of ${client} was changed ${MAX_ROTATIONS} times: keep it`,
    );
  }
  const body = { client, previous: hex(previous), key: hex(next) };
  return granted({ client, event: { type: 'client.key-rotated', body } });
}

/** Puts a client out for good. Asked for again, nothing changes. */
export function decideRevocation(
  { client, reason }: { readonly client: string; readonly reason: string },
  registry: Registry,
): Answer<Decision> {
  const record = registry.get(client);
  if (record === undefined) return refused('unknown-client', `${client} is not registered`);
  if (record.revoked !== undefined) return granted({ client });
  return granted({ client, event: { type: 'client.revoked', body: { client, reason } } });
}
