/**
 * What a server optimiser is: a pure step from a model and the aggregate of a round to the next
 * model.
 *
 * Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan. "Adaptive federated optimization",
 * ICLR 2021, whose general form this is: the aggregate is treated as a step, not as the answer.
 *
 * Every optimiser here works column by column. So a step is an expression, like a matrix: rows come
 * in that can be read by range, rows go out that can be read by range, and nothing is computed before.
 *
 * @module
 */

import type { HostRow } from '../../backend/kernels.ts';
import { assertInteger } from '../../core/assert.ts';
import { AggregationError } from '../../core/errors.ts';
import { assertRange } from '../../formats/byte-source.ts';
import type { ClientScalar } from './client-scalars.ts';

/** A row that an optimiser remembers from step to step, as long as the model. */
export interface Slot {
  readonly name: string;
  /** Every entry before the first step: an f32. */
  readonly initial: number;
}

/** What an optimiser remembers. */
export interface OptimizerState {
  /** Steps that were made. */
  readonly steps: number;
  /** A row for each slot, by its name. */
  readonly rows: ReadonlyMap<string, HostRow>;
}

/** A client whose row is part of the aggregate. */
export interface Participant {
  /** Its share in the aggregate, in any unit, not negative. Default 1. */
  readonly weight?: number;
  /** Local steps: its own claim, within the bounds of `clientScalars`. */
  readonly steps?: number;
  /** Loss of the model that it was given, on its examples: its own claim, within the bounds. */
  readonly loss?: number;
  /** Euclidean norm of its update, without a factor: measured, not claimed. */
  readonly norm?: number;
}

/** What a step is told of its round. Each optimiser says which of it is needed. */
export interface OptimizerRound {
  /** The clients whose rows the rule was given, in any order. */
  readonly clients?: readonly Participant[];
  /** Their number, where nothing else is known of them: |S|. */
  readonly participants?: number;
  /** All clients of the federation: N. */
  readonly population?: number;
}

/** What a step starts from. None of the rows may change while its outcome is read. */
export interface StepInput {
  readonly model: HostRow;
  /** What the rule made of the clients’ rows: `parts` times as long as the model. */
  readonly delta: HostRow;
  readonly state: OptimizerState;
}

/** The outcome of a step. Reading any row of it reads all rows of the input. */
export interface Step {
  readonly model: HostRow;
  readonly state: OptimizerState;
}

/** A server optimiser. Holds no state. */
export interface Optimizer {
  readonly name: string;
  readonly slots: readonly Slot[];
  /** How many rows of the model’s length make up the row of a client, one behind the other. */
  readonly parts: number;
  /** What clients multiply the second part by before they send it; 1 where there is none. */
  readonly controlScale: number;
  /** What every client must say beside its row. */
  readonly clientScalars: readonly ClientScalar[];
  /**
   * What a client’s row is multiplied by before the rule, in (0, 1]: no claim makes a row longer. It
   * depends on that client alone. `participantRows` is the stage that does it.
   *
   * @throws {TypeError | RangeError} if a scalar is missing or out of its bounds.
   */
  rowFactor(client: Participant): number;
  /**
   * One step. Arithmetic is in f64; each entry that goes out is rounded to f32 once.
   *
   * Reading a row that goes out rejects with {@link AggregationError} `no-convergence` where an entry
   * of model or state would not be finite: nothing of the step can then be used.
   *
   * @throws {TypeError | RangeError} if lengths disagree, a slot is missing, or the round lacks what
   *   the optimiser needs.
   */
  step(input: StepInput, round?: OptimizerRound): Step;
}

/** Some columns of all rows, to be advanced in place. */
export interface Tile {
  readonly model: Float32Array;
  /** In the order of the slots. */
  readonly state: readonly Float32Array[];
  /** In the order of the parts: not to be changed. */
  readonly delta: readonly Float32Array[];
}

/** What `optimizer` makes an optimiser of. */
export interface OptimizerBody {
  readonly name: string;
  readonly slots?: readonly Slot[];
  readonly parts?: number;
  readonly controlScale?: number;
  readonly clientScalars?: readonly ClientScalar[];
  readonly rowFactor?: (client: Participant) => number;
  /** How columns advance in a step that follows `steps` others. */
  readonly advance: (round: OptimizerRound, steps: number) => (tile: Tile) => void;
}

