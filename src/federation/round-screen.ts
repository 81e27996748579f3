/**
 * The screen of a round: each update by itself, then all beside each other where detectors are
 * configured; and what is held against clients for it, and for how they behaved.
 *
 * @module
 */

import { FormatError, StoreError } from '../core/errors.ts';
import { Turns } from '../core/turn.ts';
import type { FileSource } from '../formats/node-files.ts';
import { readSafetensorsHeader } from '../formats/safetensors.ts';
import { detectionPowers } from './composition.ts';
import type { Detected, Detection, InspectedRow } from './detection.ts';
import type { Exclusion } from './events.ts';
import { unfit } from './evidence.ts';
import { type OpenModel, updateRow } from './model-file.ts';
import { OpenFiles } from './open-files.ts';
import type { Evidence } from './reputation.ts';
import type { RoundInput, RoundRow } from './round-io.ts';
import type { RunConfig } from './run-config.ts';
import type { Blobs } from './store/blobs.ts';

/** What screening needs. */
export interface ScreenRoundOptions {
  readonly config: RunConfig;
  readonly blobs: Pick<Blobs, 'open'>;
  readonly detection: Detection | undefined;
  readonly round: number;
  readonly model: OpenModel;
  /** The aggregate of the round before, a blob. */
  readonly reference?: string;
  /** What is remembered of clients, a blob. */
  readonly memories?: string;
  /** What is held against members for how they behaved. */
  readonly conduct: readonly Evidence[];
  readonly signal: AbortSignal;
}

/** What was found out about sums; `report` is for whoever writes it. */
export type ExaminedSums = Pick<ScreenedRound, 'evidence' | 'report'>;

/** What came of screening; `report` is for whoever writes it. */
export interface ScreenedRound
  extends Pick<Extract<RoundInput, { kind: 'screened' }>, 'excluded' | 'memories'> {
  readonly evidence: readonly Evidence[];
  readonly report?: unknown;
}

/** The report of a round that could not be inspected. */
interface Untold {
  readonly failed: string;
}

type Found = Omit<Detected, 'report'> & { readonly report: Detected['report'] | Untold };

/** Entries of a row that are looked at at once: 1 MiB. */
const CHUNK = 2 ** 18;
/** As the screen's: a client that clips in f32 may be above by its own roundings. */
const NORM_SLACK = 2 ** -16;

/** Screens the updates of a round. */
export async function screenRound(
  rows: readonly RoundRow[],
  options: ScreenRoundOptions,
): Promise<ScreenedRound> {
  const { config, conduct } = options;
  // What was sent under masks is no row.
  if (config.secure !== undefined) return { excluded: [], evidence: conduct };
  // With noise at the server a bad update counts as zero, and how many there are stays.
  const unfitOnes = config.privacy?.kind === 'central' ? [] : await faultsOf(rows, options);
  const isOut = new Set(unfitOnes.map(({ client }) => client));
  const found = await detected(
    rows.filter(({ clients }) => !isOut.has(clients[0]!)),
    options,
  );
  const { holds } = detectionPowers(config);
  const { excluded = [], evidence = [], report, memories }: Partial<Found> = found ?? {};
  return {
    excluded: [...unfitOnes, ...excluded],
    evidence: [...conduct, ...(holds ? unfitOnes.map(unfit) : []), ...evidence],
    ...(report && { report: { unfit: unfitOnes, ...report } }),
    ...(memories !== undefined && { memories }),
  };
}

/**
 * Looks at the sums of groups once their masks are off, where detectors are configured. All of them go on:
 * what is held against a group is shared by its members.
 */
export async function examineSums(
  rows: readonly RoundRow[],
  options: Omit<ScreenRoundOptions, 'conduct' | 'memories'>,
): Promise<ExaminedSums> {
  if (options.config.secure?.kind !== 'groups') return { evidence: [] };
  const { evidence = [], report }: Partial<Found> = (await detected(rows, options)) ?? {};
  return { evidence, ...(report && { report }) };
}

async function faultsOf(
  rows: readonly RoundRow[],
  { config, blobs, model, signal }: ScreenRoundOptions,
): Promise<Exclusion[]> {
  const out: Exclusion[] = [];
  const turns = new Turns(signal);
  for (const { clients, blob } of rows) {
    await using file = await blobs.open(blob);
    const reason = await faultOf(file, { model, turns, maxNorm: config.screen.maxNorm });
    if (reason !== undefined) out.push({ client: clients[0]!, reason });
  }
  return out;
}

/** Where detectors may only tell, a round goes on without them: what fails is in the report. */
async function detected(
  rows: readonly RoundRow[],
  options: Omit<ScreenRoundOptions, 'conduct'>,
): Promise<Detected | { readonly report: Untold } | undefined> {
  try {
    return await examined(rows, options);
  } catch (error) {
    options.signal.throwIfAborted();
    // A disk that fails would fail the round whatever is in the updates.
    const isTold = !(error instanceof StoreError) && !detectionPowers(options.config).excludes;
    if (!isTold) throw error;
    return { report: { failed: error instanceof Error ? error.message : String(error) } };
  }
}

async function examined(
  rows: readonly RoundRow[],
  { detection, blobs, model, reference, ...context }: Omit<ScreenRoundOptions, 'conduct'>,
): Promise<Detected | undefined> {
  if (detection === undefined) return undefined;
  await using files = new OpenFiles(blobs);
  const open = async (blob: string) => {
    const source = await files.open(blob);
    return await updateRow({ source, header: await readSafetensorsHeader(source) }, model);
  };
  const inspected: InspectedRow[] = [];
  for (const { clients, blob } of rows) inspected.push({ clients, row: await open(blob) });
  const step = reference === undefined ? undefined : await open(reference);
  return await detection.examine(inspected, { ...context, model, ...(step && { step }) });
}

/** What is wrong with an update by itself: `word: explanation`, or `undefined`. */
async function faultOf(
  source: FileSource,
  {
    model,
    turns,
    maxNorm = Number.POSITIVE_INFINITY,
  }: { readonly model: OpenModel; readonly turns: Turns; readonly maxNorm?: number | undefined },
): Promise<string | undefined> {
  const header = await readSafetensorsHeader(source);
  const row = await updateRow({ source, header }, model).catch((error: unknown) => {
    if (error instanceof FormatError) return error.message.replace(`${source.name}: `, '');
    throw error;
  });
  if (typeof row === 'string') return `tensors: ${row}`;
  const values = new Float32Array(Math.min(CHUNK, row.cols));
  let squares = 0;
  for (let from = 0; from < row.cols; from += CHUNK) {
    if (turns.due) await turns.take();
    const part = values.subarray(0, Math.min(CHUNK, row.cols - from));
    await row.read(from, from + part.length, part);
    const at = part.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) return `non-finite: entry ${from + at} is ${part[at]}`;
    for (const value of part) squares += value * value;
  }
  const norm = Math.sqrt(squares);
  if (norm <= maxNorm * (1 + NORM_SLACK)) return undefined;
  return `norm: ${norm} is above ${maxNorm}`;
}
