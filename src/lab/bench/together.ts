/**
 * Several rules on the same updates: by one call, which shares screen, upload and distances, and by a
 * call for each.
 *
 * @module
 */

import { aggregateAllWith, aggregateWith } from '../../aggregate.ts';
import { type Bench, open, orProblem, places, type Question, timed } from './bench.ts';
import { normalRows } from './data.ts';
import { race } from './stopwatch.ts';
import { attackersAmong, subject } from './subjects.ts';

/** Five rules, in an order that shares distances between three of them. */
function fiveRules(n: number): string[] {
  const f = attackersAmong(n);
  return [`multi-krum:f=${f}`, 'geometric-median', `caf:f=${f}`, `trimmed-mean:f=${f}`, 'median'];
}

/** `aggregateAll` of five rules against `aggregate` of each. */
export const together: Question = {
  name: 'together',
  asks: 'What do several rules take by one call, and by a call for each?',
  async ask(bench) {
    for (const place of places(bench.settings)) await compare(bench, place);
  },
};

async function compare(bench: Bench, place: ReturnType<typeof places>[number]): Promise<void> {
  const { settings } = bench;
  const shape = settings.quick ? settings.shapes[0]! : { n: 32, d: 1_000_000 };
  const subjects = (settings.rules ?? fiveRules(shape.n)).map(subject);
  const what = subjects.map(({ spec }) => spec).join(' ');
  const line = { question: 'together', what, mode: 'together', ...shape } as const;
  const opened = await open(bench, place);
  if (typeof opened === 'string') {
    bench.record({ ...line, backend: place.name, problem: opened });
    return;
  }
  const { backend } = opened;
  const all = aggregateAllWith(bench.createBackend);
  const single = aggregateWith(bench.createBackend);
  const rules = subjects.map(({ rule }) => rule);
  const updates = normalRows(shape, settings.seed);
  try {
    let times: Awaited<ReturnType<typeof race>> = [];
    const first = await orProblem({ ...line, ...opened.place }, async () => {
      times = await race(
        [
          async () => void (await all(updates, rules, { backend })),
          async () => {
            for (const rule of rules) await single(updates, rule, { backend });
          },
        ],
        settings.repeats,
      );
      return timed({ ...line, ...opened.place }, times[0]!);
    });
    bench.record(first);
    const [, oneByOne] = times;
    if (oneByOne) bench.record(timed({ ...line, ...opened.place, mode: 'one by one' }, oneByOne));
  } finally {
    await backend.close();
  }
}
