/** Clients of rounds under masks, what they put in, and what that comes to in the clear. */

import { FederationClient } from '../../src/federation/client/client.ts';
import type { Fetch } from '../../src/federation/client/http.ts';
import type { Participation } from '../../src/federation/client/participation.ts';
import { type SecureOptions, underMasks } from '../../src/federation/client/secure.ts';
import type { Train } from '../../src/federation/client/train.ts';
import { Identity } from '../../src/federation/identity.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import type { Masks } from '../../src/secagg/masks.ts';
import { nativeMasks } from '../../src/secagg/masks-node.ts';
import { type MessageType, openMessage } from '../../src/secagg/messages.ts';
import { configOf, nodeCrypto } from './federation-server.ts';

/** A run under masks of so many clients. */
export function secureConfigOf(
  clients: number,
  changes: Partial<RunConfigInput> = {},
): RunConfigInput {
  return configOf({
    rounds: 1,
    secure: { kind: 'sagg1', clip: 4, corrupt: 0, minSum: 3, dropout: 0.3 },
    selection: { scheme: 'uniform', count: clients },
    round: { collectSeconds: 30, processingSeconds: 20 },
    ...changes,
  });
}

/** Trains an update of these seven entries. */
export function giving(values: readonly number[], samples = 10): Train {
  return ({ model }) => {
    const difference: Record<string, Float32Array> = {};
    let at = 0;
    for (const [name, tensor] of model.tensors) {
      difference[name] = Float32Array.from(values.slice(at, at + tensor.values.length));
      at += tensor.values.length;
    }
    return { difference, samples };
  };
}

/** What a client's part is played with. */
export interface PlayerOptions {
  readonly identity?: Identity;
  readonly secure?: SecureOptions;
  /** The process dies instead of sending this. */
  readonly diesAt?: MessageType;
  /** Told of each message that was taken. */
  readonly onSent?: (type: MessageType) => void;
}

/** A client that takes part under masks. */
export class Player {
  readonly client: FederationClient;
  /** What it put under its masks, for each round: words, slots first, with noise if there is any. */
  readonly inputs: Uint32Array[];
  readonly #death: AbortController;

  private constructor(parts: Pick<Player, 'client' | 'inputs'>, death: AbortController) {
    this.client = parts.client;
    this.inputs = parts.inputs;
    this.#death = death;
  }

  static async join(url: string, options: PlayerOptions = {}): Promise<Player> {
    const crypto = await nodeCrypto();
    const { identity = await Identity.create(crypto), secure } = options;
    const inputs: Uint32Array[] = [];
    const death = new AbortController();
    const client = await FederationClient.connect({
      url,
      identity,
      crypto,
      patienceMs: 60_000,
      backoff: { firstMs: 50, mostMs: 500 },
      fetch: watched(options, death),
      secure: underMasks({
        minSum: 3,
        corrupt: 0,
        masks: recorded(inputs),
        enrolment: () => true,
        ...secure,
      }),
    });
    return new Player({ client, inputs }, death);
  }

  get id(): string {
    return this.client.id;
  }

  /** Takes part until the run ends or the client dies, and says how. */
  async play(train: Train): Promise<Participation[]> {
    const parts: Participation[] = [];
    const { signal } = this.#death;
    try {
      for await (const part of this.client.participate({ train, signal })) parts.push(part);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.client.close();
    return parts;
  }

  die(): void {
    this.#death.abort(new Error('died'));
  }
}

/** Masks that remember what they were put on. */
function recorded(inputs: Uint32Array[]): Masks {
  const masks = nativeMasks();
  return {
    add(words, keys) {
      inputs.push(words.slice());
      return masks.add(words, keys);
    },
  };
}

function watched({ diesAt: type, onSent }: PlayerOptions, death: AbortController): Fetch {
  return async (url, init) => {
    const { body, method } = init;
    const isInput = type === 'masked' && url.endsWith('/updates');
    const isBytes = url.includes('/secure') && body instanceof Uint8Array;
    const sent = isBytes ? openMessage(body)?.type : undefined;
    if (method === 'POST' && (isInput || (sent !== undefined && sent === type))) {
      death.abort(new Error('died'));
      throw new Error('died');
    }
    const response = await fetch(url, init);
    if (sent !== undefined && response.ok) onSent?.(sent);
    return response;
  };
}

/** The sum of what clients put in, word by word. */
export function sumOf(players: readonly Player[], round = 0): Uint32Array {
  const first = players[0]!.inputs[round]!;
  return first.map((_, j) =>
    players.reduce((sum, { inputs }) => (sum + inputs[round]![j]!) >>> 0, 0),
  );
}
