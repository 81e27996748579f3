/**
 * Steps of optimisers in memory, for tests.
 *
 * @module
 */

import type { HostRow } from '../../../src/backend/kernels.ts';
import { arrayRow } from '../../../src/backend/rows.ts';
import {
  initialState,
  type Optimizer,
  type OptimizerRound,
  type OptimizerState,
} from '../../../src/federation/optimizers/optimizer.ts';

/** A row in memory. */
export function rowOf(...values: number[]): HostRow {
  return arrayRow(Float32Array.from(values));
}

/** All entries of a row. */
export async function valuesOf(row: HostRow): Promise<number[]> {
  const values = new Float32Array(row.cols);
  await row.read(0, row.cols, values);
  return [...values];
}

/** Model and state after each step. */
export interface Trace {
  readonly model: number[];
  readonly state: Readonly<Record<string, number[]>>;
}

/** Steps one after another, each outcome brought to memory. */
export async function trace(
  optimizer: Optimizer,
  { model, deltas, round = {} }: { model: number[]; deltas: number[][]; round?: OptimizerRound },
): Promise<Trace[]> {
  const steps: Trace[] = [];
  let now = { model: rowOf(...model), state: initialState(optimizer, model.length) };
  for (const delta of deltas) {
    const next = optimizer.step({ ...now, delta: rowOf(...delta) }, round);
    now = { model: rowOf(...(await valuesOf(next.model))), state: await settled(next.state) };
    const rows = [...now.state.rows].map(
      async ([slot, row]) => [slot, await valuesOf(row)] as const,
    );
    steps.push({
      model: await valuesOf(now.model),
      state: Object.fromEntries(await Promise.all(rows)),
    });
  }
  return steps;
}

/** The same state, computed. */
export async function settled({ steps, rows }: OptimizerState): Promise<OptimizerState> {
  const computed = new Map<string, HostRow>();
  for (const [slot, row] of rows) computed.set(slot, rowOf(...(await valuesOf(row))));
  return { steps, rows: computed };
}

/** The models of a trace of one entry. */
export function models(steps: readonly Trace[]): number[] {
  return steps.map(({ model }) => model[0]!);
}
