/**
 * Threads for what takes a curve, in batches that are worth it. A task that the team cannot do (the
 * platform starts no workers, one died, all were ended) is done on this thread instead: threads
 * change how long it takes and nothing else.
 *
 * @module
 */

import type { SpawnedWorker, WorkerSpawner } from '../../core/spawn.ts';
import { isZero } from '../suite.ts';
import type { Agreement, Primitives, Signatures } from './primitives.ts';
import type { Admitted, Claim, Implementation, KeyPairing } from './provider.ts';
import type { Answer, Order, Report, Task } from './team-protocol.ts';
import { flat, keys } from './team-serve.ts';

/** What a team is made of. */
export interface TeamOptions {
  /** Largest number of workers; 0 for none. */
  readonly threads: number;
  readonly spawner: WorkerSpawner;
  /** The text of their script, loaded when the first of them is needed. */
  readonly script: () => Promise<string>;
}

/** From how many items on a batch is shared, and how many a worker gets at one time. */
interface Share {
  readonly least: number;
  readonly size: number;
}

/** A worker takes some 20 ms for its share, and some 50 ms to start. */
const NOBLE: Share = { least: 64, size: 16 };
const NATIVE: Share = { least: 1024, size: 256 };

/** A task that waits for a worker. Secrets are copied for it when there is one. */
interface Waiting {
  readonly order: () => Order;
  readonly resolve: (answer: Answer | undefined) => void;
}

/** Workers, started when there is work for them. */
export class Team {
  readonly #options: TeamOptions;
  readonly #waiting: Waiting[] = [];
  /** Each with the task that it is at. */
  readonly #members = new Map<Member, Waiting | undefined>();
  #script: string | undefined;
  /** Set where the platform has refused to start a worker, and at the end: no more are started. */
  #isOver = false;

  constructor(options: TeamOptions) {
    this.#options = options;
    if (options.threads === 0) this.#isOver = true;
  }

  /** Has a task done; `undefined` if nobody could. */
  async run(order: () => Order): Promise<Answer | undefined> {
    if (this.#isOver && this.#members.size === 0) return undefined;
    try {
      this.#script ??= await this.#options.script();
    } catch {
      return undefined;
    }
    return new Promise((resolve) => {
      this.#waiting.push({ order, resolve });
      this.#assign();
    });
  }

  /** Ends all workers. What they were at is left to whoever asked. */
  async close(): Promise<void> {
    this.#isOver = true;
    const members = [...this.#members];
    this.#members.clear();
    await Promise.all(members.map(([{ worker }]) => worker.end()));
    for (const [, waiting] of members) waiting?.resolve(undefined);
    this.#assign();
  }

  /** Gives work to whoever has none, or back to whoever asked if there is nobody. */
  #assign(): void {
    while (this.#waiting.length > 0) {
      const member = this.#idle() ?? this.#enlist();
      if (member === undefined) break;
      const waiting = this.#waiting.shift()!;
      this.#members.set(member, waiting);
      const order = waiting.order();
      member.worker.hold(true);
      member.worker.post(order, moved(order.task));
    }
    if (this.#members.size > 0) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  #idle(): Member | undefined {
    for (const [member, waiting] of this.#members) if (waiting === undefined) return member;
    return undefined;
  }

  #enlist(): Member | undefined {
    const { threads, spawner } = this.#options;
    if (this.#isOver || this.#members.size >= threads) return undefined;
    try {
      const member: Member = {
        hasAnswered: false,
        worker: spawner.spawn(this.#script!, {
          onMessage: (report) => this.#hear(member, report as Report),
          onFailure: () => this.#lose(member),
        }),
      };
      this.#members.set(member, undefined);
      return member;
    } catch {
      this.#isOver = true;
      return undefined;
    }
  }

  #hear(member: Member, { answer }: Report): void {
    const waiting = this.#members.get(member);
    member.hasAnswered = true;
    this.#members.set(member, undefined);
    member.worker.hold(false);
    waiting?.resolve(answer);
    this.#assign();
  }

  #lose(member: Member): void {
    const waiting = this.#members.get(member);
    this.#members.delete(member);
    // One that never answered could not be started: others could not be either.
    if (!member.hasAnswered) this.#isOver = true;
    waiting?.resolve(undefined);
    this.#assign();
  }
}

