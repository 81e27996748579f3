/**
 * A federation in one process: a coordinator, and five clients that move a model towards what each of them has
 * seen. One lies, and the rule bears it.
 *
 *     npx tsx examples/federation-client.ts
 *
 * @module
 */

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createCrypto, FederationClient, Identity, type Train } from '../src/client-node.ts';
import { serveFederation } from '../src/federation.ts';
import { writeSafetensors } from '../src/index.ts';

const parts: Uint8Array[] = [];
const first = { name: 'seen', dtype: 'F32', shape: [1], data: [new Uint8Array(4)] } as const;
await writeSafetensors(async (bytes) => void parts.push(bytes.slice()), [first]);
const folder = `${await mkdtemp(`${tmpdir()}/federation-`)}/run`;
const [round, enrolment] = [{ wanted: 5 }, { kind: 'open' } as const];
const config = { model: 'first', rule: 'median', rounds: 8, round, enrolment };
await using run = await serveFederation({ folder, config, model: Buffer.concat(parts) });

const crypto = await createCrypto();
async function participate(value: number): Promise<void> {
  const train: Train = ({ round, model }) => {
    const now = model.tensors.get('seen')!.values;
    if (value === 3) console.log(`round ${round} begins with ${now[0]!.toFixed(2)}`);
    // What the model was plus this is what it became here: half the way to the client's own value.
    return { difference: { seen: now.map((x) => (value - x) / 2) }, samples: 10 };
  };
  const identity = await Identity.create(crypto);
  using client = await FederationClient.connect({ url: run.url, identity, crypto });
  for await (const { outcome } of client.participate({ train })) if (outcome !== 'committed') break;
}
await Promise.all([1, 2, 3, 4, 1e6].map(participate));
console.log(await run.finished());
