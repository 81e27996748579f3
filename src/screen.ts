/**
 * The screen: what every update passes before any rule sees it, and what is said of each client.
 *
 * Byzantine input is data. Whatever a client sends, the screen gives a verdict on that client and
 * the round goes on; only the server's own mistakes are exceptions. Excluding a row lowers n, never
 * f: rules check their conditions again on what is left.
 *
 * @module
 */

import type { Matrix, Ops, RowScreen, RowSource } from './backend/kernels.ts';
import { checkRow, isDeviceRow } from './backend/rows.ts';
import { assertInteger, assertOneOf, assertPositive, show } from './core/assert.ts';
import { AggregationError } from './core/errors.ts';
import { quote } from './formats/quote.ts';
import { compareNames } from './formats/safetensors.ts';

/** A row, and optionally what its client claims of it. */
export interface ClientRow {
  /** The update: the difference to the global model. */
  readonly row: Float32Array | RowSource;
  /** Examples that the client says it trained on. */
  readonly examples?: number;
}

/** An update that could not even be made a row: a broken file, a message that does not parse. */
export interface RefusedRow {
  /** Why, as `word: explanation`. */
  readonly refused: string;
}

/** What a client sent. */
export type Entry = Float32Array | RowSource | ClientRow | RefusedRow;

/** One client's update. A bare row is named by its place, padded with zeros. */
export type Update =
  | Float32Array
  | RowSource
  | ((ClientRow | RefusedRow) & { readonly client: string });

/** The updates of a round: a list, in which all clients are named or none, or a map by client. */
export type Updates = readonly Update[] | ReadonlyMap<string, Entry>;

/**
 * `accepted`: handed to the rule. `flagged`: handed to the rule, and worth a look. `excluded`: kept
 * from the rule.
 */
export type Verdict = 'accepted' | 'flagged' | 'excluded';

/** What the screen found out about one update. */
export interface Screening {
  readonly client: string;
  readonly verdict: Verdict;
  /**
   * Why, each as `word: explanation`. The words of the screen are stable: `duplicate-id`,
   * `examples`, `length`, `non-finite`, `norm`, `replay`, `same-content`; `rule` begins what the
   * rule says, and a {@link RefusedRow} brings its own.
   */
  readonly reasons: readonly string[];
  /** ‖x‖₂; missing where the row was not read, Infinity for a row that is not finite. */
  readonly norm?: number;
  /** 64 bits of content, to be kept as {@link ScreenOptions.history}; missing as `norm` is. */
  readonly fingerprint?: bigint;
}

/** What the screen holds updates against. */
export interface ScreenOptions {
  /** Entries in an update. Default: as many as more than half of all clients sent. */
  readonly cols?: number;
  /** Largest norm of an accepted update. Default: none. */
  readonly maxNorm?: number;
  /** `examples` makes a usable count a condition of acceptance. Default `uniform`. */
  readonly weights?: 'uniform' | 'examples';
  /** Counts above this are taken as this, and flagged. Default: none. */
  readonly exampleCap?: number;
  /** Fingerprints of what each client sent in earlier rounds. */
  readonly history?: ReadonlyMap<string, Iterable<bigint>>;
}

/** The rows that a rule gets to see, and the verdicts on all. */
export interface Screened {
  /** Accepted and flagged rows, ordered by client. n×d */
  readonly admitted: Matrix;
  /** Counts of those rows, capped, if {@link ScreenOptions.weights} is `examples`. */
  readonly exampleCounts?: readonly number[];
  /** One for each update, ordered by client. */
  readonly screenings: readonly Screening[];
}

/**
 * A client that clips its update in f32 may exceed the bound by the rounding of its own sum of
 * squares: about log₂(d) · 2⁻²⁵ for pairwise sums, so 2⁻¹⁶ is ample and gives nothing away.
 */
const NORM_SLACK = 2 ** -16;

/** An update on its way through the screen. */
interface Candidate {
  readonly client: string;
  /** Missing where the update was refused. */
  readonly row: Float32Array | RowSource | undefined;
  examples: number | undefined;
  verdict: Verdict;
  readonly reasons: string[];
  norm?: number;
  fingerprint?: bigint;
}

