/**
 * Matrix expressions: immutable nodes that say what is to be computed, and compute nothing.
 *
 * Building a node checks shapes and applies the rewritings that cost nothing to know: a combination
 * of a combination is one combination (weights are multiplied in f64), selected rows of a combination
 * are a combination with fewer rows, and rows that no weight is for are not part of a combination.
 *
 * @module
 */

import { assertInteger, show } from '../core/assert.ts';
import type { ExtraOperation, LatticeNoise, Matrix, RowSource, Weights, Words } from './kernels.ts';
import { arrayRow, checkRow } from './rows.ts';

/** An expression node. The engine evaluates it shard by shard. */
export type Node = MatrixNode | WordNode;
/** An expression of f32 numbers. */
export type MatrixNode =
  | Source
  | Select
  | Combine
  | Stack
  | RankMean
  | NearestMean
  | SignSum
  | Deviation
  | ExtraMatrix;
/** An expression of words; words.ts builds them. */
export type WordNode = WordSource | AddLatticeNoise | RankSum | SumRows | ExtraWords;
export type AnySource = Source | WordSource;

export interface Source extends Matrix {
  readonly op: 'source';
  readonly sources: readonly RowSource[];
}
export interface Select extends Matrix {
  readonly op: 'select';
  readonly x: MatrixNode;
  readonly indices: readonly number[];
}
export interface Combine extends Matrix {
  readonly op: 'combine';
  readonly x: MatrixNode;
  readonly weights: Weights;
}
export interface Stack extends Matrix {
  readonly op: 'stack';
  readonly x: MatrixNode;
  readonly y: MatrixNode;
}
export interface RankMean extends Matrix {
  readonly op: 'rankMean';
  readonly x: MatrixNode;
  readonly from: number;
  readonly to: number;
}
export interface NearestMean extends Matrix {
  readonly op: 'nearestMean';
  readonly x: MatrixNode;
  readonly center: MatrixNode;
  readonly count: number;
}
export interface SignSum extends Matrix {
  readonly op: 'signSum';
  readonly x: MatrixNode;
}
export interface Deviation extends Matrix {
  readonly op: 'deviation';
  readonly x: MatrixNode;
}

/** What an operation that brings its bodies makes of `x`: as many rows. */
export interface ExtraMatrix extends Matrix {
  readonly op: 'extra';
  readonly x: Node;
  readonly operation: ExtraOperation;
}
export interface ExtraWords extends Words {
  readonly op: 'extra';
  readonly x: Node;
  readonly operation: ExtraOperation;
}

/** Rows are carried as if their words were floats: nothing but kernels looks at them. */
export interface WordSource extends Words {
  readonly op: 'source';
  /**
   * Bits of an entry, where they are packed: see packing.ts. Nothing but an operation that unpacks them
   * looks at such rows.
   */
  readonly bits?: number;
  readonly sources: readonly RowSource[];
}
export interface AddLatticeNoise extends Words {
  readonly op: 'addLatticeNoise';
  readonly x: WordNode;
  readonly noise: LatticeNoise;
}
export interface RankSum extends Words {
  readonly op: 'rankSum';
  readonly x: WordNode;
  readonly from: number;
  readonly to: number;
}

export interface SumRows extends Words {
  readonly op: 'sumRows';
  readonly x: WordNode;
  readonly groups: readonly (readonly number[])[];
}

const built = new WeakSet<object>();

/** Makes a node of what has been checked. */
export function build<T extends Node>(node: T): T {
  built.add(node);
  return Object.freeze(node);
}

/**
 * The node behind a matrix.
 *
 * @throws {TypeError} if `x` was not made by the functions of this file.
 */
export function asNode(name: string, x: Matrix): MatrixNode {
  const node: unknown = x;
  if (isBuilt(node) && node.element !== 'u32') return node;
  throw new TypeError(`${name} must be a matrix expression, got ${shown(x)}`);
}

/**
 * The node behind words.
 *
 * @throws {TypeError} if `x` was not made by the functions of words.ts.
 */
export function asWords(name: string, x: Words): WordNode {
  const node: unknown = x;
  if (isBuilt(node) && node.element === 'u32') return node;
  throw new TypeError(`${name} must be an expression of words, got ${shown(x)}`);
}

function isBuilt(x: unknown): x is Node {
  return typeof x === 'object' && x !== null && built.has(x);
}

function shown(x: unknown): string {
  if (!isBuilt(x)) return show(x);
  return x.element === 'u32' ? 'words' : 'a matrix expression';
}

/** The nodes that `node` is computed from. */
export function inputs(node: Node): readonly Node[] {
  switch (node.op) {
    case 'source':
      return [];
    case 'stack':
      return [node.x, node.y];
    case 'nearestMean':
      return [node.x, node.center];
    default:
      return [node.x];
  }
}

/** `node` and everything below it, each once, inputs first. */
export function nodesOf(node: Node): Node[] {
  const seen = new Set<Node>();
  const visit = (n: Node): void => {
    if (seen.has(n)) return;
    for (const input of inputs(n)) visit(input);
    seen.add(n);
  };
  visit(node);
  return [...seen];
}

/**
 * The given rows.
 *
 * @throws {TypeError} if one is neither a Float32Array nor a row source; names the row.
 * @throws {RangeError} if there is no row, a row is empty or not within its buffer, or lengths
 *   differ; names the row.
 */
