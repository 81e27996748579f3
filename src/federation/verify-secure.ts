/**
 * A round under masks, verified from what its run has kept: that clients which were members consented to
 * these sums, that the sums are of them and of nobody else, and that the published model follows from the
 * sums by the rule and the optimiser of the run, bit for bit.
 *
 * What cannot be seen from here: what single inputs were. That is what masks are for.
 *
 * @module
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { z } from 'zod';
import type { Backend } from '../backend/kernels.ts';
import { canonicalJson, type Json } from '../core/canonical-json.ts';
import { FormatError } from '../core/errors.ts';
import type { Append } from '../formats/byte-source.ts';
import type { FileSource } from '../formats/node-files.ts';
import { parseRecords } from '../privacy/ledger/records.ts';
import { decodeBitmap } from '../secagg/bitmap.ts';
import { parsed } from '../secagg/bytes.ts';
import { contextOf, encodingOf, parseConfig, type RoundConfig } from '../secagg/config.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { decodeSum, slotsOk } from '../secagg/encode.ts';
import { drawGraph, type Graph } from '../secagg/graph.ts';
import { type Binding, canaryOf } from '../secagg/keys.ts';
import { consentToVerify, entryToVerify, rootToVerify } from '../secagg/messages.ts';
import { buildTree, type Entry, readEntry, rootOf, sortEntries } from '../secagg/roster.ts';
import { hex, KEY_BYTES, SLOTS, sameBytes } from '../secagg/suite.ts';
import { viewHash } from '../secagg/view.ts';
import { parseConfig as parseRunConfig } from './config.ts';
import { compareClients, type OpenedSum, parseEvent, type TimedEvent } from './events.ts';
import { openModel, rowOf, writeAggregate } from './model-file.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { reputationOptions } from './reputation.ts';
import { RoundMachine, type RoundWork } from './round.ts';
import { RoundWorker, type WorkBlobs } from './round-work.ts';
import type { RunConfig } from './run-config.ts';
import { countedClients, emptyRun, fold, type RoundState, type RunState } from './run-state.ts';
import { planSecure } from './secure-plan.ts';
import { type SecureRecordOfRound, type SumRecord, samplesOf, wordsIn } from './secure-record.ts';
import { secureFederation } from './secure-terms.ts';
import { sha256 } from './store/sha256.ts';
import type { Store } from './store/store.ts';

/** What verification needs. */
export interface VerifyOptions {
  /** As the run was served with: rules may differ in last bits between kinds. Stays open. */
  readonly backend: Backend;
  readonly crypto: CryptoProvider;
}

/** What came of it. */
export interface SecureVerdict {
  readonly round: number;
  /** Sums that were opened, and clients in them. */
  readonly sums: number;
  readonly inputs: number;
  /** Public key of the server, in hexadecimal digits: clients hold it against what they know. */
  readonly server: string;
  /** The charge that the sums were released under, where they hold noise. */
  readonly charge?: number;
  /** What does not hold, in words; none if all does. */
  readonly problems: readonly string[];
}

