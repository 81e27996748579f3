/**
 * Layout: which tensors of an update make up its row of f32, in which columns, and what becomes of
 * the tensors that are not aggregated.
 *
 * Columns are taken by tensors in the order of their names, by code point; the order of a file
 * plays no part. What the updates hold is decided by majority, so that no single client can choose
 * the layout; one that differs is told by {@link compare}.
 *
 * @module
 */

import { assertOneOf } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';
import { countOf, type Dtype, isFloat, isInteger } from './dtype.ts';
import { quote } from './quote.ts';
import {
  compareNames,
  type SafetensorsHeader,
  showShape,
  type TensorEntry,
  type TensorInfo,
} from './safetensors.ts';

/**
 * What becomes of a tensor.
 *
 * - `aggregate`: it is part of the row, and the rule decides. Floating-point tensors only.
 * - `copy-from-base`: the result has the base's tensor, bit by bit. Without a base it has the copy
 *   that more than half of the admitted updates hold, and there must be one.
 * - `mean`: the result has the plain mean over the admitted updates, outside of any rule: one
 *   client can move it as far as the type reaches. Integers are rounded to nearest, ties to even;
 *   floating-point entries that are NaN or infinite are left out.
 * - `exclude`: the result does not have it.
 */
export type TensorPolicy = 'aggregate' | 'copy-from-base' | 'mean' | 'exclude';

/** A tensor as a policy sees it. */
export interface PolicyTensor extends TensorInfo {
  /** True if the base has the tensor and most updates have not: they train an adapter, say. */
  readonly missing: boolean;
}

/**
 * Policies by pattern, where `*` stands for any characters and the first pattern that fits decides,
 * or as a function. Where none is stated: floating-point tensors are aggregated, integer and BOOL
 * tensors copied from the base, and so are missing ones.
 */
export type TensorPolicies =
  | Readonly<Record<string, TensorPolicy>>
  | ((tensor: PolicyTensor) => TensorPolicy | undefined);

/** A tensor and its columns [from, to) of the row. */
export interface LayoutTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** A tensor of the result that is not part of the row. */
export interface CarriedTensor extends TensorInfo {
  readonly policy: 'copy-from-base' | 'mean';
}

/** The row of an update, tensor by tensor. Names are unique across all lists. */
export interface Layout {
  /** The columns, in order. */
  readonly tensors: readonly LayoutTensor[];
  /** Length of the row. */
  readonly cols: number;
  /** What else the result has. For `mean` of floating-point tensors `dtype` is F32. */
  readonly carried: readonly CarriedTensor[];
  /** Names that updates may have and the result has not. */
  readonly excluded: ReadonlySet<string>;
  /** Whether copies come from a base rather than from the updates. */
  readonly hasBase: boolean;
}

/** What {@link layoutOf} takes besides the updates. */
export interface LayoutOptions {
  /** The model that updates are for. It then decides all names, shapes and types. */
  readonly base?: SafetensorsHeader;
  readonly policies?: TensorPolicies;
}

/**
 * The layout of a cohort. Without a base it has the tensors, shapes and types that more than half of
 * the updates share; with one it has the base's, of which those that no more than half of the
 * updates have are `missing`. A missing tensor with a stated policy `aggregate` or `mean` is
 * required of every update. No updates at all are taken to have all the base has.
 *
 * @throws {FormatError} `mismatch` if there is nothing to aggregate; `unsupported` if a tensor's type does not
 *   admit its policy: F8, F6, F4 and C64 can be copied or excluded, integers not aggregated.
 */
