/**
 * The fault-injection matrix of secure aggregation: what is done to a round, and what must come of it.
 *
 * A row is a fault, a column the message that it hits. What must come of a cell is put together from what
 * the fault does to the clients that it hits, and judged by `secure-oracle.ts`.
 *
 * @module
 */

import { BackendError } from '../../src/core/errors.ts';
import {
  type Crash,
  type Delivery,
  type InFlight,
  inTurn,
  silent,
  type Tamper,
} from '../../src/lab/secure/faults.ts';
import type { ClientEnd, SimulationOptions } from '../../src/lab/secure/simulate-round.ts';
import type { Party } from '../../src/lab/secure/transcript.ts';
import { contextOf } from '../../src/secagg/config.ts';
import { drawGraph } from '../../src/secagg/graph.ts';
import { type MaskBackend, type Masks, referenceMasks } from '../../src/secagg/masks.ts';
import {
  BOX_BYTES,
  encodeConsents,
  encodeMessage,
  encodeRoster,
  HEADER_BYTES,
  type MessageType,
  openMessage,
  parseConsents,
  parseRoster,
  placesOf,
  rootToVerify,
} from '../../src/secagg/messages.ts';
import { buildTree, pathsTo, rootOf, STEP_BYTES, stepsTo } from '../../src/secagg/roster.ts';
import { joined, KEY_BYTES, SIGNATURE_BYTES, SLOTS, u32le } from '../../src/secagg/suite.ts';
import { backendMasks } from '../../src/secure-masks.ts';
import {
  asFrom,
  asType,
  extended,
  flipped,
  ofOtherContext,
  trailed,
  truncated,
  without,
  withShares,
} from './edit-message.ts';
import type { Mishaps } from './secure-oracle.ts';
import { messageOf, type Scene } from './secure-scene.ts';

/** A message that faults hit. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Of rounds 0 … 4. */
  readonly round: number;
  /** Whether the server sends it. */
  readonly isRequest: boolean;
}

type ColumnType =
  | 'advertise'
  | 'roster'
  | 'shares'
  | 'boxes'
  | 'masked'
  | 'view'
  | 'consent'
  | 'consents'
  | 'unmask';

/** Messages of clients, and those of the server that ask for them. */
export const COLUMNS: readonly Column[] = [
  { name: 'R0', type: 'advertise', round: 0, isRequest: false },
  { name: 'R1 request', type: 'roster', round: 1, isRequest: true },
  { name: 'R1', type: 'shares', round: 1, isRequest: false },
  { name: 'R2 request', type: 'boxes', round: 2, isRequest: true },
  { name: 'R2', type: 'masked', round: 2, isRequest: false },
  { name: 'R3 view', type: 'view', round: 3, isRequest: true },
  { name: 'R3 signature', type: 'consent', round: 3, isRequest: false },
  { name: 'R4 request', type: 'consents', round: 4, isRequest: true },
  { name: 'R4', type: 'unmask', round: 4, isRequest: false },
];

/** A fault in place: what is done, and what it means. */
export interface Played {
  readonly simulation: Pick<SimulationOptions, 'tamper' | 'crashes' | 'masks'>;
  readonly mishaps: Mishaps;
  /** Where victims end, if it is always the same. */
  readonly end?: ClientEnd['phase'];
}

/** Where and whom a fault hits. */
export interface Aim {
  readonly scene: Scene;
  readonly column: Column;
  readonly victims: readonly number[];
}

/** A kind of fault. */
export interface Row {
  readonly name: string;
  /** Why it makes no sense in a column; `undefined` where it does. */
  readonly excluded: (column: Column) => string | undefined;
  readonly play: (aim: Aim) => Played;
}

// What faults mean

/** The victims do not finish the round of the column, nor any after it. */
function dropOut({ column, victims }: Aim): Mishaps {
  return { out: new Map(victims.map((victim) => [victim, column.round])) };
}

const NOTHING: Mishaps = { out: new Map() };

// How faults are done

