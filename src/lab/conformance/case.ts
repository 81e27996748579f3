/**
 * Golden cases of every kind, in one shape: what they are run on, and what comes of it.
 *
 * @module
 */

import type { Backend, Matrix } from '../../backend/kernels.ts';
import { FormatError } from '../../core/errors.ts';
import type { Verdict } from './compare.ts';
import type { Golden, GoldenEntry } from './golden.ts';
import type { GoldenInput } from './reference.ts';

/**
 * The numbers of an input. Cases of one input stand together and share the expression, hence what
 * the backend remembers of it: its distances are computed once for all rules, as in a server.
 */
export interface Updates {
  readonly input: GoldenInput;
  readonly x: Matrix;
}

/** A case, read. What it throws when run is why it fails. */
export type ReadCase =
  | {
      /** Name of the input. */
      readonly input: string;
      run(updates: Updates, backend: Backend): Promise<Verdict>;
    }
  /** A case without updates. */
  | { readonly input?: undefined; run(): Verdict };

/** A kind of case: which golden rules are of it, and how their cases are read. */
export interface CaseKind {
  knows(rule: string): boolean;
  /**
   * @throws {FormatError} `malformed`; the message names the case and the field. `unsupported` if the
   *   case needs a part that we do not have.
   * @throws {RangeError} or {TypeError} if what is asked refuses a parameter’s value.
   */
  read(golden: Golden, entry: GoldenEntry): ReadCase;
}

/**
 * The numbers of an input that is one long vector, as rows.
 *
 * @throws {FormatError} `malformed` if they are not as many.
 */
export function rowsIn(
  { values }: GoldenInput,
  [rows, cols]: readonly [rows: number, cols: number],
): Float32Array[] {
  if (values.length !== rows * cols) {
    throw new FormatError('malformed', `input must have ${rows * cols} numbers`);
  }
  return Array.from({ length: rows }, (_, i) => values.subarray(i * cols, (i + 1) * cols));
}
