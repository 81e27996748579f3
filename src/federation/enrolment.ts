/**
 * Clients of a run: they come, change their keys and are put out, each by an event of the log. What is asked
 * for is decided by `registry.ts`, on what the log has told so far.
 *
 * @module
 */

import { parseEvent, type RunEvent } from './events.ts';
import type { Outcome, Refused } from './outcomes.ts';
import {
  type Decision,
  decideRegistration,
  decideRevocation,
  decideRotation,
  type EnrolmentPolicy,
  type RegistrationRequest,
  Registry,
  type RotationRequest,
  standing,
} from './registry.ts';
import type { ClientEvent } from './round.ts';
import type { RunHost } from './run-host.ts';
import type { LoggedEvent } from './store/chain.ts';

/** The run that clients are of. */
export interface EnrolmentHost extends RunHost {
  readonly policy: EnrolmentPolicy;
  /** Clients that there may be. */
  readonly most: number;
  /** Takes an event into the run; it is in the log then. */
  readonly record: (event: RunEvent<ClientEvent>) => Promise<unknown>;
  /** Told who is there. */
  readonly heard: (client: string) => void;
}

/** Who is enrolled, and how that changes. */
export class Enrolment {
  readonly #host: EnrolmentHost;
  #registry = new Registry();

  constructor(host: EnrolmentHost) {
    this.#host = host;
  }

  /** As the log tells it so far. */
  get registry(): Registry {
    return this.#registry;
  }

  /** Begins anew with what the store knows. */
  async reload(): Promise<void> {
    this.#registry = new Registry((await this.#host.store.clients()).values());
  }

  /** Follows the log. */
  happened(event: LoggedEvent): void {
    this.#registry.apply(event);
  }

  /** Why a client may not take part now, or `undefined`. */
  standingOf(client: string): Refused | undefined {
    const refusal = standing(this.#registry.get(client), { client, now: this.#host.now() });
    return refusal && { ok: false, ...refusal };
  }

  /** Enrols a client whose key was shown to be its own to whoever set `secret`. */
  async register(
    request: RegistrationRequest,
    secret: Uint8Array,
  ): Promise<Outcome<{ readonly client: string; readonly isNew: boolean }>> {
    const { store, crypto, policy, most, state, now, heard } = this.#host;
    const answer = await decideRegistration(request, {
      registry: this.#registry,
      policy,
      crypto,
      secret,
      run: store.run,
      now: now(),
    });
    if (!answer.ok) return { ok: false, ...answer.refusal };
    const { client, event } = answer.value;
    const isNew = event !== undefined && state().clients.get(client) === undefined;
    if (isNew && state().clients.size >= most) {
      const message = `the run has the ${most} clients that it may have`;
      return { ok: false, code: 'not-enrolled', status: 403, message };
    }
    await this.#record(answer.value);
    heard(client);
    return { ok: true, value: { client, isNew } };
  }

  /** Changes a client's key. */
  async rotate(request: RotationRequest): Promise<Outcome<{ readonly client: string }>> {
    const { store, crypto, now } = this.#host;
    const answer = await decideRotation(request, {
      registry: this.#registry,
      run: store.run,
      now: now(),
      crypto,
    });
    if (!answer.ok) return { ok: false, ...answer.refusal };
    await this.#record(answer.value);
    return { ok: true, value: { client: request.client } };
  }

  /** Puts a client out. */
  async revoke(client: string, reason: string): Promise<Outcome<{ readonly client: string }>> {
    const answer = decideRevocation({ client, reason }, this.#registry);
    if (!answer.ok) return { ok: false, ...answer.refusal };
    await this.#record(answer.value);
    return { ok: true, value: { client } };
  }

  async #record({ event }: Decision): Promise<void> {
    if (event === undefined) {
      await this.#host.synced();
      return;
    }
    const parsed = parseEvent(event.type, event.body) as RunEvent<'client.registered'>;
    await this.#host.record(parsed);
  }
}
