/**
 * The accountant by privacy loss distributions: the tightest of all for events fixed in advance.
 *
 * Each event's loss is put on a grid that never understates it, the grids' laws are composed by a
 * tilted FFT, and what round-off, cut tails and the window may hide is added to δ. So its ε and δ are
 * upper bounds also in floating point, as long as exponentials and logarithms of the platform are good
 * to two units in their last place; relative excess of δ: see `compose-losses.ts`.
 *
 * Koskela, Jälkö, Honkela 2020; Doroshenko et al. 2022 ("Connect the dots"); the tilt is that of
 * saddle-point approximations, as in Alghamdi et al. "The saddle-point accountant", ICML 2023.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../core/assert.ts';
import { assertSameRelation, checkEvent, type PrivacyEvent, type Relation } from '../event.ts';
import { type Accountant, assertDelta, assertEpsilon } from './accountant.ts';
import { composeLosses, MAX_WINDOW, windowSize } from './compose-losses.ts';
import { type DiscreteLoss, discretize, FINE_RESOLUTION } from './discrete-loss.ts';
import { dominatingPairs, type PairLosses } from './dominating-pairs.ts';
import type { PrivacyLoss } from './privacy-loss.ts';
import { type Question, type RepeatedLoss, type Tilt, tiltFor } from './tilted-sum.ts';

/** Options of {@link PldAccountant}. */
export interface PldOptions {
  /**
   * Distance of the grid's losses. By default 10⁻⁴, or less where ε is small or rounds are many, so
   * that the grid adds 10⁻³ to ε at most, and less still where that takes no time. Where more than 2²² places would be needed, it is doubled
   * until they are enough, and may add more.
   */
  readonly interval?: number;
}

/** An event, its losses, and how often it takes place. */
interface Entry {
  readonly pair: PairLosses;
  count: number;
  /** Rough losses for the choice of tilt, window and interval. */
  readonly sketches: Map<PrivacyLoss, DiscreteLoss>;
}

type Direction = 'remove' | 'add';

/** Rounds of search for an ε whose own cost is paid; two are enough unless distances are large. */
const MAX_ROUNDS = 64;

/**
 * Accounts by privacy loss distributions. ε and δ are asked for on grids and at tilts of their own: δ at
 * the ε of a δ may be a little less or more than that.
 *
 * A query takes 0.1 s where the sum's range is 10⁵ intervals and seconds at the most places, for each
 * direction, and up to 300 MB. More than 10⁸ rounds get no finite ε.
 */
export class PldAccountant implements Accountant {
  readonly name = 'pld';
  readonly #interval: number | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #grids = new GridCache();
  #relation: Relation | undefined;

  constructor({ interval }: PldOptions = {}) {
    if (interval !== undefined) assertPositive('interval', interval);
    this.#interval = interval;
  }

  compose(event: PrivacyEvent, count = 1): void {
    assertInteger('count', count, 1);
    const relation = assertSameRelation(checkEvent(event), this.#relation);
    const key = JSON.stringify([event.mechanism, event.sampling]);
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.count += count;
    else this.#entries.set(key, entryOf(event, count));
    this.#relation = relation;
  }

  epsilon(delta: number): number {
    assertDelta(delta);
    // Of what is left of δ after ε's cost of the distance; that of an ε a little larger, which must
    // then hold.
    let upper = 0;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const left = delta - this.#costOfDistance(upper);
      if (!(left > 0)) return Number.POSITIVE_INFINITY;
      const epsilon = this.#worst({ delta: left });
      if (epsilon <= upper || this.#distance() === 0) return epsilon;
      upper = epsilon * (1 + 2 ** -20) + 2 ** -20;
    }
    return Number.POSITIVE_INFINITY;
  }

  delta(epsilon: number): number {
    assertEpsilon(epsilon);
    return Math.min(1, this.#worst({ epsilon }) + this.#costOfDistance(epsilon));
  }

  /** How far all outputs are from those that the pairs dominate: at most the sum of distances. */
  #distance(): number {
    return [...this.#entries.values()].reduce(
      (sum, { pair, count }) => sum + count * pair.distance,
      0,
    );
  }

  /** Outputs as far from (ε, δ)-private ones on either input are (ε, δ + (1 + e^ε)·distance)-private. */
  #costOfDistance(epsilon: number): number {
    const distance = this.#distance();
    return distance === 0 ? 0 : (1 + Math.exp(epsilon)) * distance;
  }