export function layoutOf(
  updates: readonly SafetensorsHeader[],
  { base, policies = {} }: LayoutOptions = {},
): Layout {
  const votes = countVotes(updates);
  const names = [...new Set([...(base?.tensors.keys() ?? []), ...votes.keys()])].sort(compareNames);
  const majority = updates.length / 2;
  const columns: TensorInfo[] = [];
  const carried: CarriedTensor[] = [];
  const excluded = new Set<string>();
  for (const name of names) {
    const vote = votes.get(name);
    const known = base ? base.tensors.get(name) : winner(vote, majority);
    const tensor = known ?? vote?.[0]?.tensor;
    if (!tensor) continue;
    const { dtype, shape } = tensor;
    const inBase = base?.tensors.has(name) ?? false;
    const missing = inBase && updates.length > 0 && presence(vote) <= majority;
    const stated = statedPolicy({ name, dtype, shape, missing }, policies);
    if (stated === 'exclude') excluded.add(name);
    // A name that few know is no reason to fail; compare() tells it of those that have it.
    if (stated === 'exclude' || !known) continue;
    const policy = stated ?? (missing || isInteger(dtype) ? 'copy-from-base' : 'aggregate');
    assertAdmits(known, policy);
    if (policy === 'aggregate') columns.push(known);
    else carried.push({ name, dtype: policy === 'mean' ? meanDtype(dtype) : dtype, shape, policy });
  }
  if (columns.length === 0) {
    const where = base ? 'of the base is in' : 'is shared by';
    const message = `no tensor to aggregate ${where} most of ${updates.length} updates`;
    throw new FormatError('mismatch', message);
  }
  return { ...placed(columns), carried, excluded, hasBase: base !== undefined };
}

/** The layout of a bare vector: one tensor that takes all columns. */
export function vectorLayout(cols: number, name = 'update'): Layout {
  const tensors = [{ name, shape: [cols], from: 0, to: cols }];
  return { tensors, cols, carried: [], excluded: new Set(), hasBase: false };
}

function placed(columns: readonly TensorInfo[]): { tensors: LayoutTensor[]; cols: number } {
  let cols = 0;
  const tensors = columns.map(({ name, shape }) => {
    const from = cols;
    cols += countOf(shape) ?? 0;
    return { name, shape, from, to: cols };
  });
  if (!Number.isSafeInteger(cols)) {
    throw new FormatError('too-large', 'the tensors have more than 2^53 entries together');
  }
  return { tensors, cols };
}

/** Updates that have a tensor with the same shape and type. */
interface Vote {
  readonly tensor: TensorEntry;
  count: number;
}

function countVotes(updates: readonly SafetensorsHeader[]): Map<string, Vote[]> {
  const votes = new Map<string, Vote[]>();
  for (const { tensors } of updates) {
    for (const tensor of tensors.values()) {
      const options = votes.get(tensor.name) ?? [];
      const same = options.find(
        (v) => v.tensor.dtype === tensor.dtype && sameShape(v.tensor.shape, tensor.shape),
      );
      if (same) same.count++;
      else options.push({ tensor, count: 1 });
      votes.set(tensor.name, options);
    }
  }
  return votes;
}

/**
 * The tensor that more than half agree on. Floating-point types count as one, because all are read
 * as f32; among them the most frequent is named, and the first of several.
 */
function winner(options: readonly Vote[] = [], majority: number): TensorEntry | undefined {
  const best = options.toSorted((a, b) => b.count - a.count);
  return best.find(({ tensor }) => {
    const allies = best.filter((vote) => fits(vote.tensor, tensor));
    return presence(allies) > majority;
  })?.tensor;
}

function presence(options: readonly Vote[] = []): number {
  return options.reduce((sum, vote) => sum + vote.count, 0);
}

const POLICIES: readonly TensorPolicy[] = ['aggregate', 'copy-from-base', 'mean', 'exclude'];

function statedPolicy(tensor: PolicyTensor, policies: TensorPolicies): TensorPolicy | undefined {
  const stated = typeof policies === 'function' ? policies(tensor) : lookUp(tensor.name, policies);
  return stated && assertOneOf(`policy of tensor ${quote(tensor.name)}`, stated, POLICIES);
}

