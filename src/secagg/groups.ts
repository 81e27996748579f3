/**
 * Secure aggregation in groups, so that a robust rule has more than one sum to choose from: how many
 * groups, what each withstands, and what that costs in privacy.
 *
 * Velicheti, Xia, Koyejo. "Secure Byzantine-robust distributed learning via clustering", 2021 (SHARE,
 * arXiv:2110.02940) has the idea. Each group runs on a complete graph of its own. Three assumptions pull
 * at its size g: small groups leave more of them without Byzantine clients, but a small group may by
 * chance hold mostly corrupt ones, and hides its members among few. Often no size will do.
 *
 * @module
 */

import { assertInteger } from '../core/assert.ts';
import { SecureError } from '../core/errors.ts';
import { upperQuantile } from './hypergeometric.ts';
import {
  type Adversary,
  leastThreshold,
  type Needs,
  needsOf,
  powerOfHalf,
  type Requirements,
} from './parameters.ts';

/** What a plan must hold against. */
export interface GroupRequirements extends Requirements {
  /** f: clients, anywhere, that may send anything. They need not be those that collude. */
  readonly byzantine: number;
  /**
   * Contaminated group sums that the rule stands among G. A median's ⌈G/2⌉ − 1 unless given; a rule
   * that stands fewer says so here.
   */
  readonly tolerated?: (groups: number) => number;
  /** The least sum that clients take part in, themselves counted: 16 unless given, never below 3. */
  readonly minSum?: number;
  /** Admit groups of 3 and 4. */
  readonly allowTinyGroups?: boolean;
}

/** Groups of one size, and what each of them withstands. */
export interface GroupShape {
  /** m: members. */
  readonly size: number;
  /** How many groups are of it. */
  readonly count: number;
  /** c: corrupt members that a group may have, all groups considered. */
  readonly corrupt: number;
  /** t of k = m − 1. */
  readonly threshold: number;
  /** Members that may drop out by δ, all groups considered. */
  readonly dropped: number;
  /** Members that can drop out: before shares are too few, or the sum is below the floor. */
  readonly toleratedDropouts: number;
  /** Members of the least sum that is ever opened. */
  readonly leastSum: number;
  /** Honest ones among them: what an honest input hides in, itself counted. */
  readonly honest: number;
}

/** What f Byzantine clients do to G group sums. */
export interface Contamination {
  /** min(f, G): one in each group. */
  readonly worstCase: number;
  /** The share of groups with one at least, expected of groups drawn at random. */
  readonly expectedShare: number;
  /** The most of G that a median stands: ⌈G/2⌉ − 1. */
  readonly medianHoldsUpTo: number;
  /** Half of the groups is `tight`: the worst case breaks a median, and nothing less does. */
  readonly verdict: 'ok' | 'tight' | 'broken';
}

/** A partition that meets its requirements. */
export interface GroupPlan {
  readonly clients: number;
  /** G. */
  readonly groups: number;
  /** Of one or two sizes, the smaller first. */
  readonly shapes: readonly GroupShape[];
  readonly adversary: Adversary;
  /** A = ⌊γn⌋ clients that collude with the server. */
  readonly corrupt: number;
  /** ⌊δn⌋ clients that drop out. */
  readonly dropped: number;
  /** f. */
  readonly byzantine: number;
  /** Contaminated groups that the rule stands. */
  readonly tolerated: number;
  readonly contamination: Contamination;
  /** Honest members of the least sum of any group: noise is to be planned for so few. */
  readonly honest: number;
  readonly sigma: number;
  readonly eta: number;
}

/** Sizes of groups that were tried. */
export interface GroupSizes {
  /** By ascending size. */
  readonly feasible: readonly GroupPlan[];
  /** The others, by ascending size, and why. */
  readonly infeasible: readonly {
    readonly groupSize: number;
    readonly groups: number;
    readonly reason: string;
  }[];
}

/** The least size that is not refused by itself. */
export const LEAST_GROUP = 5;
/** Below it no sum hides anything. */
const LEAST_SUM = 3;
const USUAL_LEAST_SUM = 16;

/**
 * A partition in G = ⌊n/g⌋ groups of g or a few more. Members are to be dealt by a permutation that
 * nobody chose: σ counts no attempts of a server to find a better one.
 *
 * @throws {SecureError} `infeasible`, with the inequality that fails and its numbers.
 * @throws {TypeError} and {RangeError} for requirements that are none.
 */
