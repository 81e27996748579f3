/**
 * Sums of groups of rows as the kernels read them. Groups often share most rows: such a sum is that of
 * all rows less those that are left out, which modulo 2³² is the same.
 *
 * @module
 */

/** Words of the program for each group, before the rows. */
const HEADER_WORDS = 4;

export interface RowSumProgram {
  /** Rows that some group holds, ascending. The program counts rows by their place in here. */
  readonly used: readonly number[];
  /** Whether the sum of all used rows is wanted. */
  readonly needsTotal: boolean;
  /**
   * For each group four words: 1 where its sum starts from that of all used rows, else 0, then a, b
   * and c, such that words [a, b) of the program are the rows to add and [b, c) those to subtract.
   */
  readonly program: Uint32Array;
  /** Rows that are read for an entry of each group, and for the sum of all where it is wanted. */
  readonly reads: number;
}

/** What is to be added to a start, and what to be subtracted. A row may be there several times. */
interface Recipe {
  readonly fromTotal: boolean;
  readonly added: readonly number[];
  readonly subtracted: readonly number[];
}

/** The program for sums of the given groups of rows. A row counts as often as a group names it. */
export function rowSumProgram(groups: readonly (readonly number[])[]): RowSumProgram {
  const used = [...new Set(groups.flat())].sort((a, b) => a - b);
  const places = new Map(used.map((row, place) => [row, place]));
  const direct = groups.map((group) => {
    return { fromTotal: false, added: group.map((row) => places.get(row)!), subtracted: [] };
  });
  const shortest = direct.map((recipe) => shorter(recipe, fromTotal(recipe.added, used.length)));
  const saved = readsOf(direct) - readsOf(shortest);
  const needsTotal = saved > used.length;
  const recipes = needsTotal ? shortest : direct;
  const reads = readsOf(recipes) + (needsTotal ? used.length : 0);
  return { used, needsTotal, program: programOf(recipes), reads };
}

/** The same sum, from that of all `count` rows. */
function fromTotal(rows: readonly number[], count: number): Recipe {
  const times = new Uint32Array(count);
  for (const row of rows) times[row]!++;
  const added: number[] = [];
  const subtracted: number[] = [];
  for (const [row, named] of times.entries()) {
    if (named === 0) subtracted.push(row);
    for (let more = 1; more < named; more++) added.push(row);
  }
  return { fromTotal: true, added, subtracted };
}

function shorter(a: Recipe, b: Recipe): Recipe {
  return readsOf([b]) < readsOf([a]) ? b : a;
}

function readsOf(recipes: readonly Recipe[]): number {
  return recipes.reduce(
    (sum, { fromTotal, added, subtracted }) =>
      sum + Number(fromTotal) + added.length + subtracted.length,
    0,
  );
}

function programOf(recipes: readonly Recipe[]): Uint32Array {
  const rows = recipes.reduce((sum, { added, subtracted }) => {
    return sum + added.length + subtracted.length;
  }, 0);
  const program = new Uint32Array(HEADER_WORDS * recipes.length + rows);
  let at = HEADER_WORDS * recipes.length;
  for (const [k, { fromTotal, added, subtracted }] of recipes.entries()) {
    const middle = at + added.length;
    const end = middle + subtracted.length;
    program.set([Number(fromTotal), at, middle, end], HEADER_WORDS * k);
    program.set(added, at);
    program.set(subtracted, middle);
    at = end;
  }
  return program;
}
