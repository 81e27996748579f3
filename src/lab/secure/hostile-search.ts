/**
 * Strategies of a hostile server at random, against cohorts that are too large for all of them to be
 * tried. Each family is an attack that works on some weaker protocol, with its sizes and its victims
 * drawn anew each time, and whatever else comes to mind thrown in: second views, second requests,
 * signatures that do not count, messages of another round.
 *
 * That such a search finds nothing counts for no more than what it finds where there is something: it is
 * to be tried on copies of the protocol with faults.
 *
 * @module
 */

import { createRandom, type Random } from '../../core/random.ts';
import { type Played, play, type Step, type Strategy, type View } from './hostile.ts';
import { inLeagueWith, ringOf, type World } from './hostile-world.ts';

/** A recorded round, and how many clients may be in league with the server in it. */
export interface Field {
  readonly name: string;
  readonly world: World;
  /** Clients in league, chosen anew for each strategy. */
  readonly corrupt: number;
  /** The most of them around any one client; chance has it so but with 2^−σ. Default: all. */
  readonly corruptNear?: number;
  /** Another round of the same clients: what may be replayed from it. */
  readonly sister?: World;
}

/** A leak, and how it came about. */
export interface FoundLeak {
  readonly field: string;
  readonly strategy: Strategy;
  readonly played: Played;
  /** The round with those in league who were chosen. */
  readonly world: World;
  /** Strategies tried until then, this one counted. */
  readonly tried: number;
}

/** What a search came to. */
export interface Searched {
  readonly tried: number;
  /** The first leak; the search ends with it. */
  readonly found: FoundLeak | undefined;
  /** Strategies in which some client signed, and in which some client revealed shares. */
  readonly signed: number;
  readonly revealed: number;
  /** Strategies by family. */
  readonly families: ReadonlyMap<string, number>;
}

/** How long and from where to search. */
export interface SearchOptions {
  readonly strategies: number;
  readonly seed: number;
  /** Called now and then with the number tried. */
  readonly onProgress?: (tried: number) => void;
}

/** Tries strategies on all fields in turn until one leaks or all have been tried. */
export async function searchLeaks(
  fields: readonly Field[],
  { strategies, seed, onProgress }: SearchOptions,
): Promise<Searched> {
  const random = createRandom(seed);
  const families = new Map<string, number>();
  let [signed, revealed, tried] = [0, 0, 0];
  while (tried < strategies) {
    const field = fields[tried % fields.length]!;
    const world = inLeagueWith(field.world, drawCorrupt(field, random));
    const strategy = randomStrategy(world, random, field.sister);
    const played = await play(world, strategy);
    tried++;
    families.set(strategy.name, (families.get(strategy.name) ?? 0) + 1);
    signed += Number(played.signed > 0);
    revealed += Number(played.revealed > 0);
    if (played.leak !== undefined) {
      const found = { field: field.name, strategy, played, world, tried };
      return { tried, found, signed, revealed, families };
    }
    if (tried % 1000 === 0) onProgress?.(tried);
  }
  return { tried, found: undefined, signed, revealed, families };
}

/** Clients in league with the server, nowhere more dense than assumed. */
function drawCorrupt({ world, corrupt, corruptNear = corrupt }: Field, random: Random): number[] {
  const real = [...world.clients.keys()];
  for (;;) {
    const chosen = sample(real, corrupt, random);
    const isDense = real.some(
      (client) =>
        !chosen.includes(client) &&
        world.graph.neighbours(client).filter((v) => chosen.includes(v)).length > corruptNear,
    );
    if (!isDense) return chosen;
  }
}

/** What one client is told at first; without boxes, it gets those of all sharers of its view. */
interface Told {
  /** `undefined`: it hears no more after R2. */
  readonly view: View | undefined;
  readonly boxes?: readonly number[];
}

/** What a family of strategies decides. */
type Draft = ReadonlyMap<number, Told>;

/** What families draw from. */
interface Draw {
  readonly world: World;
  readonly random: Random;
  /** k and t. */
  readonly degree: number;
  readonly threshold: number;
  /** All clients, and the honest ones in random order. */
  readonly all: readonly number[];
  readonly honest: readonly number[];
  /** Clients that a view may say dropped out, before somebody must refuse it. */
  readonly mayDrop: number;
}

type Family = (draw: Draw) => Draft;

const ANY_GRAPH: Readonly<Record<string, Family>> = {
  'one view': oneView,
  'views by class': viewsByClass,
  'views by client': viewsByClient,
  'a few covered': (draw) => fewCovered(draw, { areSilent: false }),
  'a few covered and silent': (draw) => fewCovered(draw, { areSilent: true }),
  chaos,
};
const RINGS: Readonly<Record<string, Family>> = {
  ...ANY_GRAPH,
  'views by arc': viewsByArc,
  'an arc cut off': arcCutOff,
};