  /** The larger answer of the two directions; one where they are the same. */
  #worst(question: Question): number {
    const entries = [...this.#entries.values()];
    if (entries.length === 0) return 0;
    const removed = this.#answer(entries, 'remove', { question, known: 0 });
    if (entries.every(({ pair }) => pair.remove === pair.add)) return removed;
    return this.#answer(entries, 'add', { question, known: removed });
  }

  /** The answer in a direction, or what is `known`, if that is larger. */
  #answer(
    entries: readonly Entry[],
    direction: Direction,
    { question, known }: { question: Question; known: number },
  ): number {
    const sketches = entries.map((entry) => sketchOf(entry, direction));
    const tilt = tiltFor(sketches, question);
    const bound = 'delta' in question ? tilt.epsilon : tilt.delta;
    if (bound <= known) return known;
    const interval = widened(tilt, this.#interval ?? refined(tilt, intervalFor(tilt, sketches)));
    const losses = entries.map(({ pair, count }) => ({
      loss: this.#grids.get(pair[direction], interval),
      count,
    }));
    const composed = composeLosses(losses, tilt);
    const answer =
      'delta' in question ? composed.epsilon(question.delta) : composed.delta(question.epsilon);
    return Math.max(known, answer);
  }
}

/** Discretised losses: those of the last interval asked for. */
class GridCache {
  #grids = new Map<PrivacyLoss, DiscreteLoss>();

  get(loss: PrivacyLoss, interval: number): DiscreteLoss {
    const known = this.#grids.get(loss);
    if (known?.interval === interval) return known;
    const made = discretize(loss, { interval, resolution: FINE_RESOLUTION });
    this.#grids.set(loss, made);
    return made;
  }
}

function entryOf(event: PrivacyEvent, count: number): Entry {
  return { pair: dominatingPairs(event), count, sketches: new Map() };
}

/** Sketches are good to 1/128 of each loss, down to losses that never matter. */
const SKETCH = { interval: 2 ** -32, resolution: 2 ** 7 } as const;

function sketchOf({ pair, count, sketches }: Entry, direction: Direction): RepeatedLoss {
  const loss = pair[direction];
  const sketch = sketches.get(loss) ?? discretize(loss, SKETCH);
  sketches.set(loss, sketch);
  return { loss: sketch, count };
}

/** The widest interval that is ever chosen without need. */
const WIDEST_INTERVAL = 1e-4;
/** Intervals up to ε, or in the deviation of the sum of losses where that is more. */
const INTERVALS_PER_EPSILON = 5000;
/** What the grid may add to ε, relative to it. */
const GRID_SHARE = 2 ** -12;

/**
 * The interval for a question that `tilt` was made for: 10⁻⁴ halved as often as needed.
 *
 * A mass between two grid losses, h apart, is spread so that e^(θ·loss) grows by a factor of
 * 1 + θ(θ + 1)h²/8 at most. Over T events this adds up to T·(θ + 1)h²/8 to ε.
 */
function intervalFor({ epsilon, deviation, theta }: Tilt, losses: readonly RepeatedLoss[]): number {
  const size = Math.max(epsilon, deviation);
  if (size === 0) return WIDEST_INTERVAL;
  const events = losses.reduce((sum, { count }) => sum + count, 0);
  const wanted = Math.min(
    size / INTERVALS_PER_EPSILON,
    Math.sqrt((8 * GRID_SHARE * size) / (events * (theta + 1))),
  );
  return WIDEST_INTERVAL * 2 ** Math.min(0, Math.floor(Math.log2(wanted / WIDEST_INTERVAL)));
}

/** A window of so many places takes some 20 ms. */
const CHEAP_WINDOW = 2 ** 17;
/** Errors fall with the square of the interval: 1/256 of what they were is enough. */
const MOST_HALVINGS = 4;

/** The interval, halved while that costs little: a noise multiplier of 100 asks for 10⁻⁶ of ε. */
function refined(tilt: Tilt, interval: number): number {
  let finer = interval;
  for (let i = 0; i < MOST_HALVINGS && windowSize(tilt, finer / 2) <= CHEAP_WINDOW; i++) finer /= 2;
  return finer;
}

/** The interval, doubled until the window has no more than its most places. */
function widened(tilt: Tilt, interval: number): number {
  let fitting = interval;
  while (windowSize(tilt, fitting) > MAX_WINDOW) fitting *= 2;
  return fitting;
}