/** What becomes of the first message of the column from or to each victim. */
function instead(
  { column, victims }: Aim,
  change: (
    message: Uint8Array,
    victim: number,
  ) => readonly Delivery[] | Promise<readonly Delivery[]>,
): Pick<SimulationOptions, 'tamper'> {
  const left = new Set(victims);
  const tamper: Tamper = (sent) => {
    const victim = clientOf(sent);
    if (sent.type !== column.type || !left.delete(victim)) return undefined;
    return change(sent.message, victim);
  };
  return { tamper };
}

function clientOf({ from, to }: InFlight): number {
  return (from === 'server' ? to : from) as number;
}

/** A row whose victims get, or send, another message than was meant, and drop out. */
function corrupting(
  name: string,
  change: (
    message: Uint8Array,
    aim: Aim & { readonly victim: number },
  ) => Uint8Array | Promise<Uint8Array>,
  {
    excluded = () => undefined,
    means = dropOut,
  }: { excluded?: Row['excluded']; means?: (aim: Aim) => Mishaps } = {},
): Row {
  return {
    name,
    excluded,
    play: (aim) => ({
      simulation: instead(aim, async (message, victim) => [
        { message: await change(message, { ...aim, victim }) },
      ]),
      mishaps: means(aim),
    }),
  };
}

const everywhere = (): undefined => undefined;
const onlyIn =
  (types: readonly MessageType[], why: string): Row['excluded'] =>
  ({ type }) =>
    types.includes(type) ? undefined : why;

// Lost and late

const LATER_MS = 500;

const silentClient: Row = {
  name: 'client silent',
  excluded: everywhere,
  play: (aim) => ({ simulation: instead(aim, () => []), mishaps: dropOut(aim) }),
};

const crashAndRestart: Row = {
  name: 'client crash and restart',
  excluded: everywhere,
  play: (aim) => {
    const crashes = aim.victims.map(
      (party): Crash => ({ party, at: aim.column.type, restartAfterMs: 10 }),
    );
    // Back again, it declines the round that it was in.
    return { simulation: { crashes }, mishaps: dropOut(aim), end: 'idle' };
  },
};

const duplicate: Row = {
  name: 'duplicate',
  excluded: everywhere,
  play: (aim) => ({
    // At once, while the round waits for nothing else, and long after.
    simulation: instead(aim, (message) =>
      [0, 0, LATER_MS, 20_000].map((delayMs) => ({ message, delayMs })),
    ),
    mishaps: NOTHING,
  }),
};

const reorder: Row = {
  name: 'reorder',
  excluded: everywhere,
  play: (aim) => {
    const { victims } = aim;
    return {
      // Behind everybody else, and the first of them last.
      simulation: instead(aim, (message, victim) => [
        { message, delayMs: LATER_MS * (victims.length - victims.indexOf(victim)) },
      ]),
      mishaps: NOTHING,
    };
  },
};

const delayed: Row = {
  name: 'delay past deadline',
  excluded: everywhere,
  play: (aim) => {
    const { deadlines } = aim.scene.config;
    const delayMs = 1 + Math.max(...Object.values(deadlines));
    return {
      simulation: instead(aim, (message) => [{ message, delayMs }]),
      mishaps: dropOut(aim),
    };
  },
};

// Wrong bytes

const BOX_RECORD = 4 + BOX_BYTES;
const CONSENT_RECORD = 4 + SIGNATURE_BYTES;
const SHARE_RECORD = 4 + KEY_BYTES;
const RECORDS: Partial<Record<MessageType, number>> = {
  boxes: BOX_RECORD,
  consents: CONSENT_RECORD,
  unmask: SHARE_RECORD,
};

/** Where the record about the target begins in the body of a message of a victim. */
function recordOfTarget(
  record: number,
  { scene, victim }: { scene: Scene; victim: number },
): number {
  return record * scene.graph.neighbours(victim).indexOf(scene.target);
}