export function planGroups(
  requirements: GroupRequirements & { readonly groupSize: number },
): GroupPlan {
  const { groupSize, ...rest } = requirements;
  const demand = demandOf(rest);
  assertInteger('groupSize', groupSize, LEAST_SUM, demand.n);
  const plan = assess(demand, Math.floor(demand.n / groupSize));
  if (typeof plan !== 'string') return plan;
  throw new SecureError('infeasible', `groups of ${groupSize} of ${demand.n} clients: ${plan}`);
}

/**
 * Every size of groups, each with as many groups as {@link planGroups} makes of it, and whether it
 * meets the requirements. Most do not, and often none does. Takes n·ln n steps at most.
 *
 * @throws {TypeError} and {RangeError} for requirements that are none.
 */
export function feasibleGroupSizes(requirements: GroupRequirements): GroupSizes {
  const demand = demandOf(requirements);
  const feasible: GroupPlan[] = [];
  const infeasible: { groupSize: number; groups: number; reason: string }[] = [];
  for (let groups = Math.floor(demand.n / demand.leastGroup); groups >= 1; groups--) {
    const groupSize = Math.floor(demand.n / groups);
    // One group more would be of the same size.
    if (groupSize === Math.floor(demand.n / (groups + 1))) continue;
    const plan = assess(demand, groups);
    if (typeof plan !== 'string') feasible.push(plan);
    else infeasible.push({ groupSize, groups, reason: plan });
  }
  return { feasible, infeasible };
}

/**
 * What f of n clients, Byzantine, do to the sums of G groups.
 *
 * @throws {TypeError} and {RangeError} unless 1 ≤ G ≤ n and 0 ≤ f ≤ n, integers.
 */
export function contaminationOf(
  clients: number,
  { groups, byzantine }: { readonly groups: number; readonly byzantine: number },
): Contamination {
  const n = assertInteger('clients', clients, 1);
  const count = assertInteger('groups', groups, 1, n);
  const f = assertInteger('byzantine', byzantine, 0, n);
  const worstCase = Math.min(f, count);
  const clean = sizesOf(n, count).reduce(
    (sum, { size, count: of }) => sum + (of / count) * chanceOfNone(n, { size, byzantine: f }),
    0,
  );
  return {
    worstCase,
    expectedShare: 1 - clean,
    medianHoldsUpTo: Math.ceil(count / 2) - 1,
    verdict: 2 * worstCase < count ? 'ok' : 2 * worstCase === count ? 'tight' : 'broken',
  };
}

/** Pr[a group has none of them]: C(n − m, f)/C(n, f). */
function chanceOfNone(n: number, { size, byzantine }: { size: number; byzantine: number }): number {
  // The same with f and m exchanged; the shorter product.
  const [draws, marked] = size < byzantine ? [size, byzantine] : [byzantine, size];
  let chance = 1;
  for (let i = 0; i < draws && chance > 0; i++) chance *= Math.max(0, n - marked - i) / (n - i);
  return chance;
}

/** A plan in words: colluders, Byzantine clients and dropouts together, and against whom. */
export function describeGroups(plan: GroupPlan): string {
  const { clients, groups, shapes, contamination, adversary, sigma, eta } = plan;
  const percent = (100 * contamination.expectedShare).toFixed(0);
  return [
    `${clients} clients in ${groups} groups of ${shapes.map(({ size }) => size).join(' or ')}`,
    `  colluders: up to ${plan.corrupt} of ${clients}, in league with a ${adversary} server; ` +
      `privacy fails with probability 2^−${sigma} at most`,
    `  Byzantine: f = ${plan.byzantine}; they spoil ${contamination.worstCase} group sums at worst, ` +
      `${percent} % of all on average; the rule stands ${plan.tolerated}, ` +
      `a median ${contamination.medianHoldsUpTo}`,
    `  dropouts: up to ${plan.dropped} of ${clients}; ` +
      `a group is lost with probability 2^−${eta} at most`,
    ...shapes.map(
      (shape) =>
        `  a group of ${shape.size}: up to ${shape.corrupt} colluders; ` +
        `t = ${shape.threshold} of ${shape.size - 1}; ` +
        `${shape.toleratedDropouts} may drop out, and ${shape.dropped} could`,
    ),
    `  privacy: an input is seen in no smaller sum than with ${plan.honest - 1} other honest ones, ` +
      `of its group alone`,
  ].join('\n');
}