/** What the screen works with. */
interface ScreenCall {
  readonly ops: Ops;
  readonly signal?: AbortSignal;
}

/** Updates of which everything is known but what their rows hold. */
export interface Gate {
  /** The rows that are still in, ordered by client. n×d */
  readonly rows: Matrix;
  /** The verdicts so far: as if finiteness, norms and content were in order. */
  readonly assumed: Screened;
  /**
   * The verdicts once rows are screened. To be called once.
   *
   * @throws {AggregationError} `no-clients` if no update is left.
   */
  judge(found: RowScreen): Screened;
}

/**
 * Screens the updates of a round as far as that needs no row: client ids, claimed counts and lengths.
 *
 * Rows are ordered by client id (by code point), so the order of arrival changes nothing, but for a
 * client that sends twice: its first row counts, later ones are excluded. Equal content from
 * different clients is flagged and never excluded, else a copy would evict its original.
 *
 * @throws {AggregationError} `no-clients` if no update is left, or no length has a majority.
 *   Reading the rows may throw `unreadable`, or the reason of `signal`.
 * @throws {TypeError} if `updates` holds something that is no row, or names only some clients.
 * @throws {RangeError} if a row on the GPU does not lie within its buffer.
 */
export function gateOf(
  updates: Updates,
  { ops, signal, ...options }: ScreenOptions & ScreenCall,
): Gate {
  checkOptions(options);
  const candidates = candidatesOf(updates);
  excludeRepeatedClients(candidates);
  judgeClaims(candidates, options);
  excludeOtherLengths(candidates, options.cols);
  const read = candidates.filter(isIn);
  if (read.length === 0) throw nobodyLeft(candidates);
  const rows = ops.matrix(read.map(({ client, row }) => watched(row!, { client, signal })));
  const screened = (): Screened => {
    const kept = read.flatMap((candidate, i) => (isIn(candidate) ? [i] : []));
    if (kept.length === 0) throw nobodyLeft(candidates);
    return {
      admitted: kept.length === read.length ? rows : ops.select(rows, kept),
      ...(options.weights === 'examples' && {
        exampleCounts: kept.map((i) => read[i]!.examples!),
      }),
      screenings: candidates.map(({ row: _, examples: __, reasons, ...screening }) => {
        return { ...screening, reasons: [...reasons] };
      }),
    };
  };
  return {
    rows,
    assumed: screened(),
    judge(found) {
      judgeContent(read, found, options);
      return screened();
    },
  };
}

/** How many updates the screen excluded and why, for a message; empty if none. */
export function describeExclusions(screenings: readonly Screening[]): string {
  const excluded = screenings.filter(({ verdict }) => verdict === 'excluded');
  if (excluded.length === 0) return '';
  const each = excluded.map(({ client, reasons }) => `${quote(client)} (${reasons.join('; ')})`);
  return `the screen excluded ${excluded.length} of ${screenings.length} updates: ${listed(each)}`;
}

/** How many of many words are named. */
const LISTED = 5;

/** The first few of `count` words; a thousand clients shall not fill a screen. */
function listed(words: readonly string[], count: number = words.length): string {
  const more = count > LISTED ? ` and ${count - LISTED} more` : '';
  return words.slice(0, LISTED).join(', ') + more;
}

function checkOptions({ cols, maxNorm, exampleCap, weights }: ScreenOptions): void {
  if (cols !== undefined) assertInteger('cols', cols, 1);
  if (maxNorm !== undefined) assertPositive('maxNorm', maxNorm);
  if (exampleCap !== undefined) assertInteger('exampleCap', exampleCap, 1);
  if (weights !== undefined) assertOneOf('weights', weights, ['uniform', 'examples']);
}

// Who sent what

function candidatesOf(updates: Updates): Candidate[] {
  const candidates = updates instanceof Map ? fromMap(updates) : fromList(updates);
  // The sort is stable: rows of one client stay in the order given.
  return candidates.sort((a, b) => compareNames(a.client, b.client));
}

function fromMap(updates: ReadonlyMap<string, Entry>): Candidate[] {
  return [...updates].map(([client, entry]) => candidate(client, entry));
}

