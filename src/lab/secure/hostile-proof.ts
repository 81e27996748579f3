/**
 * What a leak is worth: a sum of inputs, taken from nothing but shares that were told, public keys and
 * masked inputs. It holds the oracle of `leak.ts` to its word.
 *
 * @module
 */

import { type Member, pairMaskKey, selfMaskKey, signOf } from '../../secagg/keys.ts';
import type { Mask } from '../../secagg/masks.ts';
import { createRecombiner } from '../../secagg/recombine.ts';
import { type Kind, type Played, shareName } from './hostile.ts';
import { maskedClient, type World } from './hostile-world.ts';
import { knowsMask } from './leak.ts';

/**
 * The sum of the inputs of these clients, as words.
 *
 * @throws {Error} if what the server holds is not enough.
 */
export async function unmaskedSum(
  world: World,
  played: Played,
  clients: readonly number[],
): Promise<Uint32Array> {
  const { inputs } = played.knowledge;
  let sum: Uint32Array | undefined;
  const masks: Mask[] = [];
  const within = new Set(clients);
  for (const client of clients) {
    const near = inputs.get(client);
    const masked = near && (await maskedClient(world, client, [...near]));
    if (masked === undefined) throw new Error(`client ${client} sent no input`);
    sum = sum?.map((word, j) => word + masked.words[j]!) ?? masked.words;
    masks.push(await selfMask(world, played, client));
    for (const other of near!) {
      const cancels = within.has(other) && inputs.get(other)!.has(client);
      if (!cancels) masks.push(await pairMask(world, played, [client, other]));
    }
  }
  if (sum === undefined) throw new Error('a sum of nobody is none');
  return world.masks.add(sum, masks);
}

async function selfMask(world: World, played: Played, client: number): Promise<Mask> {
  const seed = restored(world, played, { kind: 'seed', owner: client });
  const tools = { binding: world.binding, crypto: world.federation.crypto };
  return { key: selfMaskKey(seed, memberOf(world, client), tools), sign: -1 };
}

async function pairMask(
  world: World,
  played: Played,
  [client, other]: readonly [number, number],
): Promise<Mask> {
  const { crypto } = world.federation;
  const [owner, peer] = knowsMask(other, played.knowledge) ? [other, client] : [client, other];
  const secret = world.known.has(owner)
    ? world.secrets.get(owner)!.mask
    : restored(world, played, { kind: 'mask', owner });
  const publicKey = world.roster[peer]!.maskKey;
  const [agreed] = await crypto.sharedSecrets([{ secret, publicKey }]);
  const pair = [memberOf(world, client), memberOf(world, other)] as const;
  const key = pairMaskKey(agreed!, pair, { binding: world.binding, crypto });
  return { key, sign: signOf(client, other) === 1 ? -1 : 1 };
}

/** A secret from its shares. */
function restored(
  { graph }: World,
  { shares }: Played,
  { kind, owner }: { readonly kind: Kind; readonly owner: number },
): Uint8Array {
  const { threshold } = graph.terms(owner);
  const points = graph.neighbours(owner).flatMap((holder, rank) => {
    const share = shares.get(shareName(kind, owner, holder));
    return share === undefined ? [] : [{ x: 1 + rank, share }];
  });
  if (points.length < threshold) throw new Error(`too few shares of the ${kind} of ${owner}`);
  return createRecombiner().recombine(points, threshold);
}

function memberOf({ roster }: World, index: number): Member {
  return { index, entry: roster[index]! };
}
