/**
 * The rounds in which a search looks for leaks: complete graphs and rings, of 12 to 40 clients, and
 * rounds in which advertisements of an earlier one are shown again.
 *
 * @module
 */

import type { CryptoProvider } from '../../secagg/crypto/provider.ts';
import type { Field } from './hostile-search.ts';
import { type Protocol, recordWorld, studyFederation, type WorldOptions } from './hostile-world.ts';

/** One field, before it is recorded. */
export interface FieldPlan {
  readonly name: string;
  readonly clients: number;
  readonly corrupt: number;
  readonly corruptNear?: number;
  readonly minSum: number;
  readonly degree?: number;
  readonly threshold?: number;
  /** Clients whose advertisements are old, and their secrets known. */
  readonly replayed?: number;
}

/**
 * Rings have few neighbours here, so that their thresholds are stated: 3t > 2k + 2c + 1 and t > k/2 + c + 1
 * keep an arc from being cut off by views that only its own members are told. What follows from 2t > k + c
 * alone does not: see {@link THIN_RING}.
 */
export const FIELDS: readonly FieldPlan[] = [
  { name: 'complete, n = 12, c = 1', clients: 12, corrupt: 1, minSum: 9 },
  { name: 'complete, n = 12, c = 2', clients: 12, corrupt: 2, minSum: 8 },
  { name: 'complete, n = 16, c = 3', clients: 16, corrupt: 3, minSum: 12 },
  { name: 'complete, n = 20, c = 4', clients: 20, corrupt: 4, minSum: 14 },
  {
    name: 'ring, n = 24, k = 8, t = 7, c = 1',
    clients: 24,
    corrupt: 2,
    corruptNear: 1,
    minSum: 16,
    degree: 8,
    threshold: 7,
  },
  {
    name: 'ring, n = 40, k = 12, t = 10, c = 2',
    clients: 40,
    corrupt: 3,
    corruptNear: 2,
    minSum: 28,
    degree: 12,
    threshold: 10,
  },
  { name: 'two old keys, n = 12, c = 1', clients: 12, corrupt: 1, minSum: 10, replayed: 2 },
];

/** A ring with no more than 2t > k + c. */
export const THIN_RING: FieldPlan = {
  name: 'ring, n = 40, k = 10, t = 6, c = 0',
  clients: 40,
  corrupt: 0,
  minSum: 30,
  degree: 10,
  threshold: 6,
};

const MILLION = 1_000_000;

/** Records the rounds of these plans with one protocol. */
export async function recordFields(
  plans: readonly FieldPlan[],
  { crypto, protocol }: { readonly crypto: CryptoProvider; readonly protocol: Protocol },
): Promise<Field[]> {
  const fields: Field[] = [];
  for (const [seed, plan] of plans.entries()) {
    fields.push(await recordField(plan, { crypto, protocol, seed }));
  }
  return fields;
}

async function recordField(
  plan: FieldPlan,
  { crypto, protocol, seed }: { crypto: CryptoProvider; protocol: Protocol; seed: number },
): Promise<Field> {
  const { name, clients, corrupt, corruptNear, minSum, degree, threshold, replayed = 0 } = plan;
  const federation = await studyFederation(clients, { seed, crypto });
  const options: WorldOptions = {
    corrupt: [],
    corruptMillionths: Math.ceil((corrupt * MILLION) / clients),
    minSum,
    round: 1,
    ...(degree !== undefined && { topology: 'harary', sigma: 1, degree }),
    ...(threshold !== undefined && { threshold }),
  };
  const sister = await recordWorld(federation, options, protocol);
  const old = Array.from({ length: replayed }, (_, i) => i);
  const world = await recordWorld(
    federation,
    { ...options, round: 2, ...(replayed > 0 && { replayed: { from: sister, clients: old } }) },
    protocol,
  );
  return {
    name,
    world,
    sister,
    corrupt,
    ...(corruptNear !== undefined && { corruptNear }),
  };
}
