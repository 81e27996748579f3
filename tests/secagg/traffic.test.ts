/**
 * What a client sends and receives among a thousand: five messages each way, of the sizes that the
 * protocol states, with cryptography and masks that run.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { SecureClient } from '../../src/secagg/client.ts';
import { contextOf, encodingOf } from '../../src/secagg/config.ts';
import { createNodeCrypto } from '../../src/secagg/crypto/create-node.ts';
import { withSlots } from '../../src/secagg/encode.ts';
import { allowList } from '../../src/secagg/enrolment.ts';
import { drawGraph } from '../../src/secagg/graph.ts';
import { memoryJournal } from '../../src/secagg/journal.ts';
import { nativeMasks } from '../../src/secagg/masks-node.ts';
import {
  boxAt,
  consentToVerify,
  encodeBoxes,
  encodeConsents,
  encodeMessage,
  type MessageType,
  NOBODY,
  openMessage,
  parseRoster,
  placesOf,
} from '../../src/secagg/messages.ts';
import { stepsTo } from '../../src/secagg/roster.ts';
import { SecureServer } from '../../src/secagg/server.ts';
import { hex, joined } from '../../src/secagg/suite.ts';
import { viewHash, viewOf } from '../../src/secagg/view.ts';
import { roundConfig } from '../support/secure-round.ts';

const CLIENTS = 1000;
const D = 1_000_000;

test('a client among 1000, k = 96 and t = 67, sends and receives what is stated', async () => {
  const crypto = await createNodeCrypto();
  const config = roundConfig({
    clients: CLIENTS,
    dimensions: D,
    topology: 'harary',
    minSum: 500,
    minStart: 500,
    beacon: new Uint8Array(32).fill(6),
  });
  const beacon = (): Uint8Array => new Uint8Array(32).fill(8);
  const context = contextOf(config, crypto);
  const newIdentity = async () => {
    const secret = crypto.randomBytes(32);
    return { secret, publicKey: await crypto.signingKey(secret) };
  };
  const identity = await newIdentity();
  const identities = await Promise.all(Array.from({ length: CLIENTS }, newIdentity));
  const byName = new Map(identities.map((own) => [hex(own.publicKey), own]));
  const enrolment = allowList(identities.map(({ publicKey }) => publicKey));
  const masks = nativeMasks();
  const server = SecureServer.start({ config, identity, crypto, masks, enrolment, beacon }, 0);
  const words = (): Int32Array => new Int32Array(D).fill(3);
  const clients = identities.map(
    (own) =>
      new SecureClient({
        identity: own,
        crypto,
        masks,
        journal: memoryJournal(),
        beacon,
        policy: {
          serverKey: identity.publicKey,
          federation: config.federation,
          model: config.model,
          dimensions: D,
          enrolment,
          // k = 96 is that of a ring with no more than 2t > k + c.
          thinRings: true,
          // σ = 40, by a beacon that everybody here believes in.
          beacons: (reference) => hex(reference) === hex(config.beacon),
        },
        input: ({ canary }) =>
          withSlots(encodingOf(config), {
            entries: words(),
            weight: 2 ** encodingOf(config).weightBits,
            ctxConstants: canary,
          }),
      }),
  );
  const up = new Map<MessageType, number>();
  const down = new Map<MessageType, number>();
  const invitation = await server.invitation();
  const rosters = new Map<string, Uint8Array>();
  for (const client of clients) {
    const { reply } = await client.handle(invitation, 0);
    up.set('advertise', reply!.length);
    const { send } = await server.handle(reply!, 0);
    for (const { to, message } of send) rosters.set(to, message);
  }
  expect(rosters.size).toBe(CLIENTS);

  /** One step of a client, its traffic counted. */
  const me = clients[0]!;
  const step = async (message: Uint8Array): Promise<Uint8Array> => {
    down.set(openMessage(message)!.type, message.length);
    const { reply } = await me.handle(message, 1);
    up.set(openMessage(reply!)!.type, reply!.length);
    return reply!;
  };
  const roster = rosters.get(hex(identities[0]!.publicKey))!;
  await step(roster);
  const shown = parseRoster(openMessage(roster)!.body, false)!;
  const binding = { context, root: shown.root };
  const graph = drawGraph(config, CLIENTS, { seed: { ...binding, beacon: beacon() }, crypto });
  expect(graph.terms(shown.index)).toEqual({ degree: 96, threshold: 67, corrupt: 37 });

  const boxes: { index: number; box: Uint8Array }[] = [];
  for (const { index, entry } of shown.neighbours) {
    const name = hex(entry.identity);
    const neighbour = clients[identities.indexOf(byName.get(name)!)]!;
    const { reply } = await neighbour.handle(rosters.get(name)!, 1);
    const { body } = openMessage(reply!)!;
    boxes.push({ index, box: boxAt(body, graph.rank(index, shown.index)) });
  }
  const header = (type: MessageType) => ({ type, context, sender: NOBODY });
  await step(encodeMessage(header('boxes'), encodeBoxes(boxes)));
  const everybody = Array.from({ length: CLIENTS }, (_, i) => i);
  const view = viewOf({ sharers: everybody, survivors: everybody }, CLIENTS);
  await step(encodeMessage(header('view'), joined(view.sharers, view.survivors)));
  const toSign = consentToVerify(viewHash(view, binding, crypto));
  const consents = await Promise.all(
    shown.neighbours.map(async ({ index, entry }) => ({
      index,
      signature: await crypto.sign(toSign, byName.get(hex(entry.identity))!.secret),
    })),
  );
  await step(encodeMessage(header('consents'), encodeConsents(consents)));
  await crypto.close();

  // 240, 10.5 kB, 4.0 MB, 112 and 3.5 kB, headers included.
  const stated = { advertise: 240, shares: 10_500, masked: 4_000_000, consent: 112, unmask: 3_500 };
  for (const [type, bytes] of Object.entries(stated)) {
    expect(Math.abs(up.get(type as MessageType)! / bytes - 1)).toBeLessThan(0.02);
  }
  expect([...up.keys()]).toEqual(Object.keys(stated));
  // 50 kB were stated for 97 whole paths. Shown together they are a third of that, and each step has a split.
  const steps = stepsTo(placesOf(shown), CLIENTS);
  expect(steps).toBeLessThan((97 * 10) / 2);
  const ofRoster = 48 + 4 + 4 + 32 + 64 + 4 + 96 * 196 + steps * (32 + 8);
  expect(down.get('roster')).toBe(ofRoster);
  expect(ofRoster).toBeLessThan(50_000);
  // 10.4 kB, 0.25 kB and 6.5 kB, that of the view without its header.
  expect(Math.abs(down.get('boxes')! / 10_400 - 1)).toBeLessThan(0.02);
  expect(down.get('view')! - 48).toBe(250);
  expect(Math.abs(down.get('consents')! / 6_500 - 1)).toBeLessThan(0.02);
  const sum = (bytes: Iterable<number>): number => [...bytes].reduce((a, b) => a + b, 0);
  const total = sum(up.values()) + sum(down.values());
  const ofAll = sum(Object.values(stated)) + 50_000 + 10_400 + 250 + 6_500;
  expect(Math.abs(total / ofAll - 1)).toBeLessThan(0.02);
});
