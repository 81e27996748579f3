/**
 * Rounds of secure aggregation for tests: clients and a server in one place, everything from a seed, each
 * message delivered at once and in order.
 *
 * @module
 */

import { createRandom } from '../../src/core/random.ts';
import { type Identity, type InputTerms, SecureClient } from '../../src/secagg/client.ts';
import type { Codec } from '../../src/secagg/codec.ts';
import { encodingOf, type RoundConfig } from '../../src/secagg/config.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import type { CryptoProvider } from '../../src/secagg/crypto/provider.ts';
import { withSlots } from '../../src/secagg/encode.ts';
import { allowList } from '../../src/secagg/enrolment.ts';
import { type Journal, memoryJournal } from '../../src/secagg/journal.ts';
import { referenceMasks } from '../../src/secagg/masks.ts';
import { type MessageType, openMessage } from '../../src/secagg/messages.ts';
import type { ClientPolicy } from '../../src/secagg/policy.ts';
import type { Reason } from '../../src/secagg/reasons.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { hex } from '../../src/secagg/suite.ts';
import { entriesOf } from './secure-inputs.ts';

export { entriesOf, roundConfig, sumOf } from './secure-inputs.ts';

/** Bytes from a seed: for tests alone. */
export function seededBytes(seed: number): (length: number) => Uint8Array {
  const random = createRandom(seed);
  return (length) => Uint8Array.from({ length }, () => random.uint32() & 0xff);
}

const platform = await createNodeCrypto({ threads: 0 });

/** Cryptography whose randomness comes from a seed. */
export function seededCrypto(seed: number): CryptoProvider {
  return { ...platform, randomBytes: seededBytes(seed) };
}

/** An identity from a seed. */
export async function seededIdentity(seed: number): Promise<Identity> {
  const crypto = seededCrypto(seed);
  const secret = crypto.randomBytes(32);
  return { secret, publicKey: await crypto.signingKey(secret) };
}

/** A beacon whose every value is its reference, turned around. */
const beacon = (reference: Uint8Array): Uint8Array => reference.toReversed();

/** A message on its way. */
export interface Sent {
  /** Number of the client, in the order of seeds; −1 for the server. */
  readonly from: number;
  readonly to: number;
  readonly message: Uint8Array;
  /** Why the server refused it. */
  readonly refused?: Reason;
}

/** What is run, and what is lost on the way. */
export interface RoundOptions {
  readonly config: RoundConfig;
  readonly seed?: number;
  readonly policy?: Partial<ClientPolicy>;
  /** Of each client; empty ones unless given. */
  readonly journals?: readonly Journal[];
  /** Messages that do not arrive, by type and number of the client they are of or for. */
  readonly lost?: Partial<Record<MessageType, readonly number[]>>;
  /** What all entries of a client are. Default: as `entriesOf` has them. */
  readonly input?: (client: number) => number;
  /** The whole input of a client, slots too. Default: integers with their slots. */
  readonly encode?: (client: number, terms: InputTerms) => Promise<Uint32Array>;
  /** What clients and the server pack by. */
  readonly codec?: Codec;
  /** What takes the place of a message, by its number in the transcript. */
  readonly replace?: { readonly step: number; readonly message: Uint8Array };
}

/** A round that was run to its end. */
export interface RanRound {
  readonly server: SecureServer;
  readonly clients: readonly SecureClient[];
  readonly identities: readonly Identity[];
  readonly transcript: readonly Sent[];
}

/** Runs a round; phases end when nothing more is on its way. */
export async function runRound(options: RoundOptions): Promise<RanRound> {
  const { config, seed = 1, policy, lost = {}, input, encode, replace } = options;
  const packing = options.codec === undefined ? {} : { codec: options.codec };
  const seeds = Array.from({ length: config.maxClients }, (_, i) => 1000 * seed + 1 + i);
  const identities = await Promise.all(seeds.map(seededIdentity));
  const names = identities.map(({ publicKey }) => hex(publicKey));
  const enrolment = allowList(identities.map(({ publicKey }) => publicKey));
  const identity = await seededIdentity(1000 * seed);
  const masks = referenceMasks();
  const serverCrypto = seededCrypto(1000 * seed + 999);
  const server = SecureServer.start(
    { config, identity, crypto: serverCrypto, masks, enrolment, beacon, ...packing },
    0,
  );
  const clients = identities.map(
    (own, i) =>
      new SecureClient({
        identity: own,
        crypto: seededCrypto(seeds[i]! + 500),
        masks,
        ...packing,
        journal: options.journals?.[i] ?? memoryJournal(),
        beacon,
        policy: {
          serverKey: identity.publicKey,
          federation: config.federation,
          model: config.model,
          dimensions: config.dimensions,
          enrolment,
          minSum: 3,
          thinRings: !config.arcSafe,
          ...policy,
        },
        input: (terms) =>
          encode?.(i, terms) ??
          withSlots(encodingOf(config), {
            entries:
              input === undefined
                ? entriesOf(i, config.dimensions)
                : new Int32Array(config.dimensions).fill(input(i)),
            weight: 2 ** encodingOf(config).weightBits,
            ctxConstants: terms.canary,
          }),
      }),
  );
  const transcript: Sent[] = [];
  const arrives = (client: number, message: Uint8Array): boolean =>
    lost[openMessage(message)!.type]?.includes(client) !== true;
  const replaced = (message: Uint8Array): Uint8Array =>
    replace?.step === transcript.length ? replace.message : message;
  const queue: { to: number; message: Uint8Array }[] = [];
  const invitation = await server.invitation();
  for (const to of clients.keys()) queue.push({ to, message: invitation });
  let now = 0;
  while ((server.phase !== 'done' && server.phase !== 'aborted') || queue.length > 0) {
    const next = queue.shift();
    if (next === undefined) {
      now = server.until;
      const { send } = await server.tick(now);
      queue.push(...send.map(({ to, message }) => ({ to: names.indexOf(to), message })));
      continue;
    }
    const { to, message } = next;
    if (!arrives(to, message)) continue;
    const told = replaced(message);
    transcript.push({ from: -1, to, message: told });
    const { reply } = await clients[to]!.handle(told, now);
    if (reply === undefined || !arrives(to, reply)) continue;
    const said = replaced(reply);
    const { send, refused } = await server.handle(said, now);
    transcript.push({ from: to, to: -1, message: said, ...(refused && { refused }) });
    queue.push(...send.map((out) => ({ to: names.indexOf(out.to), message: out.message })));
  }
  return { server, clients, identities, transcript };
}
