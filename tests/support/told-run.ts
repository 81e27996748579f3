/** Runs that are over, in folders, and what somebody might make of them. */

import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../../src/core/canonical-json.ts';
import type { Identity } from '../../src/federation/identity.ts';
import { requestRotation } from '../../src/federation/registry.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import type { LoggedEvent } from '../../src/federation/store/chain.ts';
import { readRun } from '../../src/federation/store/run-reader.ts';
import { openStore } from '../../src/federation/store/store.ts';
import { hex } from '../../src/secagg/suite.ts';
import { configOf, modelFile, type ServedRun, TestClient } from './federation-server.ts';

/** Noise at the server. */
export const CENTRAL: NonNullable<RunConfigInput['privacy']> = {
  kind: 'central',
  relation: 'zero-out',
  clipNorm: 1,
  noiseMultiplier: 1,
  epsilon: 20,
  delta: 1e-5,
  accountant: 'zcdp',
  noise: 'server',
};

/** A configuration of two private rounds. */
export function privateConfig(): RunConfigInput {
  return configOf({ privacy: CENTRAL, round: { wanted: 2 } });
}

/** Two clients that answer every round until the run is over. */
export async function play(
  run: ServedRun,
  {
    attributes = {},
    between,
  }: { attributes?: object; between?: (clients: TestClient[]) => Promise<void> } = {},
): Promise<TestClient[]> {
  const clients = [await TestClient.create(run.url), await TestClient.create(run.url)];
  for (const client of clients) {
    await client.enrol({ attributes });
    await client.begin();
  }
  for (let after = 0; ; ) {
    const round = await clients[0]!.round(after);
    if (round.phase === 'finished') return clients;
    if (after > 0) await between?.(clients);
    for (const [i, client] of clients.entries()) {
      const file = await modelFile([0.1 * (i + 1), 0, 0, -0.2, 0, 0.3, 0]);
      const { status, body } = await client.submit(file, round);
      if (status !== 200) throw new Error(JSON.stringify(body));
    }
    after = round.round;
  }
}

/** The client with another key. */
export async function rotated(client: TestClient): Promise<TestClient> {
  const next = await client.identity.withNext();
  const request = await requestRotation(next, { run: client.run, rotations: 0 });
  const { status } = await client.send('POST', '/v1/keys', {
    json: {
      newPublicKey: hex(request.next),
      signatureOld: hex(request.signature),
      signatureNew: hex(request.nextSignature),
    },
  });
  if (status !== 200) throw new Error(`rotation: ${status}`);
  const own: Identity = next.rotated();
  return TestClient.joined(client.url, own);
}

/** What somebody with the folder makes of an event; `undefined` leaves it out. */
export type Edit = (event: LoggedEvent) => LoggedEvent['body'] | undefined;

/** The same run with other events, in a chain that holds; and whatever blobs the first had. */
export async function forged(from: string, to: string, edit: Edit): Promise<string> {
  await mkdir(to, { recursive: true });
  await using reader = await readRun(from);
  const config = (await reader.config()) as { readonly [key: string]: Json };
  const events: LoggedEvent[] = [];
  for await (const event of reader.events()) events.push(event);
  await using store = await openStore(to, {
    mode: 'create',
    config,
    run: reader.run,
    now: events[0]!.time,
  });
  for (const event of events.slice(1)) {
    const body = edit(event);
    if (body !== undefined) await store.append([{ type: event.type, body }], event.time);
  }
  await cp(join(from, 'blobs'), join(to, 'blobs'), { recursive: true });
  return to;
}