/** An optimiser out of what it does to columns. */
export function optimizer(body: OptimizerBody): Optimizer {
  const { name, slots = [], parts = 1, controlScale = 1, advance } = body;
  const { clientScalars = [], rowFactor = () => 1 } = body;
  return {
    name,
    slots,
    parts,
    controlScale,
    clientScalars,
    rowFactor,
    step(input, round = {}) {
      const sources = sourcesOf(input, { name, slots, parts });
      const { steps } = input.state;
      const columns = { ...sources, name, slots, advance: advance(round, steps) };
      const rows = slots.map((slot, k) => [slot.name, advancedRow(columns, k)] as const);
      return {
        model: advancedRow(columns, 'model'),
        state: { steps: steps + 1, rows: new Map(rows) },
      };
    },
  };
}

/** The state before the first step, for a model of `cols` entries. */
export function initialState({ slots }: Optimizer, cols: number): OptimizerState {
  assertInteger('cols', cols, 0);
  return {
    steps: 0,
    rows: new Map(slots.map(({ name, initial }) => [name, constantRow(cols, initial)])),
  };
}

function constantRow(cols: number, value: number): HostRow {
  return {
    cols,
    read(from, to, into) {
      assertRange(from, to, cols);
      into.fill(value);
    },
  };
}

/** The rows of a step, their lengths checked. */
interface Sources {
  readonly model: HostRow;
  readonly state: readonly HostRow[];
  readonly delta: HostRow;
  readonly parts: number;
}

function sourcesOf(
  { model, delta, state }: StepInput,
  { name, slots, parts }: Pick<Optimizer, 'name' | 'slots' | 'parts'>,
): Sources {
  const cols = assertInteger('cols of model', model.cols, 0);
  assertInteger('state.steps', state.steps, 0);
  assertCols(`delta of ${name}`, delta, parts * cols);
  const known = new Set(slots.map((slot) => slot.name));
  const stray = [...state.rows.keys()].find((key) => !known.has(key));
  if (stray !== undefined) {
    throw new TypeError(`state of ${name} must have no row but its slots, got ${stray}`);
  }
  const rows = slots.map((slot) => {
    const row = state.rows.get(slot.name);
    if (row === undefined) throw new TypeError(`state of ${name} must have the row ${slot.name}`);
    assertCols(`${slot.name} of ${name}`, row, cols);
    return row;
  });
  return { model, state: rows, delta, parts };
}

function assertCols(what: string, { cols }: HostRow, needed: number): void {
  if (cols !== needed) throw new RangeError(`${what} must have ${needed} entries, got ${cols}`);
}

/** Columns that are in memory at once: 256 KiB for each row. */
const TILE_COLS = 2 ** 16;

interface Columns extends Sources {
  readonly name: string;
  readonly slots: readonly Slot[];
  readonly advance: (tile: Tile) => void;
}

/** One row of what goes out: the model, or the slot of that number. */
function advancedRow(columns: Columns, which: 'model' | number): HostRow {
  const { cols } = columns.model;
  return {
    cols,
    async read(from, to, into) {
      assertRange(from, to, cols);
      const space = tileOf(columns, Math.min(TILE_COLS, to - from));
      for (let at = from; at < to; at += TILE_COLS) {
        const tile = await readTile(columns, space, { from: at, to: Math.min(to, at + TILE_COLS) });
        columns.advance(tile);
        assertFinite(columns, tile, at);
        into.set(which === 'model' ? tile.model : tile.state[which]!, at - from);
      }
    },
  };
}

function tileOf({ state, parts }: Sources, cols: number): Tile {
  return {
    model: new Float32Array(cols),
    state: state.map(() => new Float32Array(cols)),
    delta: Array.from({ length: parts }, () => new Float32Array(cols)),
  };
}

async function readTile(
  { model, state, delta }: Sources,
  space: Tile,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Tile> {
  const cut = (row: Float32Array): Float32Array => row.subarray(0, to - from);
  const tile = {
    model: cut(space.model),
    state: space.state.map(cut),
    delta: space.delta.map(cut),
  };
  await model.read(from, to, tile.model);
  for (const [k, row] of state.entries()) await row.read(from, to, tile.state[k]!);
  for (const [k, part] of tile.delta.entries()) {
    await delta.read(k * model.cols + from, k * model.cols + to, part);
  }
  return tile;
}

function assertFinite({ name, slots }: Columns, tile: Tile, from: number): void {
  for (const [k, row] of [tile.model, ...tile.state].entries()) {
    const wrong = row.findIndex((value) => !Number.isFinite(value));
    if (wrong < 0) continue;
    const what = k === 0 ? 'the model' : slots[k - 1]!.name;
    const deltas = tile.delta.map((part) => part[wrong]).join(' and ');
    throw new AggregationError(
      'no-convergence',
      `${name}: entry ${from + wrong} of ${what} would be ${row[wrong]}, the aggregate there is ${deltas}`,
    );
  }
}
