import { afterAll, describe, expect, test } from 'vitest';
import { createBackend } from '../../src/backend/create-node.ts';
import type { Backend, LatticeNoise } from '../../src/backend/kernels.ts';
import { addLatticeNoise } from '../../src/backend/reference/lattice-noise.ts';
import { createRandom } from '../../src/core/random.ts';
import { treeHeight } from '../../src/privacy/accountants/curve.ts';
import { RdpAccountant } from '../../src/privacy/accountants/rdp.ts';
import { gaussianPlan } from '../../src/privacy/lattice/noise-plan.ts';
import {
  addPrefixNoise,
  addStepNoise,
  epochRound,
  nodeNoise,
  prefixNodes,
  type TreeNode,
  type TreeNoise,
  type TreePlan,
  treeEvent,
  treeStep,
} from '../../src/privacy/tree.ts';
import { itShared } from '../support/shared.ts';
import { deviation, eventOf, PEER_ORDERS, rowsOf } from './accountants/support.ts';

const ops: Backend = await createBackend('reference');
afterAll(() => ops.close());

const STEPS = 200;

/** All nodes of a complete binary tree over rounds 1 … 2^height. */
function completeTree(height: number): TreeNode[] {
  const grow = (first: number, length: number): TreeNode[] => {
    const own = { first, last: first + length - 1 };
    if (length === 1) return [own];
    return [own, ...grow(first, length / 2), ...grow(first + length / 2, length / 2)];
  };
  return grow(1, 2 ** height);
}

/** The nodes of a sum over rounds 1 … t: those inside it that no larger node inside it covers. */
function largestWithin(tree: readonly TreeNode[], round: number): TreeNode[] {
  const inside = tree.filter(({ last }) => last <= round);
  return inside
    .filter(
      (node) =>
        !inside.some(
          (other) => other !== node && other.first <= node.first && node.last <= other.last,
        ),
    )
    .sort((a, b) => a.first - b.first);
}

describe('the nodes of a sum over all rounds so far', () => {
  test('by hand: 13 = 8 + 4 + 1', () => {
    expect(prefixNodes(13)).toEqual([
      { first: 1, last: 8 },
      { first: 9, last: 12 },
      { first: 13, last: 13 },
    ]);
    expect(prefixNodes(0)).toEqual([]);
    expect(treeStep(8)).toEqual({
      opened: { first: 1, last: 8 },
      closed: [
        { first: 1, last: 4 },
        { first: 5, last: 6 },
        { first: 7, last: 7 },
      ],
    });
    expect(treeStep(13)).toEqual({ opened: { first: 13, last: 13 }, closed: [] });
  });

  test('are the largest of the tree that fit, and at most ⌈log₂(t + 1)⌉', () => {
    const tree = completeTree(8);
    for (let round = 1; round <= STEPS; round++) {
      expect(prefixNodes(round)).toEqual(largestWithin(tree, round));
      expect(prefixNodes(round).length).toBeLessThanOrEqual(Math.ceil(Math.log2(round + 1)));
    }
  });

  test('change from round to round by what a step opens and closes', () => {
    let nodes: TreeNode[] = [];
    let changes = 0;
    for (let round = 1; round <= STEPS; round++) {
      const { opened, closed } = treeStep(round);
      const kept = nodes.filter(({ last }) => !closed.some((node) => node.last === last));
      expect(kept.length).toBe(nodes.length - closed.length);
      nodes = [...kept, opened];
      changes += 1 + closed.length;
      expect(nodes).toEqual(prefixNodes(round));
    }
    expect(changes).toBeLessThanOrEqual(2 * STEPS);
  });

  test('hold one round in as many as are accounted for, and no more', () => {
    for (const steps of [1, 2, 7, 8, 100, STEPS]) {
      const used = new Map<number, TreeNode>();
      for (let t = 1; t <= steps; t++) {
        // A name is of one node alone.
        for (const node of prefixNodes(t)) {
          expect(used.get(node.last) ?? node).toEqual(node);
          used.set(node.last, node);
        }
      }
      const counts = Array.from({ length: steps }, (_, i) => {
        const isIn = ({ first, last }: TreeNode) => first <= i + 1 && i + 1 <= last;
        return [...used.values()].filter(isIn).length;
      });
      expect(Math.max(...counts)).toBe(treeHeight(steps));
    }
  });

  test('reach as far as words do', () => {
    const most = 2 ** 31 - 1;
    expect(prefixNodes(most).length).toBe(31);
    expect(prefixNodes(most)[0]).toEqual({ first: 1, last: 2 ** 30 });
    expect(treeStep(2 ** 30).closed.length).toBe(30);
    expect(() => prefixNodes(2 ** 31)).toThrow('round must be in');
    expect(() => treeStep(0)).toThrow('round must be in');
  });
});

