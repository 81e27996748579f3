/**
 * A pass: how the columns of some expressions are cut into shards, and what each shard uploads.
 *
 * Pure arithmetic on shapes. A shard is a range of columns. Results that stay wide (columns) may be
 * cut anywhere; results that are summed over columns (rows) are made of blocks whose width depends on
 * the number of rows alone. So neither a budget nor a retry changes a bit of a result.
 *
 * @module
 */

import { BackendError } from '../core/errors.ts';
import type { AnySource, Node } from './matrix.ts';
import { inputs, nodesOf } from './matrix.ts';
import { isDeviceRow } from './rows.ts';

/** Row operations reduce in blocks of this many columns … */
const MAX_BLOCK_COLS = 65_536;
/** … or of fewer, if so many rows would make a block larger than this. */
const MAX_BLOCK_BYTES = 2 ** 26;
/** Shards of column operations are multiples of this many columns. */
const COLUMN_UNIT = 64;

const NONE: ReadonlySet<AnySource> = new Set();

/** Columns in a block of row operations over expressions whose widest node has `rows` rows. */
export function blockColumns(rows: number): number {
  const fitting = powerOfTwoIn(MAX_BLOCK_BYTES / (4 * rows));
  return Math.max(COLUMN_UNIT, Math.min(MAX_BLOCK_COLS, fitting));
}

/** Rows of the widest node of an expression. */
export function widestRows(node: Node): number {
  return Math.max(...nodesOf(node).map((part) => part.rows));
}

/** How the columns of a result may be cut. */
export interface Cut {
  /** Columns of a shard are a multiple of this; a power of two. Default: that of columns. */
  readonly unit?: number;
  /** Bytes of what each unit gives, where that is not small: all of a shard's are held at once. */
  readonly partialBytes?: number;
}

/** What limits a pass. */
export interface Limits {
  /** Bytes that tiles may take at once. */
  readonly memory: number;
  /** Largest tile that one allocation can hold. */
  readonly maxTileBytes: number;
  /** Bytes of rows that a shard should have. */
  readonly shardBytes: number;
  /** The same where all rows are computed on where they lie; undefined where none are. */
  readonly inPlaceShardBytes?: number | undefined;
  /** Whether rows in files are computed on where they lie, if they are read once. */
  readonly readsFiles?: boolean | undefined;
}

/** How expressions are evaluated in one pass over their columns. */
export interface Pass {
  readonly cols: number;
  /** Columns of a shard are a multiple of this. */
  readonly unit: number;
  /** Columns of a shard. */
  readonly width: number;
  /** Rows of each source that the expressions read, ascending. */
  readonly rowsOf: ReadonlyMap<AnySource, readonly number[]>;
  /** Whether sources stay uploaded after the pass: all their shards fit beside what is computed. */
  readonly keeps: boolean;
  /** Sources that are not uploaded, but computed on out of their files. */
  readonly left: ReadonlySet<AnySource>;
  /** Whether the next shard is uploaded while one is computed with: both fit. */
  readonly ahead: boolean;
  /** Bytes that tiles of the pass take at once, at most. */
  readonly bytes: number;
}

/**
 * The pass that evaluates `targets`, all of one width. Of the ways to do it, the first that the
 * limits admit: sources are kept; the next shard is uploaded ahead; one shard is held at a time.
 *
 * @param kept - Sources that are uploaded already.
 * @throws {BackendError} `limit` if not even one unit fits.
 */
export function passOf(
  targets: readonly Node[],
  cut: Cut,
  { limits, kept }: { limits: Limits; kept: ReadonlyMap<AnySource, unknown> },
): Pass {
  const nodes = [...new Set(targets.flatMap(nodesOf))];
  const sources = nodes.filter((node) => node.op === 'source');
  const rowsOf = rowsNeeded(targets, nodes);
  for (const source of sources) {
    if (kept.has(source)) rowsOf.set(source, [...source.sources.keys()]);
  }
  const needs = needsOf(nodes, rowsOf, cut);
  const { cols } = targets[0]!;
  const unit = cut.unit ?? COLUMN_UNIT;
  const all = { ...needs, ...limits, cols, unit };
  const left = limits.readsFiles ? leftInFiles(nodes, { targets, kept }) : NONE;
  const partial = sources.some((source) => rowsOf.get(source)!.length < source.rows);
  const whole = 4 * cols * needs.sourceRows;
  const keepable = !partial && !sources.some(isOnDevice) && 2 * whole <= limits.memory;
  const ways = [
    ...(keepable ? [{ keeps: true, ahead: true, fixed: whole, perCol: 0 }] : []),
    { keeps: false, ahead: true, fixed: 0, perCol: 8 * needs.sourceRows },
    { keeps: false, ahead: false, fixed: 0, perCol: 4 * needs.sourceRows },
  ];
  for (const { keeps, ahead, fixed, perCol } of ways) {
    const bytesPerCol = perCol + 4 * needs.computedRows;
    const given = { ...all, left: keeps ? NONE : left };
    const preferred = preferredWidth(sources, given);
    const width = fittingWidth(preferred, { ...all, fixed, bytesPerCol });
    if (width === undefined) continue;
    const bytes = fixed + width * bytesPerCol;
    return {
      cols,
      unit,
      width,
      rowsOf,
      keeps,
      ahead: ahead && width < cols,
      bytes,
      left: given.left,
    };
  }
  const rows = needs.sourceRows + needs.computedRows;
  const least = Math.min(unit, cols);
  throw new BackendError(
    'limit',
    `memory must be at least ${4 * least * rows} bytes for ${rows} rows of ${least} columns, got ` +
      `${limits.memory} (largest buffer: ${limits.maxTileBytes})`,
  );
}

