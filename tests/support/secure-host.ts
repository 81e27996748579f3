/**
 * The Node side of a secure round with a page in it: the server and all other clients. The page sends
 * and gets bytes, and nothing else once the round has begun.
 *
 * @module
 */

import { type Identity, SecureClient } from '../../src/secagg/client.ts';
import { encodingOf, type RoundConfig } from '../../src/secagg/config.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import { withSlots } from '../../src/secagg/encode.ts';
import { allowList } from '../../src/secagg/enrolment.ts';
import { memoryJournal } from '../../src/secagg/journal.ts';
import { nativeMasks } from '../../src/secagg/masks-node.ts';
import { type MessageType, openMessage } from '../../src/secagg/messages.ts';
import type { Outgoing } from '../../src/secagg/server/mail.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { hex } from '../../src/secagg/suite.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { entriesOf, roundConfig } from './secure-inputs.ts';

/** What is run. The page is client 0. */
export interface HostedRound {
  readonly clients: number;
  readonly dimensions: number;
  readonly config?: Partial<Pick<RoundConfig, 'ringBits' | 'topology' | 'groupSize'>>;
  /** The page's public key, in Base64. */
  readonly identity: string;
  /** Clients from which a message does not arrive, by its type. */
  readonly lost?: Partial<Record<MessageType, readonly number[]>>;
}

/** What a page knows from elsewhere before a round; bytes in Base64. */
export interface Introduction {
  readonly room: number;
  readonly serverKey: string;
  readonly federation: string;
  readonly model: string;
  readonly identities: readonly string[];
}

/** Messages for the page, in Base64; none once the round is over. */
export type Mail = readonly string[];

/** What the server has got; clients by number, words as bytes in Base64. */
export interface HostReport {
  readonly phase: string;
  readonly refusal: string | undefined;
  readonly sums: readonly { readonly inputs: readonly number[]; readonly words: string }[];
}

/** A round under way. */
interface Room {
  readonly server: SecureServer;
  /** By name; the page has none here. */
  readonly clients: ReadonlyMap<string, SecureClient>;
  readonly names: readonly string[];
  readonly lost: NonNullable<HostedRound['lost']>;
  readonly queue: Outgoing[];
  now: number;
}

const rooms: Room[] = [];

/** Begins a round. */
export async function open({ identity, lost = {}, ...shape }: HostedRound): Promise<Introduction> {
  const { clients, dimensions } = shape;
  const crypto = await createNodeCrypto({ threads: 0 });
  const masks = nativeMasks();
  const config = roundConfig({ clients, dimensions, ...shape.config });
  const newIdentity = async (): Promise<Identity> => {
    const secret = crypto.randomBytes(32);
    return { secret, publicKey: await crypto.signingKey(secret) };
  };
  const others = await Promise.all(Array.from({ length: clients - 1 }, newIdentity));
  const publicKeys = [fromBase64(identity), ...others.map(({ publicKey }) => publicKey)];
  const enrolment = allowList(publicKeys);
  const own = await newIdentity();
  const server = SecureServer.start({ config, identity: own, crypto, masks, enrolment }, 0);
  const { federation, model } = config;
  const policy = { serverKey: own.publicKey, federation, model, dimensions, enrolment, minSum: 3 };
  const named = others.map((other, i) => {
    const client = new SecureClient({
      identity: other,
      policy,
      crypto,
      masks,
      journal: memoryJournal(),
      input: ({ canary }) =>
        withSlots(encodingOf(config), {
          entries: entriesOf(i + 1, dimensions),
          weight: 2 ** encodingOf(config).weightBits,
          ctxConstants: canary,
        }),
    });
    return [hex(other.publicKey), client] as const;
  });
  const names = publicKeys.map(hex);
  const invitation = await server.invitation();
  const queue = names.map((to) => ({ to, message: invitation }));
  rooms.push({ server, clients: new Map(named), names, lost, queue, now: 0 });
  return {
    room: rooms.length - 1,
    serverKey: toBase64(own.publicKey),
    federation: toBase64(federation),
    model: toBase64(model),
    identities: publicKeys.map(toBase64),
  };
}

/** Hands the server what the page says, and goes on until there is something for the page. */
export async function exchange(number: number, replies: Mail): Promise<Mail> {
  const room = rooms[number]!;
  const { server, clients, names, queue } = room;
  for (const reply of replies) await hand(room, 0, fromBase64(reply));
  const mail: string[] = [];
  for (;;) {
    const next = queue.shift();
    if (next === undefined) {
      // Only what is lost keeps a phase open now.
      if (mail.length > 0 || server.phase === 'done' || server.phase === 'aborted') return mail;
      room.now = server.until;
      queue.push(...(await server.tick(room.now)).send);
      continue;
    }
    const client = clients.get(next.to);
    if (client === undefined) {
      mail.push(toBase64(next.message));
      continue;
    }
    const { reply } = await client.handle(next.message, room.now);
    if (reply !== undefined) await hand(room, names.indexOf(next.to), reply);
  }
}

async function hand(room: Room, from: number, message: Uint8Array): Promise<void> {
  const type = openMessage(message)?.type;
  if (type !== undefined && room.lost[type]?.includes(from) === true) return;
  const { send } = await room.server.handle(message, room.now);
  room.queue.push(...send);
}

/** What came of it. */
export function report(number: number): HostReport {
  const { server, names } = rooms[number]!;
  return {
    phase: server.phase,
    refusal: server.refusal?.reason,
    sums: (server.outcome?.sums ?? []).map(({ inputs, words }) => ({
      inputs: inputs.map((name) => names.indexOf(name)).sort((a, b) => a - b),
      words: toBase64(new Uint8Array(words.buffer, words.byteOffset, words.byteLength)),
    })),
  };
}
