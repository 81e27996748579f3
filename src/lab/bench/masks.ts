/**
 * Masks of secure aggregation: how fast are streams of ChaCha20 made and added, by portable code, by
 * Node's own, and on backends?
 *
 * @module
 */

import { type Mask, type Masks, referenceMasks } from '../../secagg/masks.ts';
import { nativeMasks } from '../../secagg/masks-node.ts';
import { backendMasks } from '../../secure-masks.ts';
import { type Bench, open, orProblem, places, type Question, type Timing, timed } from './bench.ts';
import { measure } from './stopwatch.ts';

const SIZE = { cols: 2 ** 20, keys: 64 };
const QUICK: typeof SIZE = { cols: 2 ** 12, keys: 5 };

type Size = typeof SIZE;

/** One row of words with so many masks, from memory to memory. */
export const maskTimes: Question = {
  name: 'masks',
  asks: 'How fast are masks made and added? (n: masks)',
  async ask(bench) {
    const { settings } = bench;
    const size = settings.quick ? QUICK : SIZE;
    const line = { ...lineOf(size), backend: 'reference', threads: 1 } as const;
    await time(bench, referenceMasks(), { size, line: { ...line, what: 'by noble' } });
    await time(bench, nativeMasks(), { size, line: { ...line, what: "by Node's own" } });
    const threads = [...new Set([1, ...settings.threads])];
    for (const place of places({ ...settings, threads })) await timeBackend(bench, { place, size });
  },
};

function lineOf({ cols, keys }: Size): Pick<Timing, 'question' | 'mode' | 'n' | 'd'> {
  return { question: 'masks', mode: 'resident', n: keys, d: cols };
}

async function timeBackend(
  bench: Bench,
  { place, size }: { place: ReturnType<typeof places>[number]; size: Size },
): Promise<void> {
  const shape = { ...lineOf(size), what: 'by a backend' };
  const opened = await open(bench, place);
  if (typeof opened === 'string') {
    bench.record({ ...shape, backend: place.name, problem: opened });
    return;
  }
  const { backend } = opened;
  try {
    let problem: string | undefined;
    const masks = backendMasks(backend, {
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      onFault: ({ message }) => {
        problem = message;
      },
    });
    const line = { ...shape, ...opened.place, kernels: ['addMasks'] };
    await time(bench, masks, { size, line, problem: () => problem });
  } finally {
    await backend.close();
  }
}

interface Timed {
  readonly size: Size;
  readonly line: Omit<Timing, 'seconds' | 'bandwidth'>;
  /** What turned out to be wrong meanwhile, if anything. */
  readonly problem?: () => string | undefined;
}

async function time(bench: Bench, masks: Masks, { size, line, problem }: Timed): Promise<void> {
  const words = new Uint32Array(size.cols);
  const given = keysOf(size.keys, bench.settings.seed);
  const found = await orProblem(line, async () => {
    const seconds = await measure(() => masks.add(words, given), bench.settings.repeats);
    const rate = (4 * size.cols * size.keys) / seconds.median;
    const wrong = problem?.();
    return timed(
      {
        ...line,
        note: `${(rate / 1e9).toFixed(2)} GB/s of keystream`,
        ...(wrong !== undefined && { problem: wrong }),
      },
      seconds,
    );
  });
  bench.record(found);
}

/** Of no secrecy: made of the seed. */
function keysOf(count: number, seed: number): Mask[] {
  return Array.from({ length: count }, (_, k) => ({
    key: Uint8Array.from({ length: 32 }, (_, i) => seed + 7 * k + i),
    sign: k % 2 === 0 ? 1 : -1,
  }));
}