/** A strategy of some family, and some disorder in it. */
export function randomStrategy(world: World, random: Random, sister?: World): Strategy {
  const families = Object.entries(world.graph.topology === 'complete' ? ANY_GRAPH : RINGS);
  const [name, family] = pick(families, random);
  const draft = family(drawOf(world, random));
  const boxes = new Map<number, readonly number[]>();
  for (const [client, told] of draft) {
    const near = world.graph.neighbours(client);
    const given = new Set(told.boxes ?? told.view?.sharers ?? near);
    boxes.set(
      client,
      near.filter((other) => given.has(other)),
    );
  }
  return { name, boxes, steps: stepsOf(draft, { world, random, sister }) };
}

function drawOf(world: World, random: Random): Draw {
  const { graph, config, honest } = world;
  const { degree, threshold } = graph.terms(0);
  const all = Array.from({ length: graph.clients }, (_, i) => i);
  const mayDrop = Math.min(degree - threshold, all.length - config.minSum);
  return { world, random, degree, threshold, all, honest: shuffled(honest, random), mayDrop };
}

/** Everybody is told the same; how many dropped out is drawn. */
function oneView({ honest, all, random, mayDrop }: Draw): Draft {
  const dropped = sample(all, random.below(mayDrop + 2), random);
  const sharers = without(all, sample(dropped, random.below(2), random));
  const view = { sharers, survivors: without(sharers, dropped) };
  return new Map(honest.map((client) => [client, { view }]));
}

/** Two or three classes of clients, each with survivors of its own. */
function viewsByClass({ honest, all, random, mayDrop }: Draw): Draft {
  const classes = cut(honest, 2 + random.below(2), random);
  return new Map(
    classes.flatMap((members) => {
      const dropped = sample(without(all, members), 1 + random.below(mayDrop + 1), random);
      const view = { sharers: all, survivors: without(all, dropped) };
      return members.map((client) => [client, { view }] as const);
    }),
  );
}

/** Each client is told of as many dropouts as it accepts, out of a few that are to be uncovered. */
function viewsByClient({ honest, all, random, mayDrop }: Draw): Draft {
  const targets = sample(honest, mayDrop + random.below(4), random);
  return new Map(
    honest.map((client) => {
      const dropped = sample(without(targets, [client]), mayDrop, random);
      return [client, { view: { sharers: all, survivors: without(all, dropped) } }] as const;
    }),
  );
}

/**
 * A few clients get boxes only from each other, from those in league with the server and from some who
 * then drop out: so their masks are with nobody else.
 */
function fewCovered(
  { world, honest, all, random, threshold, mayDrop }: Draw,
  { areSilent }: { readonly areSilent: boolean },
): Draft {
  const dropped = honest.slice(0, 1 + random.below(mayDrop + 1));
  const least = Math.max(1, threshold + 1 - world.known.size - dropped.length);
  const few = honest.slice(dropped.length, dropped.length + least + random.below(3));
  const view = { sharers: all, survivors: without(all, dropped) };
  const boxes = [...few, ...dropped, ...world.known];
  return new Map<number, Told>([
    ...few.map((client) => [client, { view: areSilent ? undefined : view, boxes }] as const),
    ...without(honest, few).map((client) => [client, { view }] as const),
  ]);
}

/** Anything: boxes at random, views at random from a few. */
function chaos({ honest, all, random, mayDrop }: Draw): Draft {
  const views = Array.from({ length: 1 + random.below(3) }, (): View => {
    const sharers = without(all, sample(all, random.below(3), random));
    return { sharers, survivors: without(sharers, sample(all, random.below(mayDrop + 2), random)) };
  });
  return new Map(
    honest.map((client) => {
      const view = random.below(8) === 0 ? undefined : pick(views, random);
      if (random.below(2) === 0) return [client, { view }] as const;
      return [client, { view, boxes: without(all, sample(all, random.below(4), random)) }] as const;
    }),
  );
}

/** Neighbouring stretches of a ring, each with survivors of its own. */
function viewsByArc({ world, honest, all, random, mayDrop, degree }: Draw): Draft {
  const ring = turned(ringOf(world), random);
  const half = degree / 2 + random.below(all.length - degree);
  const borders = [...ring.slice(0, degree), ...ring.slice(half, half + degree)];
  const isFirst = new Set(ring.slice(0, half));
  const views = [0, 1].map((): View => {
    const dropped = [
      ...sample(borders, random.below(2 * mayDrop + 1), random),
      ...sample(all, random.below(mayDrop + 1), random),
    ];
    return { sharers: all, survivors: without(all, dropped) };
  });
  return new Map(
    honest.map((client) => [client, { view: views[isFirst.has(client) ? 0 : 1]! }] as const),
  );
}