/** The same pass with narrower shards that are not kept; undefined where they are narrowest. */
export function narrowed(pass: Pass): Pass | undefined {
  if (pass.width <= pass.unit) return undefined;
  const width = Math.max(pass.unit, roundDown(Math.min(pass.width, pass.cols) / 2, pass.unit));
  return { ...pass, width, keeps: false, ahead: false };
}

/** What a pass needs of memory, whatever its width. */
interface Needs {
  /** Rows that are uploaded. */
  readonly sourceRows: number;
  /** Rows that are computed. */
  readonly computedRows: number;
  /** Rows of the largest single tile. */
  readonly widest: number;
  /** Bytes that partial results add to a column. */
  readonly partialPerCol: number;
}

function needsOf(
  nodes: readonly Node[],
  rowsOf: ReadonlyMap<AnySource, readonly number[]>,
  cut: Cut,
): Needs {
  const computed = nodes.filter(({ op }) => op !== 'source' && op !== 'select');
  return {
    sourceRows: sum([...rowsOf.values()].map((rows) => rows.length)),
    computedRows: sum(computed.map(({ rows }) => rows)),
    widest: Math.max(...nodes.map(({ rows }) => rows)),
    partialPerCol: (cut.partialBytes ?? 0) / (cut.unit ?? COLUMN_UNIT),
  };
}

/** The rows of each source that are read: all of them, unless only selections look at it. */
function rowsNeeded(
  targets: readonly Node[],
  nodes: readonly Node[],
): Map<AnySource, readonly number[]> {
  const read = new Map<AnySource, Set<number>>();
  const note = (source: AnySource, rows: Iterable<number>): void => {
    const known = read.get(source) ?? new Set();
    for (const row of rows) known.add(row);
    read.set(source, known);
  };
  for (const target of targets) {
    if (target.op === 'source') note(target, target.sources.keys());
  }
  for (const node of nodes) {
    for (const input of inputs(node)) {
      if (input.op !== 'source') continue;
      note(input, node.op === 'select' ? node.indices : input.sources.keys());
    }
  }
  return new Map([...read].map(([source, rows]) => [source, [...rows].sort((a, b) => a - b)]));
}

/**
 * The width that sources of so many rows are always cut to where there is room: what was kept in one
 * pass is found again by the next. Whole blocks, or a power of two.
 */
function preferredWidth(
  sources: readonly AnySource[],
  given: Needs & Limits & { cols: number; unit: number; left: ReadonlySet<AnySource> },
): number {
  const { cols, unit, shardBytes, inPlaceShardBytes = 0, computedRows, left } = given;
  const rows = sum(sources.map((source) => source.rows));
  // What lies in place is uploaded for nothing, however it was cut before; what is computed takes room.
  const inPlace = sources.every((source) => liesInMemory(source) || left.has(source))
    ? Math.min(inPlaceShardBytes / (4 * rows), shardBytes / (4 * computedRows))
    : 0;
  const fitting = Math.max(shardBytes / (4 * rows), inPlace);
  const blocks = roundDown(fitting, MAX_BLOCK_COLS);
  return Math.min(cols, Math.max(unit, blocks > 0 ? blocks : powerOfTwoIn(fitting)));
}

function fittingWidth(
  preferred: number,
  given: Needs & Limits & { cols: number; unit: number; fixed: number; bytesPerCol: number },
): number | undefined {
  const { cols, unit, memory, fixed, bytesPerCol, partialPerCol } = given;
  const room = memory - fixed;
  const limit = Math.min(
    preferred,
    room / bytesPerCol,
    // One unit may always be tried: its partial is all the result there is.
    Math.max(unit, room / (bytesPerCol + partialPerCol)),
    // A body may pad rows to whole units.
    roundDown(given.maxTileBytes / (4 * given.widest), COLUMN_UNIT),
  );
  if (limit >= cols) return cols;
  const width = roundDown(limit, unit);
  return width >= unit ? width : undefined;
}

/**
 * Sources that need not be uploaded: in files, where one operation, or whoever the targets are for,
 * reads them once.
 */
function leftInFiles(
  nodes: readonly Node[],
  { targets, kept }: { targets: readonly Node[]; kept: ReadonlyMap<AnySource, unknown> },
): ReadonlySet<AnySource> {
  const readers = new Map<AnySource, number>();
  const note = (node: Node): void => {
    if (node.op === 'source') readers.set(node, (readers.get(node) ?? 0) + 1);
    else if (isView(node)) for (const input of inputs(node)) note(input);
  };
  for (const target of targets) note(target);
  for (const node of nodes) if (!isView(node)) for (const input of inputs(node)) note(input);
  const isLeft = ([source, count]: readonly [AnySource, number]): boolean =>
    count === 1 && liesInFiles(source) && !kept.has(source);
  return new Set([...readers].filter(isLeft).map(([source]) => source));
}

function isView({ op }: Node): boolean {
  return op === 'select' || op === 'stack';
}

/** In files, or some rows in memory. */
function liesInFiles({ sources }: AnySource): boolean {
  return sources.every((row) => !isDeviceRow(row) && (row.values ?? row.inFile) !== undefined);
}

function liesInMemory({ sources }: AnySource): boolean {
  return sources.every((row) => !isDeviceRow(row) && row.values !== undefined);
}

function isOnDevice(source: AnySource): boolean {
  return source.sources.some(isDeviceRow);
}

function powerOfTwoIn(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
