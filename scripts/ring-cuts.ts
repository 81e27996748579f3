/**
 * Which thresholds let a server sum fewer inputs of a ring than it promised: a model of its own, apart
 * from clients and from the studies of them, of what a server gets that tells two stretches of the ring
 * two views. Writes, for each degree and number of corrupt neighbours, how high a threshold is beaten.
 *
 *     npx tsx scripts/ring-cuts.ts [--most 12] [--hashes]
 *
 * docs/decisions/0009-arcs-of-rings.md says what it is for.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { leastArcThreshold, leastThreshold } from '../src/secagg/parameters.ts';

/** A ring: places are joined to the k/2 on either side. */
export interface Ring {
  readonly places: number;
  readonly degree: number;
  readonly threshold: number;
  /**
   * Clients sign a view only if each honest survivor around them has masks with just those who shared by
   * it: what signed hashes of neighbours would tell them. Default false.
   */
  readonly hashes?: boolean;
}

/** What the server says of each place. */
export interface ToldView {
  readonly sharers: readonly boolean[];
  readonly survivors: readonly boolean[];
}

/** What a server does; every client gets the boxes of those who shared by the view that it is told. */
export interface Cut {
  /** By place: in league with the server. */
  readonly corrupt: readonly boolean[];
  readonly views: readonly ToldView[];
  /** By place: the number of the view that a client is told. */
  readonly told: readonly number[];
}

/** What comes of it. */
export interface CutOutcome {
  /** The honest clients of each sum that is bare, ascending. */
  readonly sums: readonly (readonly number[])[];
  /** Honest clients of whom both secrets are known. */
  readonly both: readonly number[];
  /** Honest inputs that clients may count on: the survivors of the smallest view less those in league. */
  readonly floor: number;
}

/**
 * Plays a cut. A client sends its input with t boxes, signs its view with t survivors around, itself
 * among the survivors, and tells shares where t of these signed it too; who is in league signs anything.
 */
export function playCut(ring: Ring, cut: Cut): CutOutcome {
  const { corrupt, views, told } = cut;
  const { threshold, hashes = false } = ring;
  const places = corrupt.map((_, place) => place);
  const near = places.map((place) => neighboursOf(ring, place));
  const viewOf = (place: number): ToldView => views[told[place]!]!;
  const boxes = places.map((place) => near[place]!.filter((v) => viewOf(place).sharers[v]));
  const sends = places.map((u) => !corrupt[u] && boxes[u]!.length >= threshold);
  const aliveNear = (u: number): number[] => near[u]!.filter((v) => viewOf(u).survivors[v]);
  const isAsSaid = (u: number, v: number): boolean =>
    corrupt[v]! ||
    (sends[v]! && near[v]!.every((w) => viewOf(v).sharers[w] === viewOf(u).sharers[w]));
  const signs = places.map(
    (u) =>
      sends[u]! &&
      viewOf(u).survivors[u]! &&
      aliveNear(u).length >= threshold &&
      (!hashes || aliveNear(u).every((v) => isAsSaid(u, v))),
  );
  const agrees = (u: number, v: number): boolean =>
    corrupt[v]! || (signs[v]! && told[v] === told[u]);
  const tells = places.map(
    (u) => signs[u]! && aliveNear(u).filter((v) => agrees(u, v)).length >= threshold,
  );
  /** Shares of u's secret that are known: of its seed from those to whom it survived. */
  const known = (u: number, isSeed: boolean): boolean =>
    near[u]!.filter(
      (v) => corrupt[v] || (tells[v] && viewOf(v).sharers[u] && viewOf(v).survivors[u] === isSeed),
    ).length >= threshold;
  const seedKnown = places.map((u) => corrupt[u]! || known(u, true));
  const maskKnown = places.map((u) => corrupt[u]! || known(u, false));
  const isIn = (u: number, v: number): boolean => sends[u]! && boxes[u]!.includes(v);
  const bound = (u: number): number[] =>
    maskKnown[u] ? [] : boxes[u]!.filter((v) => !maskKnown[v]);

  const sums: number[][] = [];
  const seen = new Set<number>();
  for (const start of places) {
    if (!sends[start] || seen.has(start)) continue;
    const together = new Set([start]);
    for (const u of together) {
      for (const v of bound(u)) if (isIn(v, u)) together.add(v);
    }
    for (const u of together) seen.add(u);
    const isBare = [...together].every((u) => seedKnown[u] && bound(u).every((v) => isIn(v, u)));
    if (isBare) sums.push([...together].sort((a, b) => a - b));
  }
  const used = new Set(places.filter((u) => tells[u]).map((u) => told[u]!));
  const least = Math.min(...[...used].map((v) => count(views[v]!.survivors)));
  return {
    sums,
    both: places.filter((u) => !corrupt[u] && seedKnown[u] && maskKnown[u]),
    floor: least - count(corrupt),
  };
}

/** Whether fewer honest inputs are bare than were promised, or both secrets of somebody. */
export function leaks({ sums, both, floor }: CutOutcome): boolean {
  return both.length > 0 || sums.some(({ length }) => length < floor);
}

/** The stretch next to an arc, from its last member outwards. */
export interface Border {
  /** Clients of the far side; those with too few signatures around them tell nothing. */
  readonly silent: number;
  /** Then so many in league, */
  readonly corrupt: number;
  /** again clients of the far side, */
  readonly between: number;
  /** and those whom the arc is told to be alive, and the far side to have dropped out. */
  readonly twofold: number;
}

