/**
 * Degree and threshold of a round: what follows from its configuration and from how many came, or what
 * the configuration states, where that is stronger. Every client computes them for itself.
 *
 * @module
 */

import { SecureError } from '../core/errors.ts';
import type { RoundConfig } from './config.ts';
import { planGroups } from './groups.ts';
import {
  checkParameters,
  findParameters,
  type NeighbourGraph,
  type Requirements,
} from './parameters.ts';

/** What holds around a client. */
export interface NeighbourhoodTerms {
  /** k: neighbours of a client. */
  readonly degree: number;
  /** t: shares that restore a secret, and signatures that a view needs. */
  readonly threshold: number;
  /** c: the most neighbours that are assumed corrupt. */
  readonly corrupt: number;
}

const MILLION = 1_000_000;

/** What a configuration assumes of so many clients. */
export function requirementsOf(config: RoundConfig, clients: number): Requirements {
  const { sigma, eta } = config;
  const [corrupt, dropout] = [config.corrupt / MILLION, config.dropout / MILLION];
  const { arcSafe } = config;
  return { clients, corrupt, dropout, sigma, eta, arcSafe };
}

/**
 * Terms on a graph of its kind.
 *
 * @throws {SecureError} `infeasible` if there are none, or what the configuration states is weaker.
 */
export function graphTerms(
  config: RoundConfig,
  { clients, graph }: { clients: number; graph: NeighbourGraph },
): NeighbourhoodTerms {
  const requirements = requirementsOf(config, clients);
  const { degree, threshold } = config;
  if (degree === 0) {
    const { k, t, c } = findParameters({ ...requirements, graph });
    return withThreshold({ degree: k, threshold: t, corrupt: c }, threshold);
  }
  const t = threshold === 0 ? Math.floor(degree / 2) + 1 : threshold;
  const [shortfall] = checkParameters(requirements, { graph, k: degree, t });
  if (shortfall !== undefined) throw new SecureError('infeasible', shortfall.message);
  // What so high a threshold withstands: 2t > k + c.
  return { degree, threshold: t, corrupt: 2 * t - degree - 1 };
}

/**
 * Terms in groups, by their size: each is complete, and has its share of all corrupt clients and what
 * chance adds, all groups considered.
 *
 * @throws {SecureError} `infeasible` if groups of the configuration's size cannot be.
 */
export function groupTerms(
  config: RoundConfig,
  clients: number,
): ReadonlyMap<number, NeighbourhoodTerms> {
  const { groupSize, minSum } = config;
  if (config.degree !== 0)
    throw new SecureError('infeasible', 'groups have no degree of their own');
  const requirements = requirementsOf(config, clients);
  const plan = planGroups({
    ...requirements,
    groupSize,
    byzantine: 0,
    minSum,
    allowTinyGroups: true,
  });
  return new Map(
    plan.shapes.map(({ size, threshold, corrupt }) => [
      size,
      withThreshold({ degree: size - 1, threshold, corrupt }, config.threshold),
    ]),
  );
}

/**
 * How many neighbours a client of so many can have: one number, or two where groups are of two sizes.
 * Known before a graph is drawn.
 *
 * @throws {SecureError} `infeasible` if there are no terms.
 */
export function degreesOf(config: RoundConfig, clients: number): readonly number[] {
  const { topology } = config;
  if (topology !== 'groups') return [graphTerms(config, { clients, graph: topology }).degree];
  return [...groupTerms(config, clients).keys()].map((size) => size - 1);
}

/**
 * That there are terms for so many clients.
 *
 * @throws {SecureError} `infeasible`, with the inequality that fails and its numbers.
 */
export function requireTerms(config: RoundConfig, clients: number): void {
  const { topology } = config;
  if (topology === 'groups') groupTerms(config, clients);
  else graphTerms(config, { clients, graph: topology });
}

function withThreshold(terms: NeighbourhoodTerms, stated: number): NeighbourhoodTerms {
  if (stated === 0) return terms;
  const { threshold, degree } = terms;
  if (stated >= threshold && stated <= degree) return { ...terms, threshold: stated };
  throw new SecureError(
    'infeasible',
    `a threshold of ${stated}, where ${threshold} to ${degree} are possible`,
  );
}
