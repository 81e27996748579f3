/**
 * Reputation: what is held against a client, how that fades, and what follows from it.
 *
 * Each client has a *harm* h ≥ 0 and a trust e^−h in [0, 1]. Evidence adds its weight to h, up to a cap
 * for each item and for each round. h halves every `halfLife` rounds, and a round in which the client
 * took part with nothing held against it takes a further share `recovery` away. Below a trust of
 * `quarantineBelow` a client is in quarantine; it is released once its trust is `releaseAt` again and
 * `quarantineRounds` rounds have passed since it was last below.
 *
 * All of that is *monotone*: more evidence against a client, at any time, never raises its trust nor
 * ends its quarantine sooner. Harm is a sum of terms that only shrink by factors which do not depend on
 * it, and quarantine counts from the last round below the threshold, not from the first. Evidence in
 * favour does not exist: it could be collected to be spent.
 *
 * The ledger holds a few numbers and the last items for each client with harm, and forgets clients whose
 * harm has faded: memory does not grow with rounds.
 *
 * @module
 */

import { assertFinite, assertInteger, assertOptions, show } from '../core/assert.ts';

/** Something held against a client. */
export interface Evidence {
  readonly client: string;
  /** What it is about, such as `far-from-neighbours`. */
  readonly kind: string;
  /** How much it counts, above 0. With 1, trust falls by a factor of e. */
  readonly weight: number;
  /** A sentence for whoever asks. */
  readonly reason: string;
}

/** How evidence counts; every one has a default. */
export interface ReputationOptions {
  /** Rounds after which harm has halved, above 0. Default 10. */
  readonly halfLife?: number;
  /** Share of harm that a round without evidence takes away from those in it, in [0, 1). Default 0.1. */
  readonly recovery?: number;
  /** Trust below which a client is in quarantine, in (0, 1). Default 0.3. */
  readonly quarantineBelow?: number;
  /** Trust with which it is released, in (quarantineBelow, 1]. Default 0.5. */
  readonly releaseAt?: number;
  /** Rounds that a quarantine lasts at least. Default 5. */
  readonly quarantineRounds?: number;
  /** The most that one item counts, above 0. Default 1. */
  readonly itemCap?: number;
  /** The most that all items of one round count, at least `itemCap`. Default 2. */
  readonly roundCap?: number;
  /** Least weight of a client in a selection, in (0, 1]. Default 0.1. */
  readonly leastWeight?: number;
}

/** What is known of a client, and why. */
export interface Standing {
  readonly client: string;
  /** In [0, 1]; 1 with nothing held against it. */
  readonly trust: number;
  readonly quarantined: boolean;
  /** Items ever counted, as far as they are not forgotten. */
  readonly items: number;
  /** The last items, the latest last. */
  readonly recent: readonly RecentItem[];
}

/** An item as the ledger keeps it. */
export interface RecentItem {
  readonly round: number;
  readonly kind: string;
  /** As it was counted, caps considered. */
  readonly weight: number;
  readonly reason: string;
}

interface Entry {
  harm: number;
  /** Round of the latest evidence, and what counted in it. */
  evidenceRound: number;
  countedInRound: number;
  /** Round in which trust was last seen below the threshold; `undefined` where there is no quarantine. */
  lastBelow: number | undefined;
  items: number;
  recent: RecentItem[];
}

/** Items kept for each client. */
const KEPT_ITEMS = 8;
const LONGEST_REASON = 200;
/** Harm that no longer changes any figure that is shown. */
const FORGOTTEN = 1e-6;

const DEFAULTS = {
  halfLife: 10,
  recovery: 0.1,
  quarantineBelow: 0.3,
  releaseAt: 0.5,
  quarantineRounds: 5,
  itemCap: 1,
  roundCap: 2,
  leastWeight: 0.1,
} as const satisfies Required<ReputationOptions>;

/**
 * The options with their defaults.
 *
 * @throws {TypeError | RangeError} that names the option and its range.
 */
export function reputationOptions(options: ReputationOptions = {}): Required<ReputationOptions> {
  assertOptions(options, KNOWN);
  const all = { ...DEFAULTS, ...options };
  assertWithin('halfLife', all.halfLife, { above: 0 });
  assertWithin('recovery', all.recovery, { least: 0, below: 1 });
  assertWithin('quarantineBelow', all.quarantineBelow, { above: 0, below: 1 });
  assertWithin('releaseAt', all.releaseAt, { above: all.quarantineBelow, most: 1 });
  assertInteger('quarantineRounds', all.quarantineRounds, 0);
  assertWithin('itemCap', all.itemCap, { above: 0 });
  assertWithin('roundCap', all.roundCap, { least: all.itemCap });
  assertWithin('leastWeight', all.leastWeight, { above: 0, most: 1 });
  return all;
}

const KNOWN = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, true])) as Record<
  keyof typeof DEFAULTS,
  true
>;

interface Bounds {
  readonly above?: number;
  readonly least?: number;
  readonly below?: number;
  readonly most?: number;
}

function assertWithin(name: string, value: number, bounds: Bounds): void {
  assertFinite(name, value);
  const { above, least, below, most } = bounds;
  const inside =
    (above === undefined || value > above) &&
    (least === undefined || value >= least) &&
    (below === undefined || value < below) &&
    (most === undefined || value <= most);
  if (inside) return;
  const words = [
    above !== undefined && `above ${above}`,
    least !== undefined && `at least ${least}`,
    below !== undefined && `below ${below}`,
    most !== undefined && `at most ${most}`,
  ].filter((part) => part !== false);
  throw new RangeError(`${name} must be ${words.join(' and ')}, got ${value}`);
}

