/**
 * Tree aggregation: sums over all rounds so far, private in every round, without any sampling. Noise
 * sits on the nodes of a complete binary tree over the rounds, so that a sum over t rounds gets that of
 * ⌈log₂(t + 1)⌉ nodes at most, where noise on each round would add up to t.
 *
 * Dwork, Naor, Pitassi, Rothblum. "Differential privacy under continual observation", STOC 2010. Chan,
 * Shi, Song. "Private and continual release of statistics", ICALP 2010. Kairouz, McMahan, Song, Thakkar,
 * Thakurta, Xu. "Practical and private (deep) learning without sampling or shuffling", ICML 2021.
 *
 * Rounds of a tree count from 1. The sum over rounds 1 … t is put together as the digits of t are: the
 * highest 1 stands for the first rounds, so many as it is worth, and so on. The node that ends with
 * round e covers as many rounds as the lowest 1 of e is worth, so that e is its name, and its noise is
 * the stream of that name: it is made anew where it is needed, and never stored.
 *
 * All is done in integers modulo 2³², so that noise which is taken off leaves nothing behind.
 *
 * @module
 */

import type { LatticeNoise, ModularOps, NoiseDraw, Words } from '../backend/kernels.ts';
import { assertInteger, assertPositive } from '../core/assert.ts';
import type { PrivacyEvent, Relation } from './event.ts';
import { noiseNonce } from './lattice/noise-stream.ts';

/** A node: all of the rounds first … last, as many as a power of two. */
export interface TreeNode {
  readonly first: number;
  /** Its name: no two nodes that a sum is made of end with the same round. */
  readonly last: number;
}

/** Rounds of a tree, so that their numbers are words. */
const MAX_STEPS = 2 ** 31 - 1;
/** What nonces of this noise are for. */
const TREE_PURPOSE = 2;

/** The rounds that the lowest 1 of a round's number is worth: those that its node covers. */
function span(round: number): number {
  return round & -round;
}

/**
 * The nodes that rounds 1 … t are put together from, the longest first: as many as t has digits 1, at
 * most ⌈log₂(t + 1)⌉.
 */
export function prefixNodes(round: number): TreeNode[] {
  assertInteger('round', round, 0, MAX_STEPS);
  const nodes: TreeNode[] = [];
  for (let last = round; last > 0; last -= span(last)) {
    nodes.push({ first: last - span(last) + 1, last });
  }
  return nodes.reverse();
}

/** What a round changes of the nodes that sums are made of. */
export interface TreeStep {
  /** The node that ends with this round. */
  readonly opened: TreeNode;
  /** The nodes of the sum before that it covers, the longest first. */
  readonly closed: readonly TreeNode[];
}

/** From the nodes for rounds 1 … t − 1 to those for 1 … t. One is opened; on average, one is closed. */
export function treeStep(round: number): TreeStep {
  assertInteger('round', round, 1, MAX_STEPS);
  const opened = { first: round - span(round) + 1, last: round };
  return { opened, closed: prefixNodes(round - 1).filter(({ last }) => last >= opened.first) };
}

/** A round of a run, as a round of one of its trees. */
export interface EpochRound {
  /** Which tree, from 0. */
  readonly epoch: number;
  /** Which of its rounds, from 1. */
  readonly round: number;
}

/**
 * Restart: rounds of a run, counted from 0, in trees of so many. What a tree's last sum was, its noise
 * included, is public, and the next one's sums are added to it.
 */
export function epochRound(runRound: number, steps: number): EpochRound {
  assertInteger('runRound', runRound, 0);
  assertInteger('steps', steps, 1, MAX_STEPS);
  return { epoch: Math.floor(runRound / steps), round: (runRound % steps) + 1 };
}

/** The noise of one tree. */
export interface TreeNoise {
  /**
   * 32 bytes from the platform's CSPRNG, one key for the whole tree and for no other. It lives in memory
   * as long as the tree does: when it is lost, the tree has ended, and another is charged.
   */
  readonly key: Uint8Array;
  /** What the noise of a node is made of. */
  readonly draws: readonly NoiseDraw[];
  /** Rounds of the run before this tree, so that no two trees of it share a nonce. Default 0. */
  readonly roundsBefore?: number;
  /** Which vector of the round, in [0, 2³²). Default 0. */
  readonly tensor?: number;
}