const text = z.string().regex(/^([0-9a-f]{2})*$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const recordSchema: z.ZodType<SecureRecordOfRound> = z.strictObject({
  version: z.literal(1),
  run: z.string(),
  round: z.int(),
  config: text,
  server: hash,
  rootSignature: text,
  roster: z.array(text),
  sums: z.array(
    z.strictObject({
      cohort: z.int(),
      sharers: text,
      survivors: text,
      consents: z.record(z.string(), text),
      words: hash,
      mean: hash,
    }),
  ),
  lost: z.array(z.strictObject({ cohort: z.int(), reason: z.string() })),
  blamed: z.array(z.strictObject({ client: z.string(), fault: z.string() })),
});

/**
 * Verifies a round that was published. Reads the run and changes nothing.
 *
 * @throws {FormatError} `malformed` if the run has published no such round under masks, or its log or record
 *   cannot be read.
 * @throws {StoreError} `damaged` if a blob is missing.
 */
export async function verifySecureRound(
  store: Store,
  round: number,
  options: VerifyOptions,
): Promise<SecureVerdict> {
  const { config } = parseRunConfig(store.config);
  const told = await replayed(store, { config, round });
  const record = await recordIn(store, told.transcript);
  const check = new Check({ store, config, round, ...told, record, ...options });
  const problems = [...(await check.record()), ...check.charge(), ...(await check.outcome())];
  const sums = told.sums.length;
  const inputs = told.sums.reduce((sum, { clients }) => sum + clients.length, 0);
  const { charge } = told.opened.round!;
  const { server } = record;
  return { round, sums, inputs, server, problems, ...(charge !== undefined && { charge }) };
}

/** A round as its log tells it. */
interface Told {
  /** When its sums were open. */
  readonly opened: RunState;
  readonly sums: readonly OpenedSum[];
  readonly transcript: string;
  /** What is to be done then, and was to be done after it. */
  readonly aggregate: Work<'aggregate'>;
  readonly publish: Work<'publish'>;
  readonly aggregated: string;
  readonly published: { readonly model: string; readonly optimizer?: string };
  /** The aggregate of the round before. */
  readonly reference?: string;
  readonly population: number;
  /** Clients by the keys that they had when the round opened, and have had since. */
  readonly owners: ReadonlyMap<string, string>;
  readonly ledger: string;
}

type Work<K extends RoundWork['kind']> = Extract<RoundWork, { readonly kind: K }>;

async function replayed(
  store: Store,
  { config, round }: { readonly config: RunConfig; readonly round: number },
): Promise<Told> {
  const states: { opened?: RunState } = {};
  const found: Partial<Record<'aggregate' | 'publish', RoundWork>> = {};
  const owners = new Map<string, string>();
  const { evidence: _, ...reputation } = config.reputation ?? {};
  const state = emptyRun(config.reputation === undefined ? {} : reputationOptions(reputation));
  let [ledger, reference, last, aggregated, transcript] = ['', '', '', '', ''];
  let sums: readonly OpenedSum[] = [];
  let population = 0;
  for await (const { time, type, body } of store.events()) {
    const event = parseEvent(type, body);
    fold(state, { time, event } as TimedEvent);
    if (event.type === 'client.registered' || event.type === 'client.key-rotated') {
      owners.set(event.body.key, event.body.client);
    }
    if (event.type === 'ledger.line') ledger += event.body.text;
    if (event.type === 'round.aggregated') last = event.body.blob;
    const isThis = 'round' in event.body && event.body.round === round;
    if (event.type === 'round.unmasked' && isThis) {
      ({ sums } = event.body);
      transcript = event.body.transcript ?? '';
      states.opened = { ...state, round: { ...state.round! } };
      found.aggregate = workAt(state);
    }
    if (event.type === 'round.aggregated' && isThis) {
      aggregated = event.body.blob;
      population = state.clients.size;
      found.publish = workAt(state);
    }
    if (event.type !== 'round.published') continue;
    if (!isThis) {
      reference = last;
      continue;
    }
    const { opened } = states;
    if (opened === undefined || transcript === '') break;
    return {
      opened,
      sums,
      transcript,
      aggregate: found.aggregate as Work<'aggregate'>,
      publish: found.publish as Work<'publish'>,
      aggregated,
      published: event.body,
      ...(reference !== '' && { reference }),
      population,
      owners,
      ledger,
    };
  }
  throw new FormatError('malformed', `the run has published no round ${round} under masks`);
}

/** What a process that takes the run up here would do. */
function workAt(state: RunState): RoundWork {
  const own = { ...state, round: { ...state.round! } };
  return new RoundMachine(own).resume(own.time).work!;
}

async function recordIn(store: Store, name: string): Promise<SecureRecordOfRound> {
  await using source = await store.blobs.open(name);
  const json = new TextDecoder().decode(await source.read(0, source.size));
  const result = recordSchema.safeParse(JSON.parse(json));
  if (result.success) return result.data;
  throw new FormatError('malformed', `the blob ${name} is no record of a round under masks`);
}

/** All that there is of a round. */
interface Evidence extends Told, VerifyOptions {
  readonly store: Store;
  readonly config: RunConfig;
  readonly round: number;
  readonly record: SecureRecordOfRound;
}

/** Holds each part against the others. */
class Check {
  readonly #all: Evidence;

  constructor(all: Evidence) {
    this.#all = all;
  }

  /** Who was in the round, and what they consented to. */
  async record(): Promise<string[]> {
    const { record, store, round, opened, crypto, sums } = this.#all;
    const secure = parseConfig(hexToBytes(record.config));
    if (secure === undefined) return ['the configuration of the round is none'];
    const problems: string[] = [];
    const say = (holds: boolean, otherwise: string): void => {
      if (!holds) problems.push(otherwise);
    };
    say(record.run === store.run && record.round === round, 'the record is of another round');
    say(secure.round === round, 'the configuration is of another round');
    say(hex(secure.model) === opened.round!.model, 'the configuration is on another model');
    const federation = secureFederation(store.run, crypto);
    say(sameBytes(secure.federation, federation), 'the configuration is of another run');
    const roster = entriesIn(record);
    if (roster === undefined) return [...problems, 'the roster is none'];
    const binding = bindingOf({ secure, roster, crypto });
    problems.push(...(await this.#rosterProblems({ secure, roster, binding })));
    const seed = { ...binding, beacon: new Uint8Array(KEY_BYTES) };
    const graph = drawGraph(secure, roster.length, { seed, crypto });
    say(record.sums.length === sums.length, 'the log tells of other sums');
    for (const sum of record.sums) {
      const place = { secure, roster, binding, graph };
      problems.push(...(await this.#sumProblems(sum, place)));
    }
    return problems;
  }

  /** That the sums were charged before, for as much noise as they have. */
  charge(): string[] {
    const { opened, config, ledger, record } = this.#all;
    const { policy, charge, members } = opened.round!;
    if (policy.noise !== 'clients') return [];
    const secure = parseConfig(hexToBytes(record.config));
    const { secure: block } = config;
    if (secure === undefined || block === undefined) return ['there is no plan of the noise'];
    const size = { clients: members.size, dimensions: secure.dimensions };
    const { noise } = planSecure({ ...config, secure: block }, size);
    const entry = parseRecords(ledger)[charge ?? -1]?.body;
    const isCharged =
      entry?.kind === 'charge' &&
      canonicalJson(entry.event as unknown as Json) ===
        canonicalJson(noise!.event as unknown as Json);
    const isNoisy = secure.noise.shareVariance >= noise!.local.variance;
    return [
      ...(isCharged ? [] : [`the ledger has no charge ${charge} for these sums`]),
      ...(isNoisy ? [] : ['clients were asked for less noise than was charged']),
    ];
  }

  /** That the model follows from the sums. */
  async outcome(): Promise<string[]> {
    const all = this.#all;
    const { store, config, backend, opened, aggregate, publish, published, aggregated } = all;
    const { round, reference, population } = all;
    const worker = new RoundWorker({ store: { blobs: hashing(store) }, config, backend });
    const facts = {
      participants: countedClients(opened.round!),
      population,
      model: opened.round!.model,
      signal: new AbortController().signal,
      ...(reference !== undefined && { reference }),
    };
    const first = await worker.do(aggregate, facts);
    if (first.kind !== 'aggregated')
      return [`round ${round} cannot be aggregated again: ${why(first)}`];
    if (first.blob !== aggregated) return ['the rule makes another aggregate of the sums'];
    const second = await worker.do(publish, facts);
    if (second.kind !== 'stepped')
      return [`round ${round} cannot be stepped again: ${why(second)}`];
    if (second.model !== published.model)
      return ['the optimiser makes another model of the aggregate'];
    return second.optimizer === published.optimizer ? [] : ['the optimiser comes to another state'];
  }

  async #rosterProblems({
    secure,
    roster,
    binding,
  }: {
    readonly secure: RoundConfig;
    readonly roster: readonly Entry[];
    readonly binding: Binding;
  }): Promise<string[]> {
    const { record, crypto, owners, opened } = this.#all;
    const { members } = opened.round as RoundState;
    const isMember = ({ identity }: Entry): boolean => members.has(owners.get(hex(identity)) ?? '');
    const claims = roster.map((entry) => ({
      publicKey: entry.identity,
      message: entryToVerify(entry, contextOf(secure, crypto), crypto),
      signature: entry.signature,
    }));
    const root = {
      publicKey: hexToBytes(record.server),
      message: rootToVerify(binding.root),
      signature: hexToBytes(record.rootSignature),
    };
    const [isRootSigned, ...areSigned] = await crypto.verifyAll([root, ...claims]);
    return [
      ...(isRootSigned ? [] : ['the roster is not signed by the server']),
      ...roster.flatMap((entry, index) =>
        isMember(entry) ? [] : [`place ${index} of the roster is of no member`],
      ),
      ...areSigned.flatMap((holds, index) =>
        holds ? [] : [`place ${index} of the roster is not signed by its key`],
      ),
    ];
  }

  async #sumProblems(sum: SumRecord, place: Place): Promise<string[]> {
    const { cohort } = sum;
    const { roster, graph } = place;
    const sharers = decodeBitmap(hexToBytes(sum.sharers), roster.length);
    const survivors = decodeBitmap(hexToBytes(sum.survivors), roster.length);
    const members = graph.cohorts[cohort];
    if (sharers === undefined || survivors === undefined || members === undefined) {
      return [`sum ${cohort} has no view`];
    }
    const isHome = [...sharers].every((index) => members.includes(index));
    const isWithin = [...survivors].every((index) => sharers.has(index));
    const isEnough = survivors.size >= place.secure.minSum;
    return [
      ...(isHome && isWithin ? [] : [`sum ${cohort} is of clients of another group`]),
      ...(isEnough ? [] : [`sum ${cohort} is of ${survivors.size} inputs alone`]),
      ...(await this.#consentProblems(sum, { ...place, sharers, survivors })),
      ...(await this.#valueProblems(sum, { ...place, survivors })),
    ];
  }

  /** That enough signed this view around each client whose secrets were needed. */
  async #consentProblems(
    sum: SumRecord,
    { binding, graph, roster, sharers, survivors }: Place & Sets,
  ): Promise<string[]> {
    const { crypto } = this.#all;
    const bitmaps = { sharers: hexToBytes(sum.sharers), survivors: hexToBytes(sum.survivors) };
    const message = consentToVerify(viewHash(bitmaps, binding, crypto));
    const signers = Object.entries(sum.consents)
      .map(([index, signature]) => ({ index: Number(index), signature }))
      .filter(({ index }) => survivors.has(index));
    const valid = await crypto.verifyAll(
      signers.map(({ index, signature }) => ({
        publicKey: roster[index]!.identity,
        message,
        signature: hexToBytes(signature),
      })),
    );
    const consented = new Set(signers.filter((_, i) => valid[i]).map(({ index }) => index));
    const lonely = [...sharers].filter(
      (index) =>
        graph.neighbours(index).filter((other) => consented.has(other)).length <
        graph.terms(index).threshold,
    );
    if (lonely.length === 0) return [];
    return [`too few around place ${lonely[0]} have signed the view of sum ${sum.cohort}`];
  }

  /** That the words are a sum of so many inputs of this round, and the mean is theirs. */
  async #valueProblems(
    sum: SumRecord,
    { secure, roster, survivors }: Place & Pick<Sets, 'survivors'>,
  ): Promise<string[]> {
    const { store, config, sums, owners, crypto, opened } = this.#all;
    const words = wordsIn(await bytesOf(store, sum.words));
    const plan = encodingOf(secure);
    const canary = canaryOf(contextOf(secure, crypto), crypto);
    const encoded = { words, survivors: survivors.size, ctxConstants: canary };
    if (words.length !== SLOTS + secure.dimensions || !slotsOk(plan, encoded)) {
      return [`the slots of sum ${sum.cohort} are not those of ${survivors.size} inputs`];
    }
    const { mean, totalWeight } = decodeSum(plan, encoded);
    await using source = await store.blobs.open(opened.round!.model);
    const model = await openModel(source, parseOptimizer(config.optimizer).optimizer.parts);
    const { name } = await hashing(store).put((append) =>
      writeAggregate(append, rowOf(mean), model),
    );
    const clients = [...survivors]
      .map((index) => owners.get(hex(roster[index]!.identity)) ?? '')
      .sort(compareClients);
    const logged = sums.find(({ blob, words: kept }) => blob === sum.mean && kept === sum.words);
    const isSame =
      logged !== undefined &&
      logged.clients.join() === clients.join() &&
      logged.samples === samplesOf(secure, totalWeight);
    return [
      ...(name === sum.mean ? [] : [`the mean of sum ${sum.cohort} is not that of its words`]),
      ...(isSame ? [] : [`the log tells of other clients in sum ${sum.cohort}`]),
    ];
  }
}

/** Where a sum stands. */
interface Place {
  readonly secure: RoundConfig;
  readonly roster: readonly Entry[];
  readonly binding: Binding;
  readonly graph: Graph;
}

interface Sets {
  readonly sharers: ReadonlySet<number>;
  readonly survivors: ReadonlySet<number>;
}

function entriesIn({ roster }: SecureRecordOfRound): Entry[] | undefined {
  const entries = roster.map((bytes) => parsed(hexToBytes(bytes), readEntry));
  const whole = entries.filter((entry) => entry !== undefined);
  const isSorted = sortEntries(whole).every((entry, i) => entry === whole[i]);
  return whole.length === roster.length && whole.length > 0 && isSorted ? whole : undefined;
}

function bindingOf({
  secure,
  roster,
  crypto,
}: {
  readonly secure: RoundConfig;
  readonly roster: readonly Entry[];
  readonly crypto: CryptoProvider;
}): Binding {
  const context = contextOf(secure, crypto);
  const clients = roster.length;
  return { context, root: rootOf(buildTree(roster, crypto), { context, clients }, crypto) };
}

/** Blobs that are read from the store, and hashed in place of being written. */
function hashing(store: Store): WorkBlobs {
  const put = async (body: (append: Append) => Promise<void>) => {
    const parts: Uint8Array[] = [];
    await body(async (bytes) => {
      parts.push(bytes.slice());
    });
    return { name: hex(sha256(...parts)), size: parts.reduce((sum, part) => sum + part.length, 0) };
  };
  return {
    open: (name) => store.blobs.open(name),
    put,
    putBytes: (bytes) => put((append) => append(bytes)),
  };
}

async function bytesOf(store: Store, name: string): Promise<Uint8Array> {
  await using source: FileSource = await store.blobs.open(name);
  return source.read(0, source.size);
}

function why(result: { readonly kind: string; readonly reason?: string }): string {
  return result.reason ?? result.kind;
}