const bitFlip = corrupting(
  'bit flip',
  (message, aim) => {
    const record = RECORDS[aim.column.type];
    if (record === undefined) return flipped(message, (HEADER_BYTES + message.length) >>> 1);
    // In what stands behind the index.
    return flipped(message, HEADER_BYTES + recordOfTarget(record, aim) + (record >>> 1));
  },
  {
    means: (aim) => {
      const { column } = aim;
      // A box that does not open is laid to its sender.
      if (column.type === 'boxes') return { ...dropOut(aim), complaints: aboutTarget(aim) };
      // Of the signatures on its view a client misses one, and has more than enough.
      if (column.type === 'consents') return NOTHING;
      return dropOut(aim);
    },
  },
);

function aboutTarget({ victims, scene }: Aim): ReadonlyMap<number, ReadonlySet<number>> {
  return new Map([[scene.target, new Set(victims)]]);
}

/** A share of the target's secret that its holder changed before it signed. */
const wrongShare = corrupting(
  'wrong share',
  (message, aim) => {
    const { scene, victim } = aim;
    const identity = scene.cohort.clients[victim]!;
    const { view } = scene.clean.sums[0]!;
    return withShares(message, { view, identity, crypto: scene.crypto }, (shares) => {
      shares[recordOfTarget(SHARE_RECORD, aim) + (SHARE_RECORD >>> 1)]! ^= 1;
    });
  },
  {
    excluded: onlyIn(['unmask'], 'there are no shares in the open in it'),
    means: (aim) => ({ ...NOTHING, wrongShares: aboutTarget(aim) }),
  },
);

const NEXT_TYPE: Record<ColumnType, MessageType> = {
  advertise: 'shares',
  shares: 'masked',
  masked: 'consent',
  consent: 'unmask',
  unmask: 'shares',
  roster: 'boxes',
  boxes: 'view',
  view: 'consents',
  consents: 'roster',
};

const badSignature = corrupting(
  'bad signature',
  (message, { column }) => {
    if (column.type === 'roster') return flipped(message, HEADER_BYTES + 8 + KEY_BYTES);
    if (column.type !== 'consents') return flipped(message, -1);
    let changed = message;
    for (let at = HEADER_BYTES; at < message.length; at += CONSENT_RECORD) {
      changed = flipped(changed, at + 4);
    }
    return changed;
  },
  {
    excluded: ({ type }) => {
      if (type === 'boxes') return 'boxes are not signed, but sealed each: see bit flip';
      if (type === 'view')
        return 'a view is not signed by the server, but by those who agree with it';
      return undefined;
    },
  },
);

const wrongBytes: readonly Row[] = [
  corrupting('truncate', (message) => truncated(message)),
  bitFlip,
  wrongShare,
  corrupting('wrong context', ofOtherContext),
  corrupting('old round', (_, { scene, column, victim }) =>
    messageOf(scene.earlier, column.type, victim),
  ),
  corrupting('wrong type', (message, { column }) => asType(message, NEXT_TYPE[column.type])),
  corrupting('wrong sender', (message, { scene }) => asFrom(message, scene.target)),
  badSignature,
  corrupting('wrong length', (message) => extended(message, new Uint8Array(4))),
  corrupting('extra trailing byte', trailed),
];

// A server that lies

const NOT_A_REQUEST = 'the server does not send it';

/**
 * A roster of all but the target, under a root and a signature of its own, as a victim is shown it:
 * nothing about it is wrong but that others were shown another.
 */
async function rosterWithoutTarget(
  message: Uint8Array,
  { scene, victim }: { scene: Scene; victim: number },
): Promise<Uint8Array> {
  const { cohort, config, crypto, target, entries: all } = scene;
  const entries = all.filter((_, client) => client !== target);
  const clients = entries.length;
  const context = contextOf(config, crypto);
  const tree = buildTree(entries, crypto);
  const root = rootOf(tree, { context, clients }, crypto);
  const seed = { context, root, beacon: config.beacon };
  const index = entries.indexOf(all[victim]!);
  const isWhole = config.topology === 'complete';
  const neighbours = drawGraph(config, clients, { seed, crypto })
    .neighbours(index)
    .map((other) => ({ index: other, entry: entries[other]! }));
  const places = placesOf({ index, neighbours });
  const body = encodeRoster({
    clients,
    index,
    root,
    signature: await crypto.sign(rootToVerify(root), cohort.server.secret),
    neighbours,
    paths: isWhole ? new Uint8Array(0) : pathsTo(tree, places),
  });
  return encodeMessage(openMessage(message)!, body);
}

