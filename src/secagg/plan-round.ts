/**
 * A configuration out of what differs from federation to federation; the rest as the field has it.
 *
 * @module
 */

import { log2Ceil } from '../core/integers.ts';
import {
  checkConfig,
  type Deadlines,
  type NoiseTerms,
  type RoundConfig,
  type Topology,
} from './config.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { findParameters, type Requirements } from './parameters.ts';
import { KEY_BYTES } from './suite.ts';
import { requireTerms } from './terms.ts';

/** What a round is to be. */
export interface RoundPlan {
  /** 16 bytes. */
  readonly federation: Uint8Array;
  /** Above that of every earlier round. */
  readonly round: number;
  /** SHA-256 of the bytes of the global model. */
  readonly model: Uint8Array;
  /** D: entries of an update. */
  readonly dimensions: number;
  /** n₀: clients that are invited. */
  readonly clients: number;
  /** Weighted entries beyond ± this are brought to it; taken as an f32. */
  readonly clip: number;
  /** Samples beyond which a client counts no more. Default 0: all count alike. */
  readonly maxSamples?: number;
  /** γ: share of the clients assumed in league with the server. Default 0.1. */
  readonly corrupt?: number;
  /** δ: share of the clients assumed to drop out. Default 0.1. */
  readonly dropout?: number;
  /** Fewest inputs in a sum, of each group where there are groups. Default 16. */
  readonly minSum?: number;
  /** Fewest clients to begin with. Default minSum. */
  readonly minStart?: number;
  /** Fewest clients in a group; without it all inputs are in one sum. */
  readonly groupSize?: number;
  /**
   * Which value of a public beacon the graph is drawn from, with σ = 40 in place of 80. Clients decline that unless
   * their owner accepts this beacon. 32 bytes. Default: none.
   */
  readonly beacon?: Uint8Array;
  /** b in [8, 32]. Default 32. */
  readonly ringBits?: number;
  /** q in [2, 24]. Default: the most for which sums of all clients fit. */
  readonly valueBits?: number;
  readonly noise?: NoiseTerms;
  readonly deadlines?: Partial<Deadlines>;
}

const MILLION = 1_000_000;
const MAX_VALUE_BITS = 24;
const MIN_SUM = 16;
const SIGMA = 40;
/** Where the server could try rosters until it likes the graph. */
const SIGMA_WITHOUT_BEACON = 80;
const ETA = 20;
/** Three quarters of what clients wait for what follows. */
const DEADLINES: Deadlines = {
  advertise: 45_000,
  shares: 90_000,
  masked: 450_000,
  consent: 45_000,
  unmask: 45_000,
};

/**
 * The configuration of a round, with a fresh nonce: the complete graph up to 256 clients, a ring of which no
 * arc can be summed alone above, or the complete graph again where no ring will do.
 *
 * @throws {TypeError | RangeError} that names what is wrong.
 * @throws {SecureError} `infeasible` if no threshold does for these fractions; states the numbers.
 */
export function planRound(
  plan: RoundPlan,
  { randomBytes }: Pick<CryptoProvider, 'randomBytes'>,
): RoundConfig {
  const { clients, groupSize = 0, ringBits = 32, minSum = MIN_SUM } = plan;
  const { beacon = new Uint8Array(KEY_BYTES) } = plan;
  const { corrupt = 0.1, dropout = 0.1 } = plan;
  const hasBeacon = plan.beacon !== undefined;
  const assumed = { clients, corrupt, dropout, eta: ETA };
  const sparseSigma = hasBeacon ? SIGMA : SIGMA_WITHOUT_BEACON;
  const topology = groupSize > 0 ? 'groups' : topologyFor({ ...assumed, sigma: sparseSigma });
  const config = checkConfig({
    federation: plan.federation,
    round: plan.round,
    nonce: randomBytes(KEY_BYTES),
    model: plan.model,
    dimensions: plan.dimensions,
    ringBits,
    valueBits: plan.valueBits ?? Math.min(MAX_VALUE_BITS, ringBits - log2Ceil(clients)),
    clip: Math.fround(plan.clip),
    maxSamples: plan.maxSamples ?? 0,
    maxClients: clients,
    corrupt: Math.round(corrupt * MILLION),
    dropout: Math.round(dropout * MILLION),
    sigma: topology === 'complete' ? SIGMA : sparseSigma,
    eta: ETA,
    topology,
    degree: 0,
    threshold: 0,
    arcSafe: topology === 'harary',
    minStart: plan.minStart ?? minSum,
    minSum,
    groupSize,
    noise: plan.noise ?? { law: 'none', shareVariance: 0, minHonest: 0 },
    deadlines: { ...DEADLINES, ...plan.deadlines },
    beacon,
  });
  requireTerms(config, clients);
  return config;
}

/** The complete graph for few clients, and where no ring will do. */
function topologyFor(assumed: Requirements): Topology {
  return findParameters({ ...assumed, arcSafe: true }).graph;
}
