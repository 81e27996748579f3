/**
 * From Rényi divergence to (ε, δ), and the search for the order that gives the least.
 *
 * ε: Balle, Barthe, Gaboardi, Hsu, Sato. "Hypothesis testing interpretations and Rényi differential
 * privacy", AISTATS 2020, Theorem 21. δ: Canonne, Kamath, Steinke. "The discrete Gaussian for
 * differential privacy", 2020, Proposition 12. The shortcut is by Bretagnolle and Huber: total variation
 * is at most √(1 − e^−KL).
 *
 * @module
 */

/** The log-moment K(α) = (α − 1)·ρ(α) of all that was released. */
export type LogMoment = (order: number) => number;

/** The best of all orders. `order` is Infinity where pure privacy is best. */
export interface AtOrder {
  /** What is least there. */
  readonly value: number;
  readonly order: number;
}

/** ε at δ that order α > 1 proves, below 0 too: ρ + ln((α−1)/α) − (ln δ + ln α)/(α−1). */
export function epsilonAt(order: number, moment: number, delta: number): number {
  const excess = order - 1;
  return (moment - Math.log(delta) - Math.log(order)) / excess + Math.log1p(-1 / order);
}

/** ln δ at ε that order α > 1 proves: (α−1)(ρ − ε) − ln(α−1) + α·ln(1 − 1/α). */
export function logDeltaAt(order: number, moment: number, epsilon: number): number {
  const excess = order - 1;
  return moment - excess * epsilon - Math.log(excess) + order * Math.log1p(-1 / order);
}

/** Below it ρ is so near KL, a small number, that its error and not its value would decide. */
const LEAST_SHORTCUT_ORDER = 1.1;

/** Of total variation, and so of δ at any ε ≥ 0, by ρ(α) ≥ KL. 1 for an order below 1.1. */
export function totalVariationAt(order: number, moment: number): number {
  if (order < LEAST_SHORTCUT_ORDER) return 1;
  return Math.sqrt(-Math.expm1(-moment / (order - 1)));
}

/** Integers, at which sampled lattice and Gaussian noise are exact, and tenths below 2. */
const LOW_ORDERS: readonly number[] = [
  ...Array.from({ length: 9 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 63 }, (_, i) => i + 2),
];
/** These take as long as all below, and are looked at only where cost still falls at the last of those. */
const HIGH_ORDERS: readonly number[] = [128, 256, 512, 1024];
const ORDERS: readonly number[] = [...LOW_ORDERS, ...HIGH_ORDERS];

/** Orders next to 1 serve losses in the thousands, high ones those below a thousandth. */
const LEAST_EXCESS = 2 ** -20;
const MOST_ORDER = 2 ** 16;
/** Golden sections: 0.618³² of the bracket, squared, is below rounding at a flat minimum. */
const SECTIONS = 32;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** So many orders in a row that cost more than one below them show that its valley was left. */
const RISES = 4;

/** The least of `cost` among ascending orders, up to where it has risen for good. */
function leastUntilRise(cost: (order: number) => number, orders: readonly number[]): AtOrder {
  let best: AtOrder = { value: Number.POSITIVE_INFINITY, order: orders[0]! };
  let above = 0;
  for (const order of orders) {
    const value = cost(order);
    if (value < best.value) {
      best = { value, order };
      above = 0;
    } else if (Number.isFinite(best.value) && ++above === RISES) {
      break;
    }
  }
  return best;
}

/** The least of `cost` among these orders. */
export function leastAmong(cost: (order: number) => number, orders: readonly number[]): AtOrder {
  let best: AtOrder = { value: Number.POSITIVE_INFINITY, order: orders[0]! };
  for (const order of orders) {
    const value = cost(order);
    if (value < best.value) best = { value, order };
  }
  return best;
}

/**
 * The least of `cost` over all orders that it can find: the best of a list, or beyond its ends while it
 * still falls, then golden sections between its neighbours. Whatever it finds is a bound; 50 to 110
 * evaluations.
 *
 * Where K is convex there is one valley, so that none is missed: (α − 1)·ε(α) is convex in α and ε(α) then
 * quasi-convex, and ln δ(α) is convex, as the second derivatives of what is added to K are positive.
 */
export function leastOfAll(cost: (order: number) => number): AtOrder {
  const low = leastUntilRise(cost, LOW_ORDERS);
  const lastLow = LOW_ORDERS.at(-1)!;
  const start = low.order === lastLow ? leastAmong(cost, [lastLow, ...HIGH_ORDERS]) : low;
  if (!Number.isFinite(start.value) && start.value > 0) {
    return walk(cost, { value: start.value, order: ORDERS[0]! });
  }
  return sections(cost, walk(cost, start));
}

/** Towards 1 or towards infinity from an end of the list, while it falls. */
function walk(cost: (order: number) => number, start: AtOrder): AtOrder {
  let best = start;
  const last = ORDERS.at(-1)!;
  while (best.order <= ORDERS[0]! && best.order - 1 > LEAST_EXCESS) {
    const order = 1 + (best.order - 1) / 2;
    const value = cost(order);
    if (!(value < best.value) && Number.isFinite(value)) break;
    best = { value, order };
  }
  while (best.order >= last && best.order < MOST_ORDER) {
    const order = 2 * best.order;
    const value = cost(order);
    if (!(value < best.value)) break;
    best = { value, order };
  }
  return best;
}

/** Golden sections of ln(α − 1) between the neighbours of the best order. */
function sections(cost: (order: number) => number, start: AtOrder): AtOrder {
  let [low, high] = around(start.order).map((order) => Math.log(order - 1)) as [number, number];
  let best = start;
  const evaluate = (point: number): number => {
    const order = 1 + Math.exp(point);
    const value = cost(order);
    if (value < best.value) best = { value, order };
    return value;
  };
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let atLeft = evaluate(left);
  let atRight = evaluate(right);
  for (let i = 0; i < SECTIONS; i++) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = evaluate(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = evaluate(right);
    }
  }
  return best;
}

/** The neighbours of an order: in the list, and off it a factor of 2 from 1. */
function around(order: number): [below: number, above: number] {
  const at = ORDERS.indexOf(order);
  const below = ORDERS[at - 1] ?? 1 + (order - 1) / 2;
  const above = at < 0 ? undefined : ORDERS[at + 1];
  return [below, above ?? 1 + 2 * (order - 1)];
}