describe('the noise of a tree', () => {
  const cols = 37;
  const noise: TreeNoise = {
    key: Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1),
    draws: gaussianPlan(1000).draws,
    roundsBefore: 1000,
  };

  /** Noise by its definition, of one node after another. */
  function noiseOf(node: TreeNode): Uint32Array {
    const words = new Uint32Array(cols);
    addLatticeNoise(words, nodeNoise(node, noise), 0);
    return words;
  }

  function added(a: Uint32Array, b: Uint32Array): Uint32Array {
    return a.map((word, j) => word + b[j]!);
  }

  test('on a sum is that of its nodes, bit for bit', async () => {
    for (const round of [1, 2, 3, 6, 8, 13, 127, 128]) {
      const zeros = ops.words([new Uint32Array(cols)]);
      const got = await ops.readWords(addPrefixNoise(zeros, noise, { ops, round }));
      const want = prefixNodes(round).map(noiseOf).reduce(added);
      expect(got).toEqual(want);
    }
  });

  test('of rounds alone adds up to that of all rounds, bit for bit', async () => {
    const random = createRandom(1);
    let sum = new Uint32Array(cols);
    let released = new Uint32Array(cols);
    for (let round = 1; round <= 40; round++) {
      // Any words: sums wrap around, and so does what is added up of them.
      const rows = Uint32Array.from({ length: cols }, () => random.uint32());
      sum = added(sum, rows) as typeof sum;
      const step = addStepNoise(ops.words([rows]), noise, { ops, round });
      released = added(released, await ops.readWords(step)) as typeof released;
      const whole = addPrefixNoise(ops.words([sum]), noise, { ops, round });
      expect(released, `round ${round}`).toEqual(await ops.readWords(whole));
    }
  });

  test('is another for each node, tree and vector', () => {
    const nonces = new Set<string>();
    const add = ({ nonce }: LatticeNoise) => nonces.add(nonce.join());
    for (let round = 1; round <= 64; round++) add(nodeNoise(treeStep(round).opened, noise));
    for (let round = 1; round <= 64; round++) {
      add(nodeNoise(treeStep(round).opened, { ...noise, roundsBefore: 1064 }));
      add(nodeNoise(treeStep(round).opened, { ...noise, tensor: 1 }));
    }
    expect(nonces.size).toBe(3 * 64);
  });

  test('has the variance of as many nodes as there are digits 1', () => {
    const wide = 4096;
    for (const [round, digits] of [
      [8, 1],
      [13, 3],
      [127, 7],
    ] as const) {
      const words = new Uint32Array(wide);
      for (const node of prefixNodes(round)) addLatticeNoise(words, nodeNoise(node, noise), 0);
      const square = words.reduce((total, word) => total + (word | 0) ** 2, 0) / wide;
      // Five standard errors of a variance: √(2/N).
      const ratio = square / (digits * 1000 ** 2);
      expect(Math.abs(ratio - 1)).toBeLessThan(5 * Math.sqrt(2 / wide));
    }
  });

  test('starts anew with each tree', () => {
    expect(epochRound(0, 8)).toEqual({ epoch: 0, round: 1 });
    expect(epochRound(7, 8)).toEqual({ epoch: 0, round: 8 });
    expect(epochRound(8, 8)).toEqual({ epoch: 1, round: 1 });
    expect(() => epochRound(-1, 8)).toThrow('runRound must be at least 0');
    expect(() => epochRound(0, 0)).toThrow('steps must be in');
  });
});

describe('what a tree costs', () => {
  const plan: TreePlan = { sigma: 3000, sensitivity: 500, steps: 100, relation: 'zero-out' };

  itShared('is known', ['golden/dp_accounting.json'], ([file]) => {
    for (const { params, result, id } of rowsOf(file, 'tree_aggregation')) {
      const { noise_multiplier, steps_per_tree: steps, trees, delta } = params;
      const accountant = new RdpAccountant({ orders: PEER_ORDERS });
      // One charge for each tree: restarts add up.
      const sigma = noise_multiplier * plan.sensitivity;
      for (let i = 0; i < trees; i++) accountant.compose(treeEvent({ ...plan, sigma, steps }));
      const epsilon = accountant.epsilon(delta);
      expect(deviation(epsilon, result.eps_rdp_default_orders), id).toBeLessThan(1e-9);
    }
  });

  test('is that of one discrete Gaussian that moves in every level', () => {
    const rho = (event: ReturnType<typeof treeEvent>, order: number): number => {
      const accountant = new RdpAccountant();
      accountant.compose(event);
      return accountant.rho(order);
    };
    // 100 is 1100100 in binary: seven levels.
    const sensitivity = plan.sensitivity * Math.sqrt(7);
    const mechanism = { kind: 'discrete-gaussian', sigma: plan.sigma, sensitivity } as const;
    for (const order of [2, 5, 64]) {
      const vector = rho(eventOf(mechanism, { kind: 'none' }, 'zero-out'), order);
      expect(deviation(rho(treeEvent(plan), order), vector)).toBeLessThan(1e-14);
    }
  });

  test('grows with the square of how often a unit may take part', () => {
    const { mechanism } = treeEvent({ ...plan, participations: 3 });
    expect(mechanism).toEqual({ kind: 'tree', noiseMultiplier: 2, steps: 100 });
    expect(treeEvent(plan).sampling).toEqual({ kind: 'none' });
  });

  test('is bounded for repeated parts by brute force over all choices of rounds', () => {
    // Every node that is used, and how far three parts can move it: Σ (parts in the node)² over nodes.
    const steps = 12;
    const nodes = Array.from({ length: steps }, (_, i) => treeStep(i + 1).opened);
    let most = 0;
    for (let a = 1; a <= steps; a++) {
      for (let b = a; b <= steps; b++) {
        for (let c = b; c <= steps; c++) {
          const isIn = (r: number, { first, last }: TreeNode) => Number(first <= r && r <= last);
          const moved = nodes.map((node) => isIn(a, node) + isIn(b, node) + isIn(c, node));
          most = Math.max(
            most,
            moved.reduce((sum, m) => sum + m * m, 0),
          );
        }
      }
    }
    // One round three times is the worst there is; rounds that differ are below it.
    expect(most).toBe(9 * treeHeight(steps));
  });

  test.each([
    [{ sigma: 0 }, 'sigma must be above 0'],
    [{ sensitivity: Number.NaN }, 'sensitivity must be a finite number'],
    [{ steps: 0 }, 'steps must be in'],
    [{ participations: 101 }, 'participations must be in [1, 100]'],
  ])('is not said of %o', (wrong, message) => {
    expect(() => treeEvent({ ...plan, ...wrong })).toThrow(message);
  });
});