interface Member {
  readonly worker: SpawnedWorker;
  hasAnswered: boolean;
}

/** The primitives, with large batches shared out. */
export function teamed(primitives: Primitives, by: Admitted, team: Team): Primitives {
  return {
    ...primitives,
    agreement: teamedAgreement(primitives.agreement, by.agreement, team),
    signatures: teamedSignatures(primitives.signatures, by.signatures, team),
  };
}

function teamedAgreement(here: Agreement, by: Implementation, team: Team): Agreement {
  // Browsers have threads of their own for it.
  if (by === 'web') return here;
  const share = by === 'noble' ? NOBLE : NATIVE;
  return {
    publicKeys: (secrets) =>
      divided(secrets, share, {
        here: here.publicKeys,
        async away(some) {
          const answer = await team.run(() => ({ by, task: keyTask(some) }));
          return answer && copies(answer);
        },
      }),
    sharedSecrets: (pairings) =>
      divided(pairings, share, {
        here: here.sharedSecrets,
        async away(some) {
          const answer = await team.run(() => ({ by, task: pairingTask(some) }));
          return answer && copies(answer).map((secret) => (isZero(secret) ? undefined : secret));
        },
      }),
  };
}

function teamedSignatures(here: Signatures, by: Implementation, team: Team): Signatures {
  // Native ones run on threads already.
  if (by !== 'noble') return here;
  return {
    ...here,
    verifyAll: (claims) =>
      divided(claims, NOBLE, {
        here: here.verifyAll,
        async away(some) {
          const answer = await team.run(() => ({ by, task: claimTask(some) }));
          return answer && Array.from(answer, Boolean);
        },
      }),
  };
}

/** Who does the work: this thread, or another if there is one. */
interface Places<T, U> {
  readonly here: (items: readonly T[]) => Promise<U[]>;
  readonly away: (items: readonly T[]) => Promise<U[] | undefined>;
}

/** The results of a batch, in its order; what nobody else could do is done here at the end. */
async function divided<T, U>(
  items: readonly T[],
  { least, size }: Share,
  { here, away }: Places<T, U>,
): Promise<U[]> {
  if (items.length < least) return here(items);
  const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, i) => i * size);
  const parts = starts.map((start) => items.slice(start, start + size));
  const answers = await Promise.all(parts.map(away));
  const rest = await here(parts.filter((_, i) => answers[i] === undefined).flat());
  let at = 0;
  return parts.flatMap((part, i) => {
    const answer = answers[i];
    if (answer !== undefined) return answer;
    at += part.length;
    return rest.slice(at - part.length, at);
  });
}

function keyTask(secrets: readonly Uint8Array[]): Task {
  return { kind: 'publicKeys', secrets: flat(secrets) };
}

function pairingTask(pairings: readonly KeyPairing[]): Task {
  const places = new Map<Uint8Array, number>();
  const which = Uint32Array.from(pairings, ({ secret }) => {
    const place = places.get(secret) ?? places.size;
    places.set(secret, place);
    return place;
  });
  const publicKeys = flat(pairings.map(({ publicKey }) => publicKey));
  return { kind: 'sharedSecrets', secrets: flat([...places.keys()]), which, publicKeys };
}

/** Copies, since a view would take all of its buffer along. */
function claimTask(claims: readonly Claim[]): Task {
  const copied = claims.map(({ publicKey, message, signature }) => {
    return {
      publicKey: Uint8Array.from(publicKey),
      message: Uint8Array.from(message),
      signature: Uint8Array.from(signature),
    };
  });
  return { kind: 'verifyAll', claims: copied };
}

/** What goes to the worker without staying here. */
function moved(task: Task): ArrayBuffer[] {
  return task.kind === 'verifyAll' ? [] : [task.secrets.buffer];
}

/** Keys in arrays of their own; the one that they came in is overwritten. */
function copies(answer: Answer): Uint8Array[] {
  const all = keys(answer).map((key) => Uint8Array.from(key));
  answer.fill(0);
  return all;
}