/** Requirements that were checked. */
interface Demand extends Needs {
  readonly byzantine: number;
  readonly tolerated: (groups: number) => number;
  readonly minSum: number;
  readonly leastGroup: number;
}

function demandOf(requirements: GroupRequirements): Demand {
  const { byzantine, tolerated, minSum, allowTinyGroups, ...rest } = requirements;
  const needs = needsOf(rest);
  return {
    ...needs,
    byzantine: assertInteger('byzantine', byzantine, 0, needs.n),
    tolerated: tolerated ?? ((groups) => Math.ceil(groups / 2) - 1),
    minSum: assertInteger('minSum', minSum ?? USUAL_LEAST_SUM, LEAST_SUM),
    leastGroup: allowTinyGroups === true ? LEAST_SUM : LEAST_GROUP,
  };
}

/** One size, or two that differ by one. */
function sizesOf(n: number, groups: number): { size: number; count: number }[] {
  const size = Math.floor(n / groups);
  const larger = n - size * groups;
  const small = { size, count: groups - larger };
  return larger === 0 ? [small] : [small, { size: size + 1, count: larger }];
}

/** The plan, or why there is none. */
function assess(demand: Demand, groups: number): GroupPlan | string {
  const { n, adversary, byzantine, sigma, eta, corrupt, dropped } = demand;
  const sizes = sizesOf(n, groups);
  const floor = sizeFault(demand, sizes[0]!.size);
  if (floor !== undefined) return floor;
  const contamination = contaminationOf(n, { groups, byzantine });
  const tolerated = assertInteger(
    'tolerated(groups)',
    demand.tolerated(groups),
    Number.MIN_SAFE_INTEGER,
  );
  if (contamination.worstCase > tolerated) {
    return (
      `f = ${byzantine} Byzantine clients can spoil ${contamination.worstCase} of ${groups} group ` +
      `sums, and the rule stands ${tolerated}`
    );
  }
  const shapes = sizes.map((size) => shapeOf(demand, { ...size, groups }));
  const fault = shapes.map((shape) => shapeFault(demand, shape)).find((text) => text !== undefined);
  if (fault !== undefined) return fault;
  const honest = Math.min(...shapes.map((shape) => shape.honest));
  const assumed = { clients: n, adversary, corrupt, dropped, byzantine, sigma, eta };
  return { ...assumed, groups, shapes, tolerated, contamination, honest };
}

function sizeFault({ minSum, leastGroup }: Demand, size: number): string | undefined {
  if (size < leastGroup) return `a group has ${leastGroup} members at least, not ${size}`;
  if (size < minSum) return `clients take part in sums of ${minSum} at least, and g = ${size}`;
  return undefined;
}

/** What a group of this size withstands, when each of G may be the unlucky one. */
function shapeOf(
  { n, corrupt, dropped, sigma, eta, adversary, minSum }: Demand,
  { size, count, groups }: { size: number; count: number; groups: number },
): GroupShape {
  const quantile = (marked: number, exponent: number): number =>
    upperQuantile({ population: n, marked, drawn: size, bound: powerOfHalf(exponent) / groups });
  const c = quantile(corrupt, sigma);
  const threshold = leastThreshold(size - 1, { c, adversary });
  // A client and t of its neighbours stay, or the round ends.
  const leastSum = Math.max(minSum, threshold + 1);
  return {
    size,
    count,
    corrupt: c,
    threshold,
    dropped: quantile(dropped, eta),
    toleratedDropouts: size - leastSum,
    leastSum,
    honest: leastSum - c,
  };
}

function shapeFault(
  { n, corrupt, dropped, sigma, eta }: Demand,
  shape: GroupShape,
): string | undefined {
  const { size, threshold } = shape;
  const chance = `c = ${shape.corrupt} of ${size} may be corrupt in some group (${corrupt} of ${n} are, σ = ${sigma})`;
  if (threshold > size - 1) return `${chance}, and t = ${threshold} of ${size - 1} is no threshold`;
  if (shape.honest < 2) return `${chance}, and a sum of ${shape.leastSum} hides no honest input`;
  if (shape.dropped > shape.toleratedDropouts) {
    return (
      `${chance}, so that t = ${threshold} and ${shape.toleratedDropouts} may drop out, but ` +
      `${shape.dropped} can (${dropped} of ${n} do, η = ${eta})`
    );
  }
  return undefined;
}
