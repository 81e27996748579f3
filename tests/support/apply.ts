/**
 * Runs a rule or a stage on rows written as numbers, on the reference backend.
 *
 * @module
 */

import { Engine } from '../../src/backend/engine.ts';
import type { Backend } from '../../src/backend/kernels.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import type { Round, Stage, StageResult } from '../../src/rules/rule.ts';

/** A stage's result, brought home. */
export interface Applied extends Omit<StageResult, 'value'> {
  /** Rows of the result. */
  readonly rows: number[][];
  /** The first row of the result: what a rule gives. */
  readonly value: number[];
}

/** A round whose reference is written as numbers. */
export interface PlainRound extends Omit<Round, 'reference'> {
  readonly reference?: readonly number[];
}

/** The backend that states what every operation means. */
export const reference: Backend = new Engine(new ReferenceKernels());

/** Applies `stage` to rows; numbers are rounded to f32 first. A row of one may be a bare number. */
export async function applyTo(
  stage: Stage,
  rows: readonly (number | readonly number[])[],
  { reference: center, ...round }: PlainRound = {},
): Promise<Applied> {
  const x = reference.matrix(
    rows.map((row) => Float32Array.from(typeof row === 'number' ? [row] : row)),
  );
  const { value, ...rest } = await stage.apply(x, reference, {
    ...round,
    ...(center && { reference: reference.matrix([Float32Array.from(center)]) }),
  });
  const entries = await reference.read(value);
  reference.release(value);
  const home = Array.from({ length: value.rows }, (_, i) =>
    Array.from(entries.subarray(i * value.cols, (i + 1) * value.cols)),
  );
  return { ...rest, rows: home, value: home[0]! };
}

/** A number as f32 holds it. */
export const f32: (value: number) => number = Math.fround;

/** The rows [1, 2, 3], [4, 5, 6], [7, 8, 9], for which byzfl's documentation prints results. */
export const BYZFL_ROWS: readonly (readonly number[])[] = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];

/**
 * One column on which the coordinate-wise rules differ, with f = 2: mean 17, median 2, trimmed mean
 * 23/6, MeaMed 2.1, Phocas 4.
 */
export const TELLING_COLUMN: readonly number[] = [8.5, -1, 100, 2, 0, 8.5, 1];
