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
import { compareClients } from './events.ts';
import { openModel, rowOf, writeAggregate } from './model-file.ts';
import { parseOptimizer } from './optimizers/spec.ts';
import { RoundWorker } from './round-work.ts';
import type { RunConfig } from './run-config.ts';
import { countedClients, type RoundState } from './run-state.ts';
import { planSecure } from './secure-plan.ts';
import { type SecureRecordOfRound, type SumRecord, samplesOf, wordsIn } from './secure-record.ts';
import { secureFederation } from './secure-terms.ts';
import { DryBlobs } from './store/dry-blobs.ts';
import { type MaskedRun, maskedRounds, type ToldRound } from './verify/masked-rounds.ts';

/** What verification needs. */
export interface VerifyOptions {
  /** As the run was served with: rules may differ in last bits between kinds. Stays open. */
  readonly backend: Backend;
  readonly crypto: CryptoProvider;
}

/** What came of it. */
export interface SecureVerdict {
  readonly round: number;
  /** Place of the event by which the round was published. */
  readonly event: number;
  /** Sums that were opened, and clients in them. */
  readonly sums: number;
  readonly inputs: number;
  /** Public key of the server, in hexadecimal digits: clients hold it against what they know. */
  readonly server: string;
  /** The charge that the sums were released under, where they hold noise. */
  readonly charge?: number;
  /** Whether the model was made of its sums again. */
  readonly isRemade: boolean;
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
  run: MaskedRun,
  round: number,
  { backend, crypto }: VerifyOptions,
): Promise<SecureVerdict> {
  for await (const told of maskedRounds(run)) {
    if (told.round === round) return verdictOn(told, { run, crypto, backend });
  }
  throw new FormatError('malformed', `the run has published no round ${round} under masks`);
}

/**
 * Verifies each round that was published, in one pass over the log.
 *
 * @param options.backendOf - What made the aggregate of a round, `undefined` if that is not to be had: then its
 *   model is not made again.
 * @throws as {@link verifySecureRound}.
 */
export async function* verifySecureRounds(
  run: MaskedRun,
  {
    crypto,
    backendOf,
  }: Pick<VerifyOptions, 'crypto'> & {
    readonly backendOf: (round: ToldRound) => Promise<Backend | undefined>;
  },
): AsyncGenerator<SecureVerdict, void> {
  for await (const told of maskedRounds(run)) {
    yield await verdictOn(told, { run, crypto, backend: await backendOf(told) });
  }
}

/** What a round is held against. */
interface Means {
  readonly run: MaskedRun;
  readonly crypto: CryptoProvider;
  readonly backend: Backend | undefined;
}

async function verdictOn(told: ToldRound, means: Means): Promise<SecureVerdict> {
  const record = await recordIn(means.run, told.transcript);
  const { config } = parseRunConfig(means.run.config);
  const check = new Check({ config, ...told, record, ...means });
  const problems = [...(await check.record()), ...check.charge(), ...(await check.outcome())];
  const { charge } = told.opened.round!;
  return {
    round: told.round,
    event: told.event,
    sums: told.sums.length,
    inputs: told.sums.reduce((sum, { clients }) => sum + clients.length, 0),
    server: record.server,
    ...(charge !== undefined && { charge }),
    isRemade: means.backend !== undefined,
    problems,
  };
}

async function recordIn(run: MaskedRun, name: string): Promise<SecureRecordOfRound> {
  const json = new TextDecoder().decode(await bytesOf(run, name));
  const result = recordSchema.safeParse(jsonIn(json));
  if (result.success) return result.data;
  throw new FormatError('malformed', `the blob ${name} is no record of a round under masks`);
}

/** All that there is of a round. */
interface Evidence extends ToldRound, Means {
  readonly config: RunConfig;
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
    const { record, run, round, opened, crypto, sums } = this.#all;
    const secure = parseConfig(hexToBytes(record.config));
    if (secure === undefined) return ['the configuration of the round is none'];
    const problems: string[] = [];
    const say = (holds: boolean, otherwise: string): void => {
      if (!holds) problems.push(otherwise);
    };
    say(record.run === run.run && record.round === round, 'the record is of another round');
    say(secure.round === round, 'the configuration is of another round');
    say(hex(secure.model) === opened.round!.model, 'the configuration is on another model');
    const federation = secureFederation(run.run, crypto);
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
    const { run, config, backend, opened, aggregate, publish, published, aggregated } = all;
    if (backend === undefined) return [];
    const { round, reference, population } = all;
    const worker = new RoundWorker({ store: { blobs: drily(run) }, config, backend });
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
    const { run, config, sums, owners, crypto, opened } = this.#all;
    const words = wordsIn(await bytesOf(run, sum.words));
    const plan = encodingOf(secure);
    const canary = canaryOf(contextOf(secure, crypto), crypto);
    const encoded = { words, survivors: survivors.size, ctxConstants: canary };
    if (words.length !== SLOTS + secure.dimensions || !slotsOk(plan, encoded)) {
      return [`the slots of sum ${sum.cohort} are not those of ${survivors.size} inputs`];
    }
    const { mean, totalWeight } = decodeSum(plan, encoded);
    await using source = await run.blobs.open(opened.round!.model);
    const model = await openModel(source, parseOptimizer(config.optimizer).optimizer.parts);
    const { name } = await drily(run).put((append) => writeAggregate(append, rowOf(mean), model));
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

/** Blobs that are read, and hashed in place of being written. */
function drily({ blobs }: MaskedRun): DryBlobs {
  return new DryBlobs(blobs.folder);
}

async function bytesOf({ blobs }: MaskedRun, name: string): Promise<Uint8Array> {
  await using source = await blobs.open(name);
  return source.read(0, source.size);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function why(result: { readonly kind: string; readonly reason?: string }): string {
  return result.reason ?? result.kind;
}
