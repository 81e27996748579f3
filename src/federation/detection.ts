/**
 * Detection in rounds: updates are inspected beside each other and beside what is remembered of their
 * clients; what that says may exclude an update, and is held against its client, as far as the
 * configuration's protection admits.
 *
 * What is remembered is a blob for each round, named in the log: a round that is screened anew, by
 * whatever process, is screened with the same memories.
 *
 * @module
 */

import { type ChosenDetectors, parseDetectors } from '../analysis/detectors/spec.ts';
import { type ClientInspection, type Inspection, inspectWith } from '../analysis/inspect.ts';
import { type Memories, readMemories, writeMemories } from '../analysis/memory.ts';
import type { Backend, RowSource } from '../backend/kernels.ts';
import { createRandom } from '../core/random.ts';
import type { Update } from '../screen.ts';
import { type DetectionPowers, detectionPowers } from './composition.ts';
import type { Exclusion } from './events.ts';
import { suspicion } from './evidence.ts';
import type { OpenModel } from './model-file.ts';
import { type Evidence, shareOfGroup } from './reputation.ts';
import type { DetectorsConfig, RunConfig } from './run-config.ts';
import type { Blobs } from './store/blobs.ts';

/** Detectors that need to know what was sent before. */
const REMEMBERING: readonly string[] = ['history', 'fools-gold'];

/** Detectors that a coordinator lacks something for: data that it trusts, or a past, which sums have none of. */
export function unservedDetectors({ secure }: Pick<RunConfig, 'secure'>): readonly string[] {
  return secure === undefined ? ['root'] : ['root', ...REMEMBERING];
}

/** What detection works with. */
export interface DetectionOptions {
  readonly config: RunConfig;
  readonly store: { readonly blobs: Pick<Blobs, 'open' | 'putBytes'> };
  /** Stays open. */
  readonly backend: Backend;
}

/** An update, or the mean of a group's sum. */
export interface InspectedRow {
  /** Whose it is, ascending. */
  readonly clients: readonly string[];
  readonly row: RowSource;
}

/** What a round's rows are held against. */
export interface DetectionContext {
  readonly round: number;
  readonly model: OpenModel;
  /** The aggregate of the round before. */
  readonly step?: RowSource;
  /** What is remembered, a blob. */
  readonly memories?: string;
  readonly signal: AbortSignal;
}

/** What detection made of a round. */
export interface Detected {
  /** Whose rows do not go on. */
  readonly excluded: readonly Exclusion[];
  /** What is held against clients. */
  readonly evidence: readonly Evidence[];
  /** For the operator. */
  readonly report: DetectionReport;
  /** What is remembered from now on, a blob. */
  readonly memories?: string;
}

/** The findings of a round, as its report has them. */
export interface DetectionReport {
  readonly use: string;
  readonly act: DetectorsConfig['act'];
  /** Names of the detectors that had something to go by. */
  readonly detectors: readonly string[];
  /** Scores above it are suspected. */
  readonly threshold: number;
  /** Byzantine clients that were reckoned with. */
  readonly f: number;
  /** By their first client, ascending. */
  readonly clients: readonly ClientInspection[];
  /** Members of each row by its first client, where rows are of groups. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
}

// The backend is the caller's.
const inspect = inspectWith(() => Promise.reject(new TypeError('a backend must be given')));

/** No more clients are remembered: some 10 KB each, those heard of last. */
const MOST_REMEMBERED = 4096;
/** Detection as a run has it configured. */
export class Detection {
  readonly #options: DetectionOptions;
  readonly #wanted: DetectorsConfig;
  readonly #chosen: ChosenDetectors;
  readonly #powers: DetectionPowers;