function assertAdmits({ name, dtype }: TensorInfo, policy: Exclude<TensorPolicy, 'exclude'>): void {
  if (policy === 'copy-from-base' || isFloat(dtype)) return;
  if (policy === 'mean' && isInteger(dtype)) return;
  const verb = policy === 'mean' ? 'averaged' : 'aggregated';
  const mend = 'state a policy for it, such as copy-from-base or exclude';
  const message = `tensor ${quote(name)} of type ${dtype} cannot be ${verb}; ${mend}`;
  throw new FormatError('unsupported', message);
}

function lookUp(
  name: string,
  policies: Readonly<Record<string, TensorPolicy>>,
): TensorPolicy | undefined {
  return Object.entries(policies).find(([pattern]) => matches(name, pattern))?.[1];
}

/**
 * Whether a pattern fits all of a name; `*` stands for any characters, none included. Takes at most
 * as many steps as name × pattern, whatever the two are: names come from strangers.
 */
export function matches(name: string, pattern: string): boolean {
  let i = 0;
  let j = 0;
  let star = -1;
  let resume = 0;
  while (i < name.length) {
    if (pattern[j] === '*') {
      star = j++;
      resume = i;
    } else if (pattern[j] === name[i]) {
      i++;
      j++;
    } else if (star >= 0) {
      // The last star takes one more character; earlier ones never need to change.
      j = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[j] === '*') j++;
  return j === pattern.length;
}

function meanDtype(dtype: Dtype): Dtype {
  return isFloat(dtype) ? 'F32' : dtype;
}

/** Most mismatches that are told one by one: a hostile file can have millions. */
const MAX_MISMATCHES = 8;

/**
 * What keeps an update from being read by a layout, in words; empty if nothing does. Tensors that
 * are never read from it are not looked at.
 */
export function compare(layout: Layout, update: SafetensorsHeader): string[] {
  const told: string[] = [];
  let more = 0;
  const tell = (mismatch: string | undefined): void => {
    if (mismatch === undefined) return;
    if (told.length < MAX_MISMATCHES) told.push(mismatch);
    else more++;
  };
  const known = new Set(layout.excluded);
  for (const { name, shape } of layout.tensors) {
    known.add(name);
    tell(difference(update, { name, dtype: 'F32', shape }, 'any float'));
  }
  for (const tensor of layout.carried) {
    known.add(tensor.name);
    if (tensor.policy === 'copy-from-base' && layout.hasBase) continue;
    const rule = tensor.policy === 'mean' && isFloat(tensor.dtype) ? 'any float' : 'exact';
    tell(difference(update, tensor, rule));
  }
  for (const name of update.tensors.keys()) {
    if (!known.has(name)) tell(`has tensor ${quote(name)}, which is not in the layout`);
  }
  return more > 0 ? [...told, `and ${more} more`] : told;
}

function difference(
  update: SafetensorsHeader,
  needed: TensorInfo,
  rule: 'any float' | 'exact',
): string | undefined {
  const tensor = update.tensors.get(needed.name);
  const name = quote(needed.name);
  if (!tensor) return `lacks tensor ${name}`;
  if (!sameShape(tensor.shape, needed.shape)) {
    return `has tensor ${name} of shape ${showShape(tensor.shape)}, needs ${showShape(needed.shape)}`;
  }
  const fitting = rule === 'exact' ? tensor.dtype === needed.dtype : isFloat(tensor.dtype);
  if (fitting) return undefined;
  const types = rule === 'exact' ? needed.dtype : 'F32, F16, BF16 or F64';
  return `has tensor ${name} of type ${tensor.dtype}, needs ${types}`;
}

function fits(a: TensorInfo, b: TensorInfo): boolean {
  return (
    (a.dtype === b.dtype || (isFloat(a.dtype) && isFloat(b.dtype))) && sameShape(a.shape, b.shape)
  );
}

/** Whether two shapes are equal, size by size. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