/**
 * The ledger of evidence. It is told what happened, round by round, in the order of the log; rounds never
 * go back. It knows no clock and draws nothing, so the same events make the same ledger.
 */
export class Reputation {
  readonly options: Required<ReputationOptions>;
  readonly #entries = new Map<string, Entry>();
  #round = 0;

  /** @throws {TypeError | RangeError} as {@link reputationOptions}. */
  constructor(options: ReputationOptions = {}) {
    this.options = reputationOptions(options);
  }

  /** The round that the ledger is in: the latest that it was told of. */
  get round(): number {
    return this.#round;
  }

  /** Clients that anything is held against, ascending. */
  get clients(): readonly string[] {
    return [...this.#entries.keys()].sort();
  }

  /**
   * Goes on to a round; harm fades, quarantines may end, and clients whose harm has faded are forgotten.
   * A round that has passed already changes nothing.
   */
  advance(round: number): void {
    assertInteger('round', round, 0);
    // One round at a time: whether a quarantine has ended is looked at in each.
    while (this.#round < round && this.#entries.size > 0) {
      this.#round++;
      for (const [client, entry] of this.#entries) {
        this.#fade(entry);
        if (entry.harm < FORGOTTEN && entry.lastBelow === undefined) this.#entries.delete(client);
      }
    }
    this.#round = Math.max(this.#round, round);
  }

  /**
   * Counts evidence in the present round.
   *
   * @returns The weight that was counted, caps considered.
   * @throws {RangeError | TypeError} if the weight is not above 0.
   */
  hold({ client, kind, weight, reason }: Evidence): number {
    if (!(weight > 0)) throw new RangeError(`weight must be above 0, got ${show(weight)}`);
    const { itemCap, roundCap } = this.options;
    const entry = this.#entryOf(client);
    if (entry.evidenceRound !== this.#round) entry.countedInRound = 0;
    const counted = Math.min(weight, itemCap, Math.max(0, roundCap - entry.countedInRound));
    entry.evidenceRound = this.#round;
    entry.countedInRound += counted;
    entry.harm += counted;
    entry.items++;
    entry.recent.push({
      round: this.#round,
      kind,
      weight: counted,
      reason: reason.slice(0, LONGEST_REASON),
    });
    if (entry.recent.length > KEPT_ITEMS) entry.recent.shift();
    if (Math.exp(-entry.harm) < this.options.quarantineBelow) entry.lastBelow = this.#round;
    return counted;
  }

  /** A client took part in the present round. It recovers if nothing is held against it in that round. */
  tookPart(client: string): void {
    const entry = this.#entries.get(client);
    if (entry === undefined || entry.evidenceRound === this.#round) return;
    entry.harm *= 1 - this.options.recovery;
  }

  /** In [0, 1]; 1 for whoever nothing is held against. */
  trust(client: string): number {
    return Math.exp(-(this.#entries.get(client)?.harm ?? 0));
  }

  isQuarantined(client: string): boolean {
    return this.#entries.get(client)?.lastBelow !== undefined;
  }

  /** A weight for selections in [leastWeight, 1]: nobody is preferred more than that. */
  weight(client: string): number {
    return Math.max(this.options.leastWeight, this.trust(client));
  }

  standing(client: string): Standing {
    const entry = this.#entries.get(client);
    return {
      client,
      trust: this.trust(client),
      quarantined: this.isQuarantined(client),
      items: entry?.items ?? 0,
      recent: [...(entry?.recent ?? [])],
    };
  }

  /** In words: trust, quarantine, and the items that weigh most. */
  explain(client: string): string {
    const { trust, quarantined, items, recent } = this.standing(client);
    if (items === 0) return `${client}: trust 1, nothing is held against it`;
    const weightiest = [...recent]
      .sort((a, b) => b.weight - a.weight || b.round - a.round)
      .slice(0, 3)
      .map(({ round, kind, reason }) => `round ${round} ${kind}: ${reason}`);
    const state = quarantined ? `, in quarantine ${this.#until(client)}` : '';
    const noun = items === 1 ? '1 item' : `${items} items`;
    return `${client}: trust ${trust.toFixed(2)}${state}; ${noun}, of which ${weightiest.join('; ')}`;
  }

  #until(client: string): string {
    const { releaseAt, quarantineRounds } = this.options;
    const earliest = this.#entries.get(client)!.lastBelow! + quarantineRounds;
    return `until trust is ${releaseAt}, not before round ${earliest}`;
  }

  #entryOf(client: string): Entry {
    const found = this.#entries.get(client);
    if (found !== undefined) return found;
    const entry: Entry = {
      harm: 0,
      evidenceRound: -1,
      countedInRound: 0,
      lastBelow: undefined,
      items: 0,
      recent: [],
    };
    this.#entries.set(client, entry);
    return entry;
  }

  /** One round passes. */
  #fade(entry: Entry): void {
    const { halfLife, quarantineBelow, releaseAt, quarantineRounds } = this.options;
    entry.harm *= 2 ** (-1 / halfLife);
    const trust = Math.exp(-entry.harm);
    if (trust < quarantineBelow) entry.lastBelow = this.#round;
    else if (
      entry.lastBelow !== undefined &&
      trust >= releaseAt &&
      this.#round - entry.lastBelow >= quarantineRounds
    ) {
      entry.lastBelow = undefined;
    }
  }
}

/**
 * What is held against a group, as evidence against its members: each gets the same share, which says
 * little of one of them, and tells only over many rounds with other groups.
 */
export function shareOfGroup(
  members: readonly string[],
  { kind, weight, reason }: Omit<Evidence, 'client'>,
): Evidence[] {
  const share = weight / members.length;
  return members.map((client) => ({
    client,
    kind,
    weight: share,
    reason: `its group of ${members.length}: ${reason}`,
  }));
}