function fromList(updates: Updates): Candidate[] {
  if (!Array.isArray(updates)) {
    throw new TypeError(`updates must be an array or a Map, got ${show(updates)}`);
  }
  const list: readonly Update[] = updates;
  const width = String(list.length - 1).length;
  let named = 0;
  // Unlike `map`, it does not skip the holes of a list.
  const candidates = Array.from(list, (update, i) => {
    if (isRow(update)) return candidate(String(i).padStart(width, '0'), update);
    named++;
    return candidate(update.client, update);
  });
  if (named > 0 && named < list.length) {
    throw new TypeError(`updates must name all clients or none, got ${named} of ${list.length}`);
  }
  return candidates;
}

/** Whether an entry is a bare row, or nothing that is known: `checkRow` will tell. */
function isRow(entry: Entry): entry is Float32Array | RowSource {
  return typeof entry !== 'object' || entry === null || !('row' in entry || 'refused' in entry);
}

function candidate(client: string, entry: Entry): Candidate {
  if (typeof client !== 'string' || client === '') {
    throw new TypeError(`client must be a non-empty string, got ${show(client)}`);
  }
  if (!isRow(entry) && 'refused' in entry) {
    return {
      client,
      row: undefined,
      examples: undefined,
      verdict: 'excluded',
      reasons: [entry.refused],
    };
  }
  const { row, examples }: ClientRow = isRow(entry) ? { row: entry } : entry;
  checkRow(`the update of ${quote(client)}`, row);
  return { client, row, examples, verdict: 'accepted', reasons: [] };
}

/**
 * The row, with reads that name the client when they fail: a broken disk is the server's trouble and
 * no verdict on anyone.
 */
function watched(
  row: Float32Array | RowSource,
  { client, signal }: { client: string; signal: AbortSignal | undefined },
): Float32Array | RowSource {
  if (row instanceof Float32Array) return signal === undefined ? row : heeding(row, signal);
  if (isDeviceRow(row)) return row;
  const watching =
    <T>(read: (from: number, to: number, into: T) => void | Promise<void>) =>
    async (from: number, to: number, into: T): Promise<void> => {
      signal?.throwIfAborted();
      try {
        await read(from, to, into);
      } catch (cause) {
        signal?.throwIfAborted();
        const why = cause instanceof Error ? cause.message : String(cause);
        const what = `could not read entries ${from} to ${to} of the update of ${quote(client)}: ${why}`;
        throw new AggregationError('unreadable', what, { cause });
      }
    };
  const { cols, values, half, inFile } = row;
  return {
    cols,
    ...(inFile && {
      inFile: (from, to) => {
        signal?.throwIfAborted();
        return inFile(from, to);
      },
    }),
    // In place it would be used without a look at the signal.
    ...(values && !signal && { values }),
    ...(half && {
      half: { format: half.format, read: watching<Uint16Array>((...range) => half.read(...range)) },
    }),
    read: watching<Float32Array>((...range) => row.read(...range)),
  };
}

/** A row in memory, whose reads end with the signal. */
function heeding(row: Float32Array, signal: AbortSignal): RowSource {
  return {
    cols: row.length,
    read: (from, to, into) => {
      signal.throwIfAborted();
      into.set(row.subarray(from, to));
    },
  };
}

// Verdicts

function isIn({ verdict }: Candidate): boolean {
  return verdict !== 'excluded';
}

function exclude(candidate: Candidate, reason: string): void {
  candidate.verdict = 'excluded';
  candidate.reasons.push(reason);
}

function flag(candidate: Candidate, reason: string): void {
  if (candidate.verdict === 'accepted') candidate.verdict = 'flagged';
  candidate.reasons.push(reason);
}

function excludeRepeatedClients(candidates: readonly Candidate[]): void {
  for (const [i, candidate] of candidates.entries()) {
    if (candidate.client !== candidates[i - 1]?.client) continue;
    exclude(candidate, 'duplicate-id: this client sent an update already');
  }
}