const equivocation = corrupting(
  'server equivocation',
  (message, aim) => {
    const { scene, column, victim } = aim;
    switch (column.type) {
      case 'roster':
        return rosterWithoutTarget(message, { scene, victim });
      case 'view':
        return withoutSurvivor(message, scene);
      default:
        return consentsToAnotherView(message, scene);
    }
  },
  {
    excluded: ({ type, isRequest }) => {
      if (!isRequest) return NOT_A_REQUEST;
      return type === 'boxes'
        ? 'other boxes for some are fewer: see server drops one box'
        : undefined;
    },
  },
);

/** The view as if the target's input had not come. */
function withoutSurvivor(message: Uint8Array, { target }: Scene): Uint8Array {
  const survivors = (HEADER_BYTES + message.length) >>> 1;
  return flipped(message, survivors + (target >>> 3), target & 7);
}

/** Signatures that the neighbours have really given, but to something else. */
function consentsToAnotherView(message: Uint8Array, scene: Scene): Uint8Array {
  const old = openMessage(messageOf(scene.earlier, 'consents', scene.target))!.body;
  const known = new Map(parseConsents(old)!.map((record) => [record.index, record.signature]));
  const envelope = openMessage(message)!;
  const records = parseConsents(envelope.body)!.map(({ index, signature }) => ({
    index,
    signature: known.get(index) ?? new Uint8Array(signature.length),
  }));
  return encodeMessage(envelope, encodeConsents(records));
}

const dropsOneBox = corrupting(
  'server drops one box',
  (message, aim) => without(message, recordOfTarget(BOX_RECORD, aim), BOX_RECORD),
  { excluded: onlyIn(['boxes'], 'there are no boxes in it') },
);

/** A client that is in nobody's roster, or that has shared nothing. */
const listsGhost: Row = {
  name: 'server lists ghost',
  excluded: ({ isRequest }) => (isRequest ? undefined : NOT_A_REQUEST),
  play: (aim) => {
    const { scene, column, victims } = aim;
    const ghost = u32le(scene.config.maxClients);
    if (column.type === 'view') return ghostInView(aim);
    const list = {
      roster: (message: Uint8Array) => ghostInRoster(message, scene),
      boxes: (message: Uint8Array) => extended(message, joined(ghost, new Uint8Array(BOX_BYTES))),
      consents: (message: Uint8Array) =>
        extended(message, joined(ghost, new Uint8Array(SIGNATURE_BYTES))),
    }[column.type as 'roster' | 'boxes' | 'consents'];
    // Consent of strangers counts for nothing.
    const mishaps = column.type === 'consents' ? NOTHING : dropOut(aim);
    const simulation = instead({ ...aim, victims }, (message) => [{ message: list(message) }]);
    return { simulation, mishaps };
  },
};

/** A neighbour more, behind the last place, with as many steps as would show it. */
function ghostInRoster(message: Uint8Array, { config, entries, target }: Scene): Uint8Array {
  const envelope = openMessage(message)!;
  const isWhole = config.topology === 'complete';
  const roster = parseRoster(envelope.body, isWhole)!;
  const neighbours = [...roster.neighbours, { index: config.maxClients, entry: entries[target]! }];
  const steps = isWhole ? 0 : stepsTo(placesOf({ ...roster, neighbours }), roster.clients);
  const paths = new Uint8Array(STEP_BYTES * steps);
  paths.set(roster.paths);
  return encodeMessage(envelope, encodeRoster({ ...roster, neighbours, paths }));
}