export function source(rows: readonly (RowSource | Float32Array)[]): Matrix {
  if (!Array.isArray(rows)) throw new TypeError(`rows must be an array, got ${show(rows)}`);
  assertInteger('number of rows', rows.length, 1);
  for (let i = 0; i < rows.length; i++) checkRow(`row ${i}`, rows[i]);
  const sources = rows.map((row) => (row instanceof Float32Array ? arrayRow(row) : row));
  const cols = assertInteger('length of row 0', sources[0]!.cols, 1);
  for (const [i, row] of sources.entries()) {
    if (row.cols !== cols) {
      throw new RangeError(`rows must be equally long: row 0 has ${cols}, row ${i} ${row.cols}`);
    }
  }
  return build({ op: 'source', rows: sources.length, cols, sources });
}

/** The given rows of `x`, in the given order; a row may come twice. */
export function select(x: Matrix, rows: readonly number[]): Matrix {
  const node = asNode('x', x);
  // A typed array is taken, too; its own `map` could not hold rows of weights.
  const chosen = Array.from(rows);
  assertInteger('number of selected rows', chosen.length, 1);
  for (const row of chosen) assertInteger('selected row', row, 0, node.rows - 1);
  const shape = { rows: chosen.length, cols: node.cols };
  if (node.op === 'combine') {
    return combination(
      chosen.map((row) => Float64Array.from(node.weights[row]!)),
      node.x,
    );
  }
  if (node.op === 'select') {
    const indices = chosen.map((row) => node.indices[row]!);
    return build({ op: 'select', ...shape, x: node.x, indices });
  }
  return build({ op: 'select', ...shape, x: node, indices: chosen });
}

/** weights · x. m×n, n×d → m×d */
export function combine(weights: Weights, x: Matrix): Matrix {
  const node = asNode('x', x);
  assertInteger('number of weight rows', weights.length, 1);
  for (const [k, row] of weights.entries()) checkWeights(k, row, node.rows);
  if (node.op === 'combine') {
    const product = multiply(weights, node.weights);
    // Where it leaves f64, the two are applied one after the other.
    if (product.every((row) => row.every(Number.isFinite))) return combination(product, node.x);
  }
  return combination(
    weights.map((row) => Float64Array.from(row)),
    node,
  );
}

/** Weights on those rows alone that have one, so that the others need not be read at all. */
function combination(weights: readonly Float64Array[], x: MatrixNode): Matrix {
  const shape = { rows: weights.length, cols: x.cols };
  const weighed = Array.from({ length: x.rows }, (_, i) => i).filter((i) =>
    weights.some((row) => row[i] !== 0),
  );
  if (weighed.length === x.rows || weighed.length === 0) {
    return build({ op: 'combine', ...shape, x, weights });
  }
  const needed = asNode('x', select(x, weighed));
  const kept = weights.map((row) => Float64Array.from(weighed, (i) => row[i]!));
  return build({ op: 'combine', ...shape, x: needed, weights: kept });
}

function checkWeights(k: number, row: ArrayLike<number>, rows: number): void {
  if (row.length !== rows) {
    throw new RangeError(`weight row ${k} must have ${rows} entries, got ${row.length}`);
  }
  for (let i = 0; i < rows; i++) {
    if (!Number.isFinite(row[i])) {
      throw new TypeError(`weight (${k}, ${i}) must be a finite number, got ${show(row[i])}`);
    }
  }
}

function multiply(a: Weights, b: Weights): Float64Array[] {
  const cols = b[0]!.length;
  return a.map((row) => {
    const out = new Float64Array(cols);
    for (let k = 0; k < b.length; k++) {
      const factor = row[k]!;
      if (factor === 0) continue;
      const inner = b[k]!;
      for (let i = 0; i < cols; i++) out[i]! += factor * inner[i]!;
    }
    return out;
  });
}

/** The rows of `x` above the rows of `y`. */
export function stack(x: Matrix, y: Matrix): Matrix {
  const upper = asNode('x', x);
  const lower = asNode('y', y);
  if (upper.cols !== lower.cols) {
    throw new RangeError(`stacked rows must be equally long, got ${upper.cols} and ${lower.cols}`);
  }
  const shape = { rows: upper.rows + lower.rows, cols: upper.cols };
  return build({ op: 'stack', ...shape, x: upper, y: lower });
}

/** Mean of the sorted values at ranks [from, to) of each column. */
export function rankMean(x: Matrix, from: number, to: number): Matrix {
  const node = asNode('x', x);
  assertInteger('from', from, 0, node.rows - 1);
  assertInteger('to', to, from + 1, node.rows);
  return build({ op: 'rankMean', rows: 1, cols: node.cols, x: node, from, to });
}

/** Mean of the `count` values of each column nearest to `center`. */
export function nearestMean(x: Matrix, center: Matrix, count: number): Matrix {
  const node = asNode('x', x);
  const c = asNode('center', center);
  if (c.rows !== 1 || c.cols !== node.cols) {
    throw new RangeError(`center must be 1×${node.cols}, got ${c.rows}×${c.cols}`);
  }
  assertInteger('count', count, 1, node.rows);
  return build({ op: 'nearestMean', rows: 1, cols: node.cols, x: node, center: c, count });
}

/** Sum of the signs of each column. */
export function signSum(x: Matrix): Matrix {
  const node = asNode('x', x);
  return build({ op: 'signSum', rows: 1, cols: node.cols, x: node });
}

/** Sample standard deviation of each column. */
export function deviation(x: Matrix): Matrix {
  const node = asNode('x', x);
  if (node.rows < 2) throw new RangeError('deviation needs at least 2 rows, got 1');
  return build({ op: 'deviation', rows: 1, cols: node.cols, x: node });
}
