/**
 * q-FedAvg: clients with a greater loss count more, so that accuracy is spread more evenly.
 *
 * Li, Sanjabi, Beirami, Smith. "Fair resource allocation in federated learning", ICLR 2020,
 * algorithm 2.
 *
 * @module
 */

import { assertFinite, assertPositive } from '../../core/assert.ts';
import { optional, real } from '../../core/parameter.ts';
import { boundedClaim, type ClientScalar } from './client-scalars.ts';
import { defineOptimizer, type OptimizerEntry } from './entry.ts';
import { addScaled } from './fed-avg.ts';
import { type Optimizer, optimizer, type Participant } from './optimizer.ts';
import { weightedMeanOf } from './participants.ts';

/** Options of {@link qFedAvg}. */
export interface QFedAvgOptions {
  /** How much fairness counts, at least 0; 0 is FedAvg with equal weights. */
  readonly q: number;
  /** L, above 0: mostly 1 over the clients’ learning rate. */
  readonly lipschitz: number;
  /** Greatest loss that counts, above 0: a claim beyond it is taken for it. */
  readonly maxLoss: number;
  /** Least loss that counts, in (0, maxLoss]. Default maxLoss/1000. */
  readonly minLoss?: number;
  /** Server learning rate, above 0. Default 1. */
  readonly eta?: number;
}

/** The least factor on a row: below it, f32 would lose what the row says. */
const LEAST_FACTOR = 2 ** -60;

/**
 * Row i becomes Gᵢ·Δᵢ before the rule, with Gᵢ = (Fᵢ / maxLoss)^q of the client’s loss Fᵢ. Then
 * x ← x + η·D/h, where D is what the rule made of these rows and h is the mean of
 * Gᵢ·(1 + q·L·‖Δᵢ‖²/Fᵢ) by the participants’ weights, which should be those of the rule: equal ones
 * in the paper. The norms are those of the Δᵢ, measured by the server.
 *
 * Losses are a claim. Who claims the greatest takes up to (maxLoss/minLoss)^q times the part of an
 * honest client; who claims the least makes h greater and the step of all shorter, most where q < 1.
 * The narrower the bounds, the less of both.
 */
export function qFedAvg(options: QFedAvgOptions): Optimizer {
  const { q, lipschitz, maxLoss, minLoss = maxLoss / 1000, eta = 1 } = options;
  if (assertFinite('q', q) < 0) throw new RangeError(`q must be at least 0, got ${q}`);
  assertPositive('lipschitz', lipschitz);
  assertPositive('maxLoss', maxLoss);
  if (assertPositive('minLoss', minLoss) > maxLoss) {
    throw new RangeError(`minLoss must be at most maxLoss = ${maxLoss}, got ${minLoss}`);
  }
  assertPositive('eta', eta);
  const least = (minLoss / maxLoss) ** q;
  if (least < LEAST_FACTOR) {
    throw new RangeError(`(minLoss/maxLoss)^q must be at least 2^-60, got ${least}`);
  }
  const scalar: ClientScalar = {
    name: 'loss',
    meaning: 'loss of the round’s model on the client’s examples',
    integer: false,
    min: minLoss,
    max: maxLoss,
    beyond: 'clamp',
  };
  const factor = ({ loss }: Participant): number => (boundedClaim(scalar, loss) / maxLoss) ** q;
  const smoothness = (client: Participant): number => {
    const norm = assertFinite('norm of a client’s update', client.norm as number);
    return factor(client) * (1 + (q * lipschitz * norm * norm) / boundedClaim(scalar, client.loss));
  };
  return optimizer({
    name: 'q-fed-avg',
    clientScalars: [scalar],
    rowFactor: factor,
    advance: ({ clients }) => {
      const h = weightedMeanOf('q-fed-avg', clients, smoothness);
      return (tile) => addScaled(tile, eta / h);
    },
  });
}

/** q-FedAvg’s line in the list. */
export const qFedAvgEntry: OptimizerEntry = defineOptimizer<QFedAvgOptions>({
  name: 'q-fed-avg',
  parameters: {
    q: real('how much fairness counts'),
    lipschitz: real('mostly 1 over the clients’ learning rate'),
    maxLoss: real('greatest loss that counts'),
    minLoss: optional(real('least loss that counts')),
    eta: optional(real('server learning rate')),
  },
  make: qFedAvg,
  sample: { q: 0.5, lipschitz: 10, maxLoss: 8, eta: 0.5 },
  paper: 'Li et al. 2020',
  update: 'x + η·D/h, D of Fᵢ^q·Δᵢ',
  clientScalars: ['loss'],
});