/** The first victim shares nothing; the others are shown a view in which it has, and survived. */
function ghostInView({ scene, column, victims }: Aim): Played {
  const [ghost, ...shown] = victims as [number, ...number[]];
  const show = instead({ scene, column, victims: shown }, (message) => {
    const bytes = (message.length - HEADER_BYTES) / 2;
    const listed = [0, bytes].reduce(
      (view, from) => flipped(view, HEADER_BYTES + from + (ghost >>> 3), ghost & 7),
      message,
    );
    return [{ message: listed }];
  });
  const out = new Map([
    [ghost, 1],
    ...shown.map((victim): [number, number] => [victim, column.round]),
  ]);
  return {
    simulation: { tamper: inTurn(silent([ghost], 'shares'), show.tamper!) },
    mishaps: { out },
  };
}

// Devices

const NO_MASKS = 'no masks are made for it';
const MAKES_MASKS: Row['excluded'] = onlyIn(['masked', 'unmask'], NO_MASKS);

/** Masks of a party that a device makes, and what it means if it fails. */
function onDevice(
  name: string,
  {
    excluded = MAKES_MASKS,
    masks,
    means,
  }: {
    excluded?: Row['excluded'];
    /** @param place - Which of the devices that fail. */
    masks: (scene: Scene, place: number) => Masks;
    means: (aim: Aim) => Mishaps;
  },
): Row {
  return {
    name,
    excluded,
    play: (aim) => {
      const { scene, column, victims } = aim;
      if (column.type === 'masked') {
        const failing = (party: Party): Masks => {
          const place = victims.indexOf(party as number);
          return place < 0 ? referenceMasks() : masks(scene, place);
        };
        return { simulation: { masks: failing }, mishaps: means(aim) };
      }
      // The server's device, with clients that dropped out so that there is more to take off.
      const dropped = { ...aim, column: { ...column, round: 2 } };
      return {
        simulation: {
          masks: (party) => (party === 'server' ? masks(scene, 0) : referenceMasks()),
          tamper: silent(victims, 'masked'),
        },
        mishaps: { ...means(aim), ...dropOut(dropped) },
      };
    },
  };
}

/** A device that goes wrong, under watch and with the CPU behind it. */
function watchedDevice(scene: Scene, readWords: MaskBackend['readWords']): Masks {
  const { backend } = scene;
  const device: MaskBackend = {
    info: backend.info,
    words: (rows) => backend.words(rows),
    release: (x) => backend.release(x),
    readWords,
  };
  return backendMasks(device, { randomBytes: (length) => new Uint8Array(length) });
}

async function isLost(): Promise<never> {
  throw new BackendError('device-lost', 'the device was taken away');
}

/** The slot that holds the first constant. */
const FIRST_CONSTANT = 1;

const devices: readonly Row[] = [
  onDevice('GPU device lost', {
    masks: (scene) => watchedDevice(scene, isLost),
    means: () => NOTHING,
  }),
  onDevice('GPU device lost, nothing behind it', {
    masks: () => ({ add: isLost }),
    means: dropOut,
    excluded: onlyIn(['masked'], 'a server keeps what it has and goes on with another device'),
  }),
  onDevice('GPU bit flip', {
    masks: (scene, place) =>
      watchedDevice(scene, async (x) => {
        const words = await scene.backend.readWords(x);
        words[SLOTS + place]! ^= 1;
        return words;
      }),
    means: () => NOTHING,
  }),
  onDevice('GPU bit flip in a slot, unwatched', {
    // Of each device another bit: two that turn the same one over could cancel.
    masks: (_, place) => {
      let isFirst = true;
      return {
        add: async (words, masks) => {
          const masked = await referenceMasks().add(words, masks);
          if (isFirst) masked[FIRST_CONSTANT]! ^= 1 << (3 + place);
          isFirst = false;
          return masked;
        },
      };
    },
    means: () => ({ ...NOTHING, breaksSlots: true }),
  }),
];

/** All of them. */
export const ROWS: readonly Row[] = [
  silentClient,
  crashAndRestart,
  duplicate,
  reorder,
  delayed,
  ...wrongBytes,
  equivocation,
  dropsOneBox,
  listsGhost,
  ...devices,
];
