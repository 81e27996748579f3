/**
 * What the searches of MDA and SMEA share: a walk through parts of all subsets that counts its steps,
 * pauses and ends on demand, and the step from any best subset to the first of the best.
 *
 * @module
 */

import { AggregationError } from '../core/errors.ts';
import { Turns } from '../core/turn.ts';

/** What a search is for and how long it may take. */
export interface SearchLimits {
  /** Name of the rule, for messages. */
  readonly rule: string;
  /** Rows to choose from. */
  readonly n: number;
  /** Rows to choose. */
  readonly size: number;
  /** Parts that may be looked at, in all walks together. */
  readonly maxSubsets: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of a look at a part: smaller parts to look at in turn, or the end of the walk. */
export type Look<Part> = readonly Part[] | 'found';

/** Walks through parts of a space of subsets. */
export class SubsetSearch {
  readonly limits: SearchLimits;
  readonly #turns: Turns;
  #looked = 0;

  constructor(limits: SearchLimits) {
    this.limits = limits;
    this.#turns = new Turns(limits.signal);
  }

  /**
   * Looks at `root`, then depth first at the parts that each look leaves, until a look has found what
   * it was for. Whether one has.
   *
   * @throws {AggregationError} `cost-limit` once more than `maxSubsets` parts would be looked at.
   * @throws The signal's reason, within some 50 ms of its being aborted.
   */
  async walk<Part>(root: Part, look: (part: Part) => Look<Part>): Promise<boolean> {
    const open = [root];
    while (open.length > 0) {
      if (this.#turns.due) await this.#turns.take();
      this.#count();
      const parts = look(open.pop()!);
      if (parts === 'found') return true;
      for (let k = parts.length - 1; k >= 0; k--) open.push(parts[k]!);
    }
    return false;
  }

  #count(): void {
    const { rule, n, size, maxSubsets } = this.limits;
    if (++this.#looked <= maxSubsets) return;
    throw new AggregationError(
      'cost-limit',
      `${rule} looked at ${maxSubsets} partial subsets on its way to ${size} of ${n} rows in vain: ` +
        'raise maxSubsets or lower f',
    );
  }
}

/**
 * The first subset in lexicographic order among those that will do, from one of them. `complete` finds
 * one that holds the `kept` rows and otherwise rows of `among`, if there is one. It is asked for at most
 * n subsets; where few will do, for about as many as rows are left out.
 */
export async function firstSubset(
  { known, n }: { readonly known: readonly number[]; readonly n: number },
  complete: (
    kept: readonly number[],
    among: readonly number[],
  ) => Promise<readonly number[] | undefined>,
): Promise<readonly number[]> {
  const kept: number[] = [];
  let subset = known;
  let among = Array.from({ length: n }, (_, row) => row);
  for (let row = 0; kept.length < known.length; row++) {
    const other = subset.includes(row) ? subset : await complete([...kept, row], among);
    if (other === undefined) {
      among = among.filter((left) => left !== row);
    } else {
      subset = other;
      kept.push(row);
    }
  }
  return kept;
}
