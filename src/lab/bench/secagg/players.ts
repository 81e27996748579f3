/**
 * A round between the real server and whoever plays its clients, in one process: each message is
 * delivered at once, and the server's time is booked.
 *
 * @module
 */

import type { RoundConfig } from '../../../secagg/config.ts';
import { type MessageType, openMessage } from '../../../secagg/messages.ts';
import type { ServerPhase } from '../../../secagg/server/state.ts';
import type { SecureServer } from '../../../secagg/server.ts';
import { type Ledger, type Part, type Seconds, since } from './ledger.ts';

/** Whoever answers for a client. */
export interface Player {
  /** Its identity, in hexadecimal digits. */
  readonly name: string;
  /** The answer to a message of the server, if there is one. */
  handle(message: Uint8Array): Promise<Uint8Array | undefined>;
}

/** A round to play. */
export interface RoundToPlay {
  readonly server: SecureServer;
  readonly players: readonly Player[];
  /** Of the server. */
  readonly ledger: Ledger;
  /** Hears of each message that the server has taken. */
  readonly onTaken?: (server: SecureServer) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** What the server spends its time on between cryptography and masks. */
const BETWEEN: Readonly<Record<ServerPhase, Part>> = {
  keys: 'messages',
  shares: 'messages',
  masked: 'inputs',
  consents: 'messages',
  unmask: 'reconstruction',
  done: 'messages',
  aborted: 'messages',
};

/**
 * Plays a round to its end; a phase ends when nothing more is on its way.
 *
 * @returns Seconds of the server's last step: from the last client's shares to the sum.
 */
export async function play(round: RoundToPlay): Promise<Seconds> {
  const { server, players, ledger, onTaken, signal } = round;
  const byName = new Map(players.map((player) => [player.name, player]));
  const invitation = await ledger.whole('messages', () => server.invitation());
  let onTheirWay = players.map(({ name }) => ({ to: name, message: invitation }));
  let now = 0;
  let lastStep: Seconds = {};
  const timed = async (step: () => ReturnType<SecureServer['tick']>): Promise<void> => {
    signal?.throwIfAborted();
    const before = ledger.seconds;
    const { send } = await ledger.whole(BETWEEN[server.phase], step);
    lastStep = since(before, ledger.seconds);
    onTheirWay.push(...send);
  };
  while (!isOver(server)) {
    const delivered = onTheirWay;
    onTheirWay = [];
    // Taken out, so that messages are not held on to once they are read.
    for (let next = delivered.shift(); next !== undefined; next = delivered.shift()) {
      const reply = await byName.get(next.to)!.handle(next.message);
      if (reply === undefined) continue;
      await timed(() => server.handle(reply, now));
      await onTaken?.(server);
    }
    if (onTheirWay.length > 0 || isOver(server)) continue;
    now = server.until;
    await timed(() => server.tick(now));
  }
  return lastStep;
}

function isOver({ phase }: SecureServer): boolean {
  return phase === 'done' || phase === 'aborted';
}

/** A player that shares its secrets and is not heard of again. */
export function leaving(player: Player): Player {
  let isGone = false;
  return {
    name: player.name,
    async handle(message) {
      isGone ||= typeOf(message) === 'boxes';
      return isGone ? undefined : player.handle(message);
    },
  };
}

/** The type of a message that the server has written. */
export function typeOf(message: Uint8Array): MessageType {
  return openMessage(message)!.type;
}

const PATIENCE_MS = 600_000;

/** A round on a complete graph, the largest entries that n sums of them have room for in 32 bits. */
export function benchConfig({ n, d }: { n: number; d: number }): RoundConfig {
  return {
    federation: new Uint8Array(16).fill(1),
    round: 1,
    nonce: new Uint8Array(32).fill(2),
    model: new Uint8Array(32).fill(3),
    dimensions: d,
    ringBits: 32,
    valueBits: Math.min(24, 32 - Math.ceil(Math.log2(n))),
    clip: 1,
    maxSamples: 0,
    maxClients: n,
    corrupt: 100_000,
    dropout: 100_000,
    sigma: 40,
    eta: 20,
    topology: 'complete',
    degree: 0,
    threshold: 0,
    arcSafe: false,
    minStart: 3,
    minSum: 3,
    groupSize: 0,
    noise: { law: 'none', shareVariance: 0, minHonest: 0 },
    deadlines: {
      advertise: PATIENCE_MS,
      shares: PATIENCE_MS,
      masked: PATIENCE_MS,
      consent: PATIENCE_MS,
      unmask: PATIENCE_MS,
    },
    beacon: new Uint8Array(32),
  };
}
