/** Clients of rounds under masks, and what their updates come to in the clear. */

import { FederationClient, type Participation } from '../../src/federation/client/client.ts';
import { type SecureOptions, underMasks } from '../../src/federation/client/secure.ts';
import type { Train } from '../../src/federation/client/train.ts';
import { Identity } from '../../src/federation/identity.ts';
import type { RunConfigInput } from '../../src/federation/run-config.ts';
import { nativeMasks } from '../../src/secagg/masks-node.ts';
import { configOf, nodeCrypto } from './federation-server.ts';

/** A run under masks of so many clients. */
export function secureConfigOf(
  clients: number,
  changes: Partial<RunConfigInput> = {},
): RunConfigInput {
  return configOf({
    rounds: 1,
    secure: { kind: 'sagg1', clip: 4, minSum: 3, dropout: 0.3 },
    selection: { scheme: 'uniform', count: clients },
    round: { collectSeconds: 20, processingSeconds: 20 },
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

/** A client that takes part under masks. */
export async function secureClient(
  url: string,
  options: SecureOptions & { readonly identity?: Identity } = {},
): Promise<FederationClient> {
  const crypto = await nodeCrypto();
  const { identity = await Identity.create(crypto), ...secure } = options;
  return FederationClient.connect({
    url,
    identity,
    crypto,
    patienceMs: 30_000,
    secure: underMasks({ minSum: 3, masks: nativeMasks(), enrolment: () => true, ...secure }),
  });
}

/** Takes part until the run ends, and says how. */
export async function taking(client: FederationClient, train: Train): Promise<Participation[]> {
  const parts: Participation[] = [];
  for await (const part of client.participate({ train })) parts.push(part);
  client.close();
  return parts;
}
