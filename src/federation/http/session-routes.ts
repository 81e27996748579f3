/**
 * Who clients are: keys are enrolled, sessions begun, keys changed.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import type { Coordinator } from '../coordinator.ts';
import { CHALLENGE_MS, checkPossession, issueChallenge } from '../identity.ts';
import type { Pace } from './body.ts';
import { type Call, granted, jsonIn } from './calls.ts';
import { Problem, problemOf } from './problems.ts';
import { challengeRequest, enrolRequest, rotationRequest, sessionRequest } from './schemas.ts';
import type { Session, Sessions } from './sessions.ts';

/** What these routes are served with. */
export interface SessionRoutesOptions {
  readonly coordinator: Coordinator;
  readonly crypto: CryptoProvider;
  readonly sessions: Sessions;
  /** How slow bodies may be. */
  readonly pace: Pace;
}

/** Routes of keys and sessions. */
export class SessionRoutes {
  readonly #options: SessionRoutesOptions;
  /** What challenges are tagged with: of this process alone. */
  readonly #secret: Uint8Array;

  constructor(options: SessionRoutesOptions) {
    this.#options = options;
    this.#secret = options.crypto.randomBytes(32);
  }

  /** `POST /v1/challenge`: what a key is to sign, to show that it is the caller's. */
  async challenge(c: Call): Promise<Response> {
    const { coordinator, crypto, pace } = this.#options;
    const { publicKey, purpose } = await jsonIn(c, challengeRequest, pace);
    const isKnown = coordinator.registry.ownerOf(publicKey) !== undefined;
    const now = coordinator.now();
    const challenge = issueChallenge({
      secret: this.#secret,
      purpose: purpose ?? (isKnown ? 'session' : 'registration'),
      run: coordinator.store.run,
      now,
      crypto,
    });
    return c.json({
      challenge: Buffer.from(challenge).toString('hex'),
      expires: now + CHALLENGE_MS,
    });
  }

  /** `POST /v1/clients`: enrols a key. */
  async enrol(c: Call): Promise<Response> {
    const { coordinator, pace } = this.#options;
    const body = await jsonIn(c, enrolRequest, pace);
    const { publicKey, challenge, proof, certificate, name } = body;
    const attributes = { ...(name !== undefined && { name }), ...body.attributes };
    const outcome = await coordinator.enrolment.register(
      {
        key: hexToBytes(publicKey),
        challenge: hexToBytes(challenge),
        proof: hexToBytes(proof),
        ...(Object.keys(attributes).length > 0 && { attributes }),
        ...(certificate && {
          certificate: {
            ...certificate,
            identity: hexToBytes(certificate.identity),
            federation: hexToBytes(certificate.federation),
            signature: hexToBytes(certificate.signature),
          },
        }),
      },
      this.#secret,
    );
    const { client, isNew } = granted(outcome, 'key');
    return c.json({ client }, isNew ? 201 : 200);
  }

  /** `POST /v1/session`: begins a session. */
  async begin(c: Call): Promise<Response> {
    const { coordinator, crypto, sessions, pace } = this.#options;
    const { publicKey, challenge, proof } = await jsonIn(c, sessionRequest, pace);
    const now = coordinator.now();
    const shown = await checkPossession(
      { challenge: hexToBytes(challenge), key: hexToBytes(publicKey), proof: hexToBytes(proof) },
      { secret: this.#secret, purpose: 'session', run: coordinator.store.run, now, crypto },
    );
    if (!shown.ok) throw problemOf(shown.refusal, 'key');
    const record = coordinator.registry.ownerOf(publicKey);
    if (record === undefined || record.key !== publicKey) {
      const what = record === undefined ? 'is not enrolled' : 'was replaced';
      throw new Problem('not-enrolled', `the key ${publicKey} ${what}`);
    }
    const { client } = record;
    const out = coordinator.standingOf(client);
    if (out !== undefined) throw problemOf(out, 'key');
    if (!sessions.isFirstUse(challenge, now)) {
      throw new Problem('stale-challenge', 'the challenge was answered before: ask for another');
    }
    const { token, expires } = sessions.begin({ client, key: publicKey }, now);
    coordinator.heard(client);
    return c.json({ token, expires, client, rotations: record.formerKeys.length });
  }

  /** `POST /v1/keys`: changes the key of a client; sessions of the former one are over. */
  async rotate(c: Call, { client }: Session): Promise<Response> {
    const { coordinator, sessions, pace } = this.#options;
    const { newPublicKey, signatureOld, signatureNew } = await jsonIn(c, rotationRequest, pace);
    const { key, formerKeys } = coordinator.registry.get(client)!;
    // A repeated request is for the change that was made.
    const isDone = key === newPublicKey && formerKeys.length > 0;
    const outcome = await coordinator.enrolment.rotate({
      client,
      rotations: isDone ? formerKeys.length - 1 : formerKeys.length,
      previous: hexToBytes(isDone ? formerKeys.at(-1)! : key),
      next: hexToBytes(newPublicKey),
      signature: hexToBytes(signatureOld),
      nextSignature: hexToBytes(signatureNew),
    });
    granted(outcome, 'key');
    sessions.end(client, newPublicKey);
    return c.json({ client });
  }
}
