/**
 * Noise on the integers: how many coordinates a second get theirs, by one, two and three draws from
 * tables?
 *
 * @module
 */

import type { LatticeNoise } from '../../backend/kernels.ts';
import { gaussianPlan } from '../../privacy/lattice/noise-plan.ts';
import { type Bench, open, orProblem, places, type Question, timed } from './bench.ts';
import { measure } from './stopwatch.ts';

/** Values of σ that take one, two and three draws. */
const SIGMAS = [2 ** 8, 2 ** 14, 2 ** 20] as const;
const COLS = 2 ** 22;
const QUICK_COLS = 2 ** 14;

/** Discrete Gaussian noise on one row of words, from memory to memory. */
export const noiseTimes: Question = {
  name: 'noise',
  asks: 'How fast is noise on the integers?',
  async ask(bench) {
    const { settings } = bench;
    const noises = SIGMAS.map((sigma) => noiseOf(sigma, settings.seed));
    const d = settings.quick ? QUICK_COLS : COLS;
    // One thread is what the limit is set for.
    const threads = [...new Set([1, ...settings.threads])];
    for (const place of places({ ...settings, threads })) {
      await timeNoise(bench, { place, noises, d });
    }
  },
};

/** Of no secrecy: the key is made of the seed. */
function noiseOf(sigma: number, seed: number): LatticeNoise {
  const key = Uint8Array.from({ length: 32 }, (_, i) => seed + i);
  return { key, nonce: [0, 0, 0], draws: gaussianPlan(sigma).draws };
}

interface Group {
  readonly place: ReturnType<typeof places>[number];
  readonly noises: readonly LatticeNoise[];
  readonly d: number;
}

async function timeNoise(bench: Bench, { place, noises, d }: Group): Promise<void> {
  const shape = { question: 'noise', mode: 'resident', n: 1, d } as const;
  const opened = await open(bench, place);
  if (typeof opened === 'string') {
    bench.record({ ...shape, what: 'all', backend: place.name, problem: opened });
    return;
  }
  const { backend } = opened;
  try {
    const x = backend.words([new Uint32Array(d)]);
    const into = new Uint32Array(d);
    for (const noise of noises) {
      const line = { ...shape, what: nameOf(noise.draws.length), ...opened.place };
      const found = await orProblem(line, async () => {
        const noisy = backend.addLatticeNoise(x, noise);
        const run = (): Promise<Uint32Array> => backend.readWords(noisy, into);
        const seconds = await measure(run, bench.settings.repeats);
        const note = `${(d / seconds.median / 1e6).toFixed(1)} million coordinates/s`;
        return timed({ ...line, kernels: backend.explain(noisy), note }, seconds);
      });
      bench.record(found);
    }
  } finally {
    await backend.close();
  }
}

function nameOf(draws: number): string {
  return `noise of ${draws} ${draws === 1 ? 'draw' : 'draws'}`;
}

/** What has the limit: three draws, as a large σ takes. */
export const LIMITED_NOISE: string = nameOf(SIGMAS.length);