/** A ring of which an arc is cut off between two such borders. */
export function arcCut(degree: number, border: Border): Cut {
  const side = [
    ...Array.from({ length: border.silent }, () => 'far'),
    ...Array.from({ length: border.corrupt }, () => 'corrupt'),
    ...Array.from({ length: border.between }, () => 'far'),
    ...Array.from({ length: border.twofold }, () => 'twofold'),
  ];
  const arc = Array.from({ length: 2 * degree }, () => 'arc');
  const rest = Array.from({ length: 3 * degree }, () => 'far');
  const roles = [...arc, ...side, ...rest, ...side.toReversed()];
  const all = roles.map(() => true);
  // Of those beyond all reach of the arc, its members believe anything.
  const beyond = roles.map((_, place) => {
    const from = place - arc.length;
    return from >= degree && from < roles.length - arc.length - degree;
  });
  const known = roles.map((role, place) => role !== 'far' || beyond[place]!);
  return {
    corrupt: roles.map((role) => role === 'corrupt'),
    views: [
      { sharers: known, survivors: known },
      { sharers: all, survivors: roles.map((role) => role !== 'twofold') },
    ],
    told: roles.map((role) => Number(role === 'far')),
  };
}

/** A border that cuts an arc off, of all that there are; `undefined` where none does. */
export function findBorder(
  ring: Omit<Ring, 'places'>,
  { corrupt }: { readonly corrupt: number },
): Border | undefined {
  const half = ring.degree / 2;
  for (let twofold = 0; twofold <= half; twofold++) {
    for (let silent = 0; silent <= half; silent++) {
      for (let between = 0; silent + between <= half; between++) {
        const border = { silent, corrupt, between, twofold };
        if (isCutBy(ring, arcCut(ring.degree, border))) return border;
      }
    }
  }
  return undefined;
}

/**
 * Two halves of a ring, those in league where they meet, and nobody hidden from anyone: either half is
 * told that one client in its middle dropped out, and the other that it lives. Neither is in the sum then.
 */
export function halvesCut(degree: number, corrupt: number): Cut {
  const side = Array.from({ length: 2 * degree }, () => 'honest');
  const half = [...side, 'twofold', ...side, ...Array.from({ length: corrupt }, () => 'corrupt')];
  const roles = [...half, ...half];
  const all = roles.map(() => true);
  const isFirst = (place: number): boolean => place < half.length;
  const survivors = (first: boolean): boolean[] =>
    roles.map((role, place) => role !== 'twofold' || isFirst(place) !== first);
  return {
    corrupt: roles.map((role) => role === 'corrupt'),
    views: [
      { sharers: all, survivors: survivors(true) },
      { sharers: all, survivors: survivors(false) },
    ],
    // One who dropped out for its half is told what the other half is: it would refuse the one or the other.
    told: roles.map((role, place) => Number(isFirst(place) === (role === 'twofold'))),
  };
}

/** Whether a cut leaves less than was promised on a ring of its size. */
export function isCutBy(ring: Omit<Ring, 'places'>, cut: Cut): boolean {
  return leaks(playCut({ ...ring, places: cut.told.length }, cut));
}

/** One line of the table. */
export interface Row {
  readonly degree: number;
  readonly corrupt: number;
  /** Least t with 2t > k + c. */
  readonly usual: number;
  /** The highest t, from `usual` up, for which an arc is cut off; `undefined` if there is none. */
  readonly arc: number | undefined;
  /** The highest t for which two halves lose one client each. */
  readonly halves: number | undefined;
  /** Least t with t > k/2 + c + 1 and 3t > 2k + 2c + 1. */
  readonly safe: number;
}

/** How high a threshold is beaten; with `hashes`, of clients that are shown those of their neighbours. */
export function rowOf(
  degree: number,
  { corrupt, hashes = false }: { readonly corrupt: number; readonly hashes?: boolean },
): Row {
  const usual = leastThreshold(degree, { c: corrupt, adversary: 'malicious' });
  const highest = (isBeaten: (ring: Omit<Ring, 'places'>) => boolean): number | undefined => {
    for (let threshold = degree; threshold >= usual; threshold--) {
      if (isBeaten({ degree, threshold, hashes })) return threshold;
    }
    return undefined;
  };
  return {
    degree,
    corrupt,
    usual,
    arc: highest((ring) => findBorder(ring, { corrupt }) !== undefined),
    halves: highest((ring) => isCutBy(ring, halvesCut(degree, corrupt))),
    safe: leastArcThreshold(degree, corrupt),
  };
}

function neighboursOf({ places, degree }: Ring, place: number): number[] {
  return Array.from({ length: degree / 2 }, (_, i) => i + 1).flatMap((step) => [
    (place + step) % places,
    (place - step + places) % places,
  ]);
}

function count(marks: readonly boolean[]): number {
  return marks.filter(Boolean).length;
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      most: { type: 'string', default: '12' },
      hashes: { type: 'boolean', default: false },
    },
  });
  console.log('| k | c | 2t > k + c | an arc, up to | halves, up to | none from |');
  console.log('|---|---|---|---|---|---|');
  for (let degree = 4; degree <= Number(values.most); degree += 2) {
    for (let corrupt = 0; corrupt <= 3 && corrupt < degree / 2; corrupt++) {
      const { usual, arc, halves, safe } = rowOf(degree, { corrupt, hashes: values.hashes });
      const cells = [degree, corrupt, usual, arc ?? '–', halves ?? '–', safe];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}
