/**
 * Splits of one dataset over clients that differ, as real clients do.
 *
 * A partition is a list of example numbers for each client: disjoint, none empty, and together all
 * examples.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../core/assert.ts';
import type { Random } from '../core/random.ts';
import { dirichlet, shuffled } from './sampling.ts';

/** What every partition needs. */
export interface PartitionOptions {
  /** Number of clients, at most the number of examples. */
  readonly clients: number;
  readonly random: Random;
}

/**
 * For each label, shares over the clients drawn from a Dirichlet distribution: the smaller `alpha`,
 * the fewer labels a client sees; a large one makes clients alike.
 *
 * Clients that come out empty are given one example by the largest client.
 *
 * @throws {TypeError | RangeError} if there are more clients than examples, or alpha is not above 0.
 * @see Yurochkin et al. "Bayesian nonparametric federated learning of neural networks", 2019.
 */
export function dirichletPartition(
  labels: ArrayLike<number>,
  options: PartitionOptions & { readonly alpha: number },
): number[][] {
  const { clients, random } = checked(labels, options);
  const alpha = assertPositive('alpha', options.alpha);
  const parts: number[][] = Array.from({ length: clients }, () => []);
  for (const sorted of examplesByLabel(labels)) {
    const members = shuffled(random, sorted);
    const shares = dirichlet(random, alpha, clients);
    let taken = 0;
    let upTo = 0;
    for (let c = 0; c < clients; c++) {
      upTo += shares[c]!;
      // Rounding the running sum, not each share, loses no example.
      const end = c === clients - 1 ? members.length : Math.round(upTo * members.length);
      for (; taken < end; taken++) parts[c]!.push(members[taken]!);
    }
  }
  return fillEmpty(parts);
}

function checked(labels: ArrayLike<number>, options: PartitionOptions): PartitionOptions {
  assertInteger('clients', options.clients, 1, labels.length);
  return options;
}

/** Example numbers of each label, labels in order, absent ones left out. */
function examplesByLabel(labels: ArrayLike<number>): number[][] {
  const byLabel = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const members = byLabel.get(labels[i]!);
    if (members) members.push(i);
    else byLabel.set(labels[i]!, [i]);
  }
  return [...byLabel].sort(([a], [b]) => a - b).map(([, members]) => members);
}

function fillEmpty(parts: number[][]): number[][] {
  for (const part of parts) {
    if (part.length > 0) continue;
    const largest = parts.reduce((a, b) => (b.length > a.length ? b : a));
    part.push(largest.pop()!);
  }
  return parts;
}
