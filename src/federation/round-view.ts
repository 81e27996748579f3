/**
 * What clients are shown of a run: how its round is getting on, and the blobs that they may have.
 *
 * @module
 */

import type { RoundStatus } from './round-status.ts';
import { isOver, type RunState } from './run-state.ts';
import type { Blobs } from './store/blobs.ts';
import type { LoggedEvent } from './store/chain.ts';

/** How the run is getting on, as a client sees it. */
export interface RoundView {
  readonly status: RoundStatus;
  readonly finished?: string;
  readonly model?: string;
  readonly modelBytes?: number;
  readonly deadline?: number;
  /** The optimiser's state, where clients need it: a blob that is served as models are. */
  readonly state?: string;
  readonly stateBytes?: number;
  /** Whether the client that asked takes part, or may. */
  readonly selected: boolean;
  /** Whether its update is in. */
  readonly committed: boolean;
}

/** The blobs of a run that clients may have: its models, and the optimiser's states where they need them. */
export class ServedBlobs {
  /** Whether clients need the optimiser's state. */
  readonly withStates: boolean;
  readonly #blobs: Blobs;
  readonly #names = new Set<string>();
  /** Sizes of those that were asked for. */
  readonly #bytes = new Map<string, number>();

  constructor(blobs: Blobs, { withStates }: { readonly withStates: boolean }) {
    this.#blobs = blobs;
    this.withStates = withStates;
  }

  /** Follows the log. */
  happened({ type, body }: Pick<LoggedEvent, 'type' | 'body'>): void {
    if (type === 'run.opened' || type === 'round.published') this.#names.add(String(body.model));
    if (type === 'round.published' && this.withStates) this.#names.add(String(body.optimizer));
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** In bytes. @throws {StoreError} if there is none of that name. */
  async sizeOf(name: string): Promise<number> {
    const known = this.#bytes.get(name);
    if (known !== undefined) return known;
    await using source = await this.#blobs.open(name);
    this.#bytes.set(name, source.size);
    return source.size;
  }
}

/** The round as a client sees it, or anybody. */
export async function viewOf(
  run: RunState,
  {
    client,
    status,
    served,
  }: {
    readonly client: string | undefined;
    readonly status: RoundStatus;
    readonly served: ServedBlobs;
  },
): Promise<RoundView> {
  const { round, finished, model, optimizer } = run;
  const state = served.withStates ? optimizer : undefined;
  const member = client === undefined ? undefined : round?.members.get(client);
  const base = round !== undefined && !isOver(round) ? round.model : model;
  return {
    status,
    ...(finished !== undefined && { finished }),
    ...(base !== undefined && { model: base, modelBytes: await served.sizeOf(base) }),
    ...(round !== undefined && { deadline: round.deadline }),
    ...(state !== undefined && { state, stateBytes: await served.sizeOf(state) }),
    selected: member === undefined ? mayJoin(run, client) : member.status !== 'out',
    committed: member?.status === 'committed',
  };
}

/** Whether a client that is no member would become one by declaring an update. */
function mayJoin({ round, reputation }: RunState, client: string | undefined): boolean {
  if (client === undefined || round?.phase !== 'collect' || !round.policy.lateJoin) return false;
  return round.members.size < round.policy.capacity && !reputation.isQuarantined(client);
}
