/**
 * A small round under the hands of a test: real clients and a real server, one message at a time, which a
 * test can watch, replace and interrupt.
 *
 * @module
 */

import { type ClientOptions, type Identity, SecureClient } from '../../src/secagg/client.ts';
import { encodingOf, type RoundConfig } from '../../src/secagg/config.ts';
import { withSlots } from '../../src/secagg/encode.ts';
import { allowList } from '../../src/secagg/enrolment.ts';
import { memoryJournal } from '../../src/secagg/journal.ts';
import { referenceMasks } from '../../src/secagg/masks.ts';
import type { ClientPolicy } from '../../src/secagg/policy.ts';
import type { ServerOptions } from '../../src/secagg/server/round.ts';
import type { ServerPhase } from '../../src/secagg/server/state.ts';
import { SecureServer, type ServerOutput } from '../../src/secagg/server.ts';
import { hex } from '../../src/secagg/suite.ts';
import { entriesOf, roundConfig, seededCrypto, seededIdentity } from './secure-round.ts';

/** Seven clients, all neighbours: k = 6, c = 1, t = 4, so that two may drop out. */
export const STAGE: RoundConfig = roundConfig({
  clients: 7,
  dimensions: 6,
  corrupt: 150_000,
  minStart: 5,
  minSum: 4,
});

/** What a test changes. */
export interface StageOptions {
  readonly config?: Partial<RoundConfig>;
  readonly server?: { [K in keyof ServerOptions]?: ServerOptions[K] | undefined };
  readonly clients?: Partial<ClientOptions> | ((number: number) => Partial<ClientOptions>);
  readonly policy?: Partial<ClientPolicy>;
  /** Where to stop: once the server is in that phase. */
  readonly until?: ServerPhase;
  /** What reaches the server in the place of what a client says; nothing, if it is to be lost. */
  readonly said?: (
    message: Uint8Array,
    from: number,
  ) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** What becomes of the bytes that were handed to the server, while it looks at them. */
  readonly onHandled?: (message: Uint8Array) => void;
  /** The server to go on with, after each message that it took and before anything is sent. */
  readonly onStep?: (server: SecureServer, output: ServerOutput) => Promise<SecureServer>;
}

/** A round that was played. */
export interface Played {
  readonly server: SecureServer;
  readonly options: ServerOptions;
  readonly config: RoundConfig;
  readonly clients: readonly SecureClient[];
  readonly identities: readonly Identity[];
  /** What each client was told, by identity, in order. */
  readonly told: ReadonlyMap<string, readonly Uint8Array[]>;
  /** What each client said, by number, in order. */
  readonly saids: readonly (readonly Uint8Array[])[];
}

/** Who takes part, and what they are made of; keys are the same each time. */
export async function stage({ config: terms, server = {} }: StageOptions = {}): Promise<{
  config: RoundConfig;
  identities: readonly Identity[];
  options: ServerOptions;
}> {
  const config = { ...STAGE, ...terms };
  const identities = await Promise.all(
    Array.from({ length: config.maxClients }, (_, i) => seededIdentity(1 + i)),
  );
  const options = {
    config,
    identity: await seededIdentity(99),
    crypto: seededCrypto(98),
    masks: referenceMasks(),
    enrolment: allowList(identities.map(({ publicKey }) => publicKey)),
    ...server,
  } as ServerOptions;
  return { config, identities, options };
}

/** Plays a round; phases end when nothing more is on its way. */
export async function playRound(play: StageOptions = {}): Promise<Played> {
  const { config, identities, options } = await stage(play);
  const names = identities.map(({ publicKey }) => hex(publicKey));
  let server = SecureServer.start(options, 0);
  const clients = identities.map((identity, i) => clientOf(identity, i, { config, options, play }));
  const told = new Map<string, Uint8Array[]>(names.map((name) => [name, []]));
  const saids: Uint8Array[][] = names.map(() => []);
  const invitation = await server.invitation();
  const mail = names.map((to) => ({ to, message: invitation }));
  const isOver = (): boolean =>
    server.phase === play.until || server.phase === 'done' || server.phase === 'aborted';
  const stepped = async (output: ServerOutput): Promise<void> => {
    server = (await play.onStep?.(server, output)) ?? server;
    mail.push(...output.send);
  };
  let now = 0;
  for (;;) {
    const next = mail.shift();
    if (next === undefined) {
      if (isOver()) return { server, options, config, clients, identities, told, saids };
      now = server.until;
      await stepped(await server.tick(now));
      continue;
    }
    const { to, message } = next;
    told.get(to)!.push(message);
    const number = names.indexOf(to);
    const { reply } = await clients[number]!.handle(message.slice(), now);
    if (reply === undefined || server.phase === play.until) continue;
    saids[number]!.push(reply);
    for (const said of (await play.said?.(reply, number)) ?? [reply]) {
      const bytes = said.slice();
      const taking = server.handle(bytes, now);
      // By then it has begun to wait for something.
      for (let turn = 0; turn < 4; turn++) await undefined;
      play.onHandled?.(bytes);
      await stepped(await taking);
    }
  }
}

function clientOf(
  identity: Identity,
  number: number,
  { config, options, play }: { config: RoundConfig; options: ServerOptions; play: StageOptions },
): SecureClient {
  return new SecureClient({
    identity,
    crypto: seededCrypto(100 + number),
    masks: referenceMasks(),
    journal: memoryJournal(),
    policy: {
      serverKey: options.identity.publicKey,
      federation: config.federation,
      model: config.model,
      dimensions: config.dimensions,
      enrolment: options.enrolment,
      minSum: 3,
      ...play.policy,
    },
    input: ({ canary }) =>
      withSlots(encodingOf(config), {
        entries: entriesOf(number, config.dimensions),
        weight: 2 ** encodingOf(config).weightBits,
        ctxConstants: canary,
      }),
    ...(typeof play.clients === 'function' ? play.clients(number) : play.clients),
  });
}