function judgeClaims(candidates: readonly Candidate[], options: ScreenOptions): void {
  const { weights = 'uniform', exampleCap = Number.MAX_SAFE_INTEGER } = options;
  const spoil = weights === 'examples' ? exclude : flag;
  for (const candidate of candidates) {
    if (candidate.row === undefined) continue;
    const claim = candidate.examples;
    if (claim === undefined) {
      if (weights === 'examples') exclude(candidate, 'examples: states no count');
    } else if (!Number.isSafeInteger(claim) || claim < 1) {
      spoil(candidate, `examples: claims ${show(claim)}, not a whole number above 0`);
    } else if (claim > exampleCap) {
      candidate.examples = exampleCap;
      flag(candidate, `examples: claims ${claim}, taken as ${exampleCap}`);
    }
  }
}

function excludeOtherLengths(candidates: readonly Candidate[], wanted?: number): void {
  const expected = wanted ?? majorityLength(candidates);
  for (const candidate of candidates) {
    const { row } = candidate;
    if (row !== undefined && lengthOf(row) !== expected) {
      exclude(candidate, `length: ${lengthOf(row)} entries where ${expected} were expected`);
    }
  }
}

/**
 * The length that more than half of all clients sent, counting those whose update was refused: as
 * long as most clients are honest and train one model, no coalition of the others can choose it. A
 * mere plurality they could.
 */
function majorityLength(candidates: readonly Candidate[]): number {
  const first = candidates.filter(({ client }, i) => client !== candidates[i - 1]?.client);
  const counts = new Map<number, number>();
  for (const { row } of first) {
    if (row !== undefined) counts.set(lengthOf(row), (counts.get(lengthOf(row)) ?? 0) + 1);
  }
  for (const [length, count] of counts) {
    if (2 * count > first.length && length > 0) return length;
  }
  if (counts.size === 0) throw nobodyLeft(candidates);
  const lengths = [...counts].map(([length, count]) => `${count} × ${length}`);
  throw new AggregationError(
    'no-clients',
    `no length above 0 is that of more than half of ${first.length} updates ` +
      `(${listed(lengths)}); cols can set it`,
  );
}

/** How many entries a row has. */
export function lengthOf(row: Float32Array | RowSource): number {
  return row instanceof Float32Array ? row.length : row.cols;
}

function judgeContent(
  read: readonly Candidate[],
  found: RowScreen,
  { maxNorm = Number.POSITIVE_INFINITY, history }: ScreenOptions,
): void {
  for (const [i, candidate] of read.entries()) {
    const norm = Math.sqrt(found.squaredNorms[i]!);
    const fingerprint = found.fingerprints[i]!;
    candidate.norm = norm;
    candidate.fingerprint = fingerprint;
    const nonFinite = found.nonFinite[i]!;
    if (nonFinite > 0) {
      exclude(candidate, `non-finite: ${nonFinite} of ${lengthOf(candidate.row!)} entries`);
    } else if (norm > maxNorm * (1 + NORM_SLACK)) {
      exclude(candidate, `norm: ${norm.toPrecision(6)} is above ${maxNorm}`);
    }
    if (new Set(history?.get(candidate.client)).has(fingerprint)) {
      exclude(candidate, 'replay: this client sent the same content in an earlier round');
    }
  }
  flagSameContent(read.filter(isIn));
}

function flagSameContent(read: readonly Candidate[]): void {
  const groups = new Map<bigint, Candidate[]>();
  for (const candidate of read) {
    const group = groups.get(candidate.fingerprint!);
    if (group === undefined) groups.set(candidate.fingerprint!, [candidate]);
    else group.push(candidate);
  }
  for (const group of groups.values()) {
    if (group.length === 1) continue;
    // A crowd of copies shall not cost its square: of the others the first few are named.
    const first = group.slice(0, LISTED + 1);
    for (const candidate of group) {
      const others = first.filter((other) => other !== candidate).slice(0, LISTED);
      const names = others.map(({ client }) => quote(client));
      const equal = listed(names, group.length - 1);
      flag(candidate, `same-content: equal to the update of ${equal}`);
    }
  }
}

function nobodyLeft(candidates: readonly Candidate[]): AggregationError {
  return new AggregationError(
    'no-clients',
    `no update is left: ${describeExclusions(candidates) || 'there are none'}`,
  );
}