/**
 * A stretch of the ring whose masks are with nobody beyond it: it is told that those beside it never
 * shared, but for some who dropped out; the others are told that only these did.
 */
function arcCutOff({ world, honest, all, random, degree, threshold }: Draw): Draft {
  const ring = turned(ringOf(world), random);
  const half = degree / 2;
  const length = half + 1 + random.below(Math.max(1, all.length - degree - half));
  const width = threshold - half + random.below(2);
  const arc = ring.slice(0, length);
  const beside = [...ring.slice(length, length + half), ...ring.slice(-half)];
  const dropped = without(
    [...beside.slice(0, width), ...beside.slice(beside.length - width)],
    [...world.known],
  );
  const hidden = without(without(beside, dropped), [...world.known]);
  const inside = new Set(arc);
  const near: View = {
    sharers: without(all, hidden),
    survivors: without(without(all, hidden), dropped),
  };
  const far: View = { sharers: all, survivors: without(all, dropped) };
  return new Map(
    honest.map((client) => [client, { view: inside.has(client) ? near : far }] as const),
  );
}

interface Disorder {
  readonly world: World;
  readonly random: Random;
  readonly sister: World | undefined;
}

/** Views, then signatures, in any order of clients; and, now and then, more than that. */
function stepsOf(draft: Draft, disorder: Disorder): Strategy['steps'] {
  const { world, random } = disorder;
  const clients = shuffled([...draft.keys()], random);
  const views = viewsOf(draft);
  const told = clients.flatMap((client): Telling[] => {
    const { view } = draft.get(client)!;
    return view === undefined ? [] : [{ client, step: { kind: 'view', view } }];
  });
  // Everybody is asked to sign every view, its own last.
  const before = random.below(4) > 0 ? [] : views.flatMap((view) => asked(clients, view, draft));
  // Where thresholds are just met, one signature that is held back is the end of it.
  const isOpen = random.below(4) > 0;
  const requests = clients.map((client): Telling => {
    const near = world.graph.neighbours(client);
    const withhold = isOpen ? [] : sample(near, random.below(3), random);
    // What does not count is asked about at length, by two implementations: so to few.
    const noise = random.below(16) === 0;
    return { client, step: { kind: 'consents', choice: { withhold, noise } } };
  });
  const steps = [...before, ...told, ...requests];
  for (let more = Math.max(0, random.below(6) - 2); more > 0; more--) {
    const client = pick(clients, random);
    const step = extraStep(client, views, disorder);
    if (step !== undefined) steps.splice(random.below(steps.length + 1), 0, { client, step });
  }
  // A second view once some have revealed, and a second request.
  if (random.below(4) === 0) steps.push(...asked(clients, pick(views, random), draft), ...requests);
  return steps;
}

type Telling = Strategy['steps'][number];

function viewsOf(draft: Draft): View[] {
  const views = [...draft.values()].flatMap(({ view }) => (view === undefined ? [] : [view]));
  return [...new Set(views)];
}

function asked(clients: readonly number[], view: View, draft: Draft): Telling[] {
  return clients
    .filter((client) => draft.get(client)!.view !== view && view.survivors.includes(client))
    .map((client) => ({ client, step: { kind: 'view', view } }));
}

function extraStep(
  client: number,
  views: readonly View[],
  { random, sister }: Disorder,
): Step | undefined {
  switch (random.below(4)) {
    case 0:
      return { kind: 'view', view: pick(views, random) };
    case 1:
      return { kind: 'consents', choice: { noise: true } };
    case 2: {
      const message = sister?.messages.roster.get(client);
      return message && { kind: 'raw', message };
    }
    default:
      return sister && { kind: 'raw', message: sister.messages.config };
  }
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.below(items.length)]!;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return random.permutation(items.length).map((i) => items[i]!);
}

/** So many at random, or all where there are fewer. */
function sample<T>(items: readonly T[], size: number, random: Random): T[] {
  return shuffled(items, random).slice(0, size);
}

/** A ring from another place on. */
function turned<T>(ring: readonly T[], random: Random): T[] {
  const from = random.below(ring.length);
  return [...ring.slice(from), ...ring.slice(0, from)];
}

/** Classes of drawn sizes. */
function cut<T>(items: readonly T[], classes: number, random: Random): T[][] {
  if (classes === 1) return [items.slice()];
  const even = Math.round(items.length / classes);
  const size = Math.min(items.length, Math.max(1, even - 1 + random.below(3)));
  return [items.slice(0, size), ...cut(items.slice(size), classes - 1, random)];
}

function without<T>(items: readonly T[], others: readonly T[]): T[] {
  const out = new Set(others);
  return items.filter((item) => !out.has(item));
}
