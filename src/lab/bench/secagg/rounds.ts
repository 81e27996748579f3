/**
 * Rounds whose server is measured: among dealt clients, with some real ones, or among real ones alone.
 *
 * @module
 */

import type { Identity } from '../../../secagg/client.ts';
import { encodingOf, type RoundConfig } from '../../../secagg/config.ts';
import type { CryptoProvider } from '../../../secagg/crypto/provider.ts';
import { allowList, type Enrolment } from '../../../secagg/enrolment.ts';
import type { Masks } from '../../../secagg/masks.ts';
import { SecureServer } from '../../../secagg/server.ts';
import { KEY_BYTES } from '../../../secagg/suite.ts';
import { Dealer } from './dealt.ts';
import { Inputs } from './inputs.ts';
import { type Counts, Ledger, type Seconds, timedCrypto, timedMasks } from './ledger.ts';
import { benchConfig, leaving, type Player, play } from './players.ts';
import { realPlayer, type TimedPlayer } from './real.ts';

/** Cryptography and masks of one party. */
export interface Tools {
  readonly crypto: CryptoProvider;
  readonly masks: Masks;
}

/** A round to measure. */
export interface RoundToMeasure {
  readonly n: number;
  readonly d: number;
  /** Clients that share their secrets and send no input. */
  readonly dropped: number;
  readonly seed: number;
  readonly server: Tools;
  readonly onTaken?: (server: SecureServer) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** What a round took. */
export interface MeasuredRound {
  /** Of the server, over the whole round. */
  readonly seconds: Seconds;
  readonly counts: Counts;
  /** Of its last step: from the last client's shares to the sum. */
  readonly unmasking: Seconds;
  /** Of each real client. */
  readonly clients: readonly Seconds[];
  /** What is wrong with the sum, if anything. */
  readonly problem?: string;
}

/** A round of dealt clients. */
export interface DealtRound extends RoundToMeasure {
  /** Of the dealer. */
  readonly dealer: Tools;
  /** Of real clients among them. */
  readonly real?: readonly Tools[];
}

/** Measures a server whose clients were dealt, and the real ones among them. */
export async function measureDealt(
  round: DealtRound,
): Promise<MeasuredRound & { readonly dealer: Dealer }> {
  const { n, dropped, dealer: tools, real = [] } = round;
  const table = await laid(round, tools.crypto);
  const { config, identities, inputs } = table;
  const dealer = await Dealer.of({
    config,
    identities: identities.slice(0, n - real.length),
    dropped,
    inputs,
    ...tools,
  });
  const clients = real.map((some, i) =>
    realPlayer({ ...table, ...some, identity: identities[n - 1 - i]! }),
  );
  const measured = await playAt(table, { ...round, players: [...dealer.players, ...clients] });
  return { ...measured, clients: clients.map(({ ledger }) => ledger.seconds), dealer };
}

/** Measures a round in which everybody is real; all clients have the same tools. */
export async function measureReal(
  round: RoundToMeasure & { readonly client: Tools },
): Promise<MeasuredRound> {
  const { n, dropped, client } = round;
  const table = await laid(round, client.crypto);
  const clients = table.identities.map((identity, i) =>
    realPlayer({ ...table, ...client, identity, counts: i < n - dropped }),
  );
  const players = clients.map((player, i) => (i < n - dropped ? player : leaving(player)));
  const measured = await playAt(table, { ...round, players });
  return { ...measured, clients: clients.map(({ ledger }: TimedPlayer) => ledger.seconds) };
}

/** What a round begins with. */
interface Table {
  readonly config: RoundConfig;
  readonly identities: readonly Identity[];
  readonly identity: Identity;
  readonly serverKey: Uint8Array;
  readonly enrolment: Enrolment;
  readonly inputs: Inputs;
}

async function laid({ n, d, seed }: RoundToMeasure, crypto: CryptoProvider): Promise<Table> {
  const config = benchConfig({ n, d });
  const identities: Identity[] = [];
  for (let i = 0; i < n; i++) identities.push(await newIdentity(crypto));
  const identity = await newIdentity(crypto);
  return {
    config,
    identities,
    identity,
    serverKey: identity.publicKey,
    enrolment: allowList(identities.map(({ publicKey }) => publicKey)),
    inputs: new Inputs(encodingOf(config), seed),
  };
}

async function newIdentity(crypto: CryptoProvider): Promise<Identity> {
  const secret = crypto.randomBytes(KEY_BYTES);
  return { secret, publicKey: await crypto.signingKey(secret) };
}

async function playAt(
  { config, identity, enrolment, inputs }: Table,
  round: RoundToMeasure & { readonly players: readonly Player[] },
): Promise<Omit<MeasuredRound, 'clients'>> {
  const { players, onTaken, signal, n, dropped } = round;
  const ledger = new Ledger();
  const crypto = timedCrypto(round.server.crypto, ledger);
  const masks = timedMasks(round.server.masks, ledger);
  const server = SecureServer.start({ config, identity, enrolment, crypto, masks }, 0);
  const unmasking = await play({ server, players, ledger, ...(onTaken && { onTaken }), signal });
  const problem = problemOf(server, { sum: inputs.sum, survivors: n - dropped });
  const { seconds, counts } = ledger;
  return { seconds, counts, unmasking, ...(problem !== undefined && { problem }) };
}

/** Held against the sum of the inputs themselves, word by word. */
function problemOf(
  { outcome, refusal }: SecureServer,
  expected: { sum: Uint32Array; survivors: number },
): string | undefined {
  if (outcome === undefined) return `the round was given up: ${refusal?.reason}`;
  const { words, inputs, liars } = outcome.sums[0]!;
  if (inputs.length !== expected.survivors) return `${inputs.length} inputs are in the sum`;
  if (liars.length > 0) return `${liars.length} clients are said to have lied`;
  const wrong = words.reduce((count, word, j) => count + Number(word !== expected.sum[j]), 0);
  return wrong === 0 ? undefined : `${wrong} of ${words.length} words of the sum are wrong`;
}