/** The noise of a node. */
export function nodeNoise(
  { last }: TreeNode,
  { key, draws, roundsBefore = 0, tensor = 0 }: TreeNoise,
): LatticeNoise {
  const nonce = noiseNonce({ round: roundsBefore + last, tensor, purpose: TREE_PURPOSE });
  return { key, nonce, draws };
}

/** The same with its sign changed: what takes the noise off again, bit for bit. */
function undone(noise: LatticeNoise): LatticeNoise {
  return {
    ...noise,
    draws: noise.draws.map(({ table, factor }) => ({ table, factor: -factor })),
  };
}

/**
 * The sum over rounds 1 … t with its noise, Σ over {@link prefixNodes}.
 *
 * The sum itself must fit 32 bits, noise included. Where sums over all rounds are larger, release
 * {@link addStepNoise} of each round instead, and add up what is released.
 *
 * @param prefix - The sum of the rows of rounds 1 … t. 1×d
 */
export function addPrefixNoise(
  prefix: Words,
  noise: TreeNoise,
  { ops, round }: { readonly ops: Pick<ModularOps, 'addLatticeNoise'>; readonly round: number },
): Words {
  return prefixNodes(round).reduce(
    (sum, node) => ops.addLatticeNoise(sum, nodeNoise(node, noise)),
    prefix,
  );
}

/**
 * The sum of round t alone, with what the noise of the sum over all rounds changes by: noise of the node
 * that is opened is added, that of the nodes that are closed is taken off. Released of every round, it is
 * the same as the noisy sums over all rounds, of which it is the difference, and they are its sums.
 *
 * Alone it may be said of no round: the noise of its parts is known from other rounds.
 *
 * @param sum - The sum of the rows of round t. 1×d
 */
export function addStepNoise(
  sum: Words,
  noise: TreeNoise,
  { ops, round }: { readonly ops: Pick<ModularOps, 'addLatticeNoise'>; readonly round: number },
): Words {
  const { opened, closed } = treeStep(round);
  return closed.reduce(
    (rest, node) => ops.addLatticeNoise(rest, undone(nodeNoise(node, noise))),
    ops.addLatticeNoise(sum, nodeNoise(opened, noise)),
  );
}

/** A tree, as far as its cost depends on it. */
export interface TreePlan {
  /** σ of the discrete Gaussian noise on a node, in steps of the lattice. */
  readonly sigma: number;
  /** How far one unit moves the sum of one round under the relation, in L2, in steps of the lattice. */
  readonly sensitivity: number;
  /** Rounds of the tree. */
  readonly steps: number;
  /** Rounds of the tree that a unit may take part in: whoever draws cohorts sees to it. Default 1. */
  readonly participations?: number;
  readonly relation: Relation;
}

/**
 * What a whole tree costs: charged once, before its first round.
 *
 * A round is in at most one of the nodes that are used of each of ⌈log₂(T + 1)⌉ levels. A unit that takes
 * part in k rounds moves nodes of a level by jᵢ·Δ with Σ jᵢ ≤ k, so that Σ jᵢ² ≤ k², and all nodes together
 * by k·√⌈log₂(T + 1)⌉·Δ at most. Rows may depend on what was released before: a node has noise of its own,
 * the bound on squares holds however rounds turn out, and zero-concentrated privacy adds up adaptively.
 *
 * As noise is discrete Gaussian and shifts are integers, Rényi divergence is no more than that of normal
 * noise at every order: the cost by `rdp` and `zcdp` is proven. An accountant that goes through the law
 * of the loss (`pld`, `gaussian`) takes the noise for normal: `log2RoundedGaussianDistance` says what that
 * adds to δ for each coordinate of each node.
 */
export function treeEvent({
  sigma,
  sensitivity,
  steps,
  participations = 1,
  relation,
}: TreePlan): PrivacyEvent {
  assertPositive('sigma', sigma);
  assertPositive('sensitivity', sensitivity);
  assertInteger('steps', steps, 1, MAX_STEPS);
  assertInteger('participations', participations, 1, steps);
  const noiseMultiplier = sigma / (participations * sensitivity);
  return {
    mechanism: { kind: 'tree', noiseMultiplier, steps },
    sampling: { kind: 'none' },
    relation,
  };
}
