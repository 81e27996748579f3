/**
 * Golden vectors of rules, stages and attacks: updates in, a matrix out.
 *
 * @module
 */

import type { CaseKind } from './case.ts';
import { compare } from './compare.ts';
import { isKnown, subjectFor } from './subjects.ts';

/** Cases of what `subjects.ts` knows. */
export const ruleCases: CaseKind = {
  knows: isKnown,
  read(golden, entry) {
    const wanted = golden.read(entry);
    const subject = subjectFor(wanted.rule, wanted.params, wanted.rows);
    return {
      input: wanted.input,
      async run({ input, x }, backend) {
        const value = await subject(x, backend);
        const [rows, cols] = wanted.shape;
        if (value.rows !== rows || value.cols !== cols) {
          throw new Error(`the result must be ${rows}×${cols}, got ${value.rows}×${value.cols}`);
        }
        const result = await backend.read(value);
        backend.release(value);
        return compare(result, wanted, input);
      },
    };
  },
};