  private constructor(options: DetectionOptions, wanted: DetectorsConfig) {
    this.#options = options;
    this.#wanted = wanted;
    this.#chosen = parseDetectors(wanted.use, {
      without: unservedDetectors(options.config),
    });
    this.#powers = detectionPowers(options.config);
  }

  /**
   * Detection, if it is configured, and if the server may look at all.
   *
   * @throws {AggregationError} `bad-spec` if its detectors are unknown.
   */
  static of(options: DetectionOptions): Detection | undefined {
    const { detectors } = options.config;
    if (detectors === undefined || !detectionPowers(options.config).looks) return undefined;
    return new Detection(options, detectors);
  }

  /**
   * Inspects the rows of a round. They must have passed the screen.
   *
   * @throws {AggregationError | BackendError} as `inspect`.
   * @throws {StoreError | FormatError} if the memories are not there, or damaged.
   */
  async examine(
    rows: readonly InspectedRow[],
    context: DetectionContext,
  ): Promise<Detected | undefined> {
    if (rows.length === 0) return undefined;
    const known = await this.#memories(context);
    const inspection = await this.#inspected(rows, { ...context, ...(known && { known }) });
    const suspects = inspection.clients.filter(({ suspected }) => suspected);
    const memories = known && inspection.memories && (await this.#kept(known, inspection));
    const members = new Map(rows.map(({ clients }) => [clients[0]!, clients]));
    return {
      excluded: this.#powers.excludes
        ? suspects.flatMap((suspect) => exclusionsOf(suspect, members))
        : [],
      evidence: this.#powers.holds
        ? suspects.flatMap((suspect) => evidenceOf(suspect, { members, ...inspection }))
        : [],
      report: this.#reportOf(inspection, members),
      ...(memories && { memories }),
    };
  }

  #inspected(
    rows: readonly InspectedRow[],
    { model, step, known, signal }: DetectionContext & { readonly known?: Memories },
  ): Promise<Inspection> {
    const { backend } = this.#options;
    const { detectors, article } = this.#chosen;
    const updates = rows.map(({ clients, row }): Update => ({ client: clients[0]!, row }));
    // Members drop out: what is left may admit fewer attackers than were reckoned with.
    const most = Math.max(0, Math.floor((rows.length - 3) / 2));
    const f = this.#wanted.f;
    return inspect(updates, {
      backend,
      cols: model.update.cols,
      detectors,
      signal,
      ...(f !== undefined && { f: Math.min(f, most) }),
      ...(step && { step }),
      // Steps that have further parts are not of the model's length.
      ...(article && model.row.cols === model.update.cols && { model: model.row }),
      ...(known && { sketch: known.sketch, memories: known.memories }),
    });
  }

  /** What is remembered; in the first round nothing, under a seed that nobody knows. */
  async #memories({ memories, round }: DetectionContext): Promise<Memories | undefined> {
    if (!this.#chosen.detectors.some(({ name }) => REMEMBERING.includes(name))) return undefined;
    if (memories === undefined) return { sketch: { seed: this.#seed() }, memories: new Map() };
    await using source = await this.#options.store.blobs.open(memories);
    const bytes = await source.read(0, source.size);
    return readMemories(
      `what is remembered before round ${round}`,
      new TextDecoder().decode(bytes),
    );
  }

  /** An experiment that fixes its selection fixes this too. */
  #seed(): number {
    const { seed } = this.#options.config.selection;
    return createRandom(seed ?? crypto.getRandomValues(new Uint8Array(32))).uint32();
  }

  async #kept({ sketch, memories }: Memories, inspection: Inspection): Promise<string> {
    const all = new Map(memories);
    for (const [client, memory] of inspection.memories!) {
      // Whoever was heard of last is last.
      all.delete(client);
      all.set(client, memory);
    }
    const last = new Map([...all].slice(-MOST_REMEMBERED));
    const text = writeMemories({ sketch, memories: last });
    const { name } = await this.#options.store.blobs.putBytes(new TextEncoder().encode(text));
    return name;
  }

  #reportOf(
    { clients, detectors, threshold, f }: Inspection,
    members: ReadonlyMap<string, readonly string[]>,
  ): DetectionReport {
    const { use, act } = this.#wanted;
    const groups = [...members].filter(([, all]) => all.length > 1);
    return {
      use,
      act,
      detectors,
      threshold,
      f,
      clients,
      ...(groups.length > 0 && { groups: Object.fromEntries(groups) }),
    };
  }
}

function reasonOf({ reason, score }: ClientInspection): string {
  return `detected: ${reason ?? 'unlike what honest clients send'} (score ${score.toFixed(2)})`;
}

function exclusionsOf(
  suspect: ClientInspection,
  members: ReadonlyMap<string, readonly string[]>,
): Exclusion[] {
  const reason = reasonOf(suspect);
  return members.get(suspect.client)!.map((client) => ({ client, reason }));
}

/** Against a client, or a share of it against each of a group. */
function evidenceOf(
  suspect: ClientInspection,
  {
    members,
    threshold,
  }: { readonly members: ReadonlyMap<string, readonly string[]>; readonly threshold: number },
): Evidence[] {
  const all = members.get(suspect.client)!;
  const held = suspicion(suspect.client, suspect, threshold);
  return all.length === 1 ? [held] : shareOfGroup(all, held);
}
